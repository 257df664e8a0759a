"""Look at every file, then put together what was found."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from roadseg.check import borders, classes, coding, duplicates, files, shift
from roadseg.check.find import Found
from roadseg.check.finding import Finding, in_order, plural
from roadseg.check.seen import ImageFacts, LabelFacts, Seen, look
from roadseg.hardware import cpu_count
from roadseg.labels import LabelSpace
from roadseg.progress import Display

COLORS = {"error": "red", "warning": "yellow", "hint": "cyan"}
NAMED = 3
"""Files of a finding that the terminal names."""
AHEAD = 256
"""Records that are handed to the threads at a time, so that Ctrl-C has little to wait for."""


def look_at(found: Found, display: Display, threads: int | None = None) -> list[Seen]:
    """The facts of all records, in order, by one thread for each core."""
    todo = [(record, part) for part, records in found.parts.items() for record in records]
    display.begin("checking", len(todo))
    seen: list[Seen] = []
    pool = ThreadPoolExecutor(threads or cpu_count())
    try:
        for first in range(0, len(todo), AHEAD):
            for one in pool.map(lambda pair: look(*pair), todo[first : first + AHEAD]):
                seen.append(one)
                display.advance()
    finally:
        pool.shutdown(cancel_futures=True)
    return seen


def judge(found: Found, seen: Sequence[Seen]) -> list[Finding]:
    """All findings, errors first."""
    return in_order(
        [
            *files.find(seen, found.images, found.labels),
            *coding.find(seen, found.space),
            *borders.find(seen),
            *shift.find(seen),
            *classes.find(seen, found.space),
            *duplicates.find(seen),
        ]
    )


def finding_table(findings: Sequence[Finding], root: Path) -> Table:
    """What was found, the first files of each, and the remedy."""
    table = Table(box=box.SIMPLE_HEAD, expand=False)
    table.add_column("")
    table.add_column("found", overflow="fold", ratio=1)
    table.add_column("remedy", overflow="fold", ratio=1)
    for finding in findings:
        names = [_short(name, root) for name in finding.files]
        if finding.mark == "pair":
            names = [f"{one} = {two}" for one, two in zip(names[::2], names[1::2], strict=True)]
        more = f"\n... and {len(names) - NAMED} more" if len(names) > NAMED else ""
        listed = escape("\n".join(["", *names[:NAMED]]) + more)
        color = COLORS[finding.severity]
        table.add_row(
            f"[{color}]{finding.severity}[/{color}]",
            f"{escape(finding.what)}[dim]{listed}[/dim]",
            escape(finding.remedy),
        )
    return table


def _short(name: str, root: Path) -> str:
    path = Path(name)
    return str(path.relative_to(root)) if path.is_relative_to(root) else name


def summary(found: Found, findings: Sequence[Finding]) -> str:
    """`468 images in train, val: 1 error, 2 warnings`."""
    counts = [
        plural(number, kind)
        for kind in ("error", "warning", "hint")
        if (number := sum(finding.severity == kind for finding in findings))
    ]
    parts = ", ".join(f"{len(records)} in {part}" for part, records in found.parts.items())
    return f"{plural(found.count, 'image')} ({parts}): {', '.join(counts) or 'nothing found'}"


def as_json(found: Found, seen: Sequence[Seen], findings: Sequence[Finding], root: Path) -> dict[str, Any]:
    """The content of `check.json`."""
    return {
        "root": str(root),
        "labels": found.space.name if found.space else None,
        "parts": {part: len(records) for part, records in found.parts.items()},
        "errors": sum(finding.severity == "error" for finding in findings),
        "findings": [finding.as_json() for finding in findings],
        "unreadable": sum(isinstance(one.image, str) or isinstance(one.label, str) for one in seen),
    }


def draft(found: Found, seen: Sequence[Seen]) -> str:
    """A `roadseg.yaml` for a folder that has none: paths, a class for each value; "" where that cannot be."""
    read = [one.label for one in seen if isinstance(one.label, LabelFacts)]
    kinds = {label.kind for label in read}
    values = sorted(set().union(*(label.values for label in read))) if read else []
    if (
        found.paths is None
        or len(kinds) != 1
        or not 2 <= len(values) <= 64
        or any(v > 255 for v in values if kinds != {"colors"})
    ):
        return ""
    images, masks = found.paths
    lines = [f"images: {images}", f"masks: {masks}", "labels:", "  name: my camera"]
    ignored = [] if values in ([0, 255], [0, 1]) or kinds == {"colors"} else [value for value in values if value == 255]
    if kinds == {"colors"}:
        lines += ["  coding: colors"]
    lines += ["  classes:"]
    for number, value in enumerate(value for value in values if value not in ignored):
        color = _color(value, number, kinds == {"colors"})
        lines.append(f"    - {{name: class {number}, id: {number if kinds == {'colors'} else value}, color: {color}}}")
    if ignored:
        lines += ["  ignored:", "    - {name: unlabelled, id: 255, color: [0, 0, 0]}"]
    return "\n".join(lines) + "\n"


def _color(value: int, number: int, is_color: bool) -> list[int]:
    """The label's own colour, or Pascal VOC's of that number: the bits of the number, spread over the channels."""
    if is_color:
        return [value >> 16, value >> 8 & 255, value & 255]
    return [sum((number + 1 >> 3 * bit + channel & 1) << 7 - bit for bit in range(8)) for channel in range(3)]


def stats_table(found: Found, seen: Sequence[Seen], space: LabelSpace) -> Table:
    """For each part: images, groups and sizes, then each class's share of the pixels and the images that have it."""
    table = Table(
        box=box.SIMPLE_HEAD, caption="share of all pixels; images that have the class", caption_justify="left"
    )
    table.add_column("")
    for part in found.parts:
        table.add_column(escape(part), justify="right")
    rows: dict[str, list[str]] = {"images": [], "groups": [], "sizes": []}
    for part, records in found.parts.items():
        mine = [one for one in seen if one.part == part and isinstance(one.image, ImageFacts)]
        sizes = {one.image.size for one in mine if isinstance(one.image, ImageFacts)}
        least, most = (min(sizes), max(sizes)) if sizes else ((0, 0), (0, 0))
        rows["images"].append(str(len(records)))
        rows["groups"].append(str(len({record.group for record in records})))
        rows["sizes"].append(f"{least[1]}x{least[0]}" + (f" to {most[1]}x{most[0]}" if least != most else ""))
    for name, cells in rows.items():
        table.add_row(name, *cells, end_section=name == "sizes")
    counted = classes.shares(seen, space)
    for index, name in enumerate([*space.names, "unlabelled"]):
        cells = []
        for part in found.parts:
            pixels = counted.of(part)
            share = pixels[:, index].sum() / max(1, pixels.sum())
            cells.append(f"{100 * share:.2f} %  {(pixels[:, index] > 0).sum():>5}")
        table.add_row(escape(name), *cells)
    return table
