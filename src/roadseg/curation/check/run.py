"""Inspect every pair of files, then diagnose what is wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from roadseg.curation.check import borders, classes, coding, duplicates, files, shift
from roadseg.curation.check.facts import PairFacts, inspect
from roadseg.curation.check.finding import Finding, in_order, plural
from roadseg.curation.check.inputs import Inputs
from roadseg.system.processes import cpu_count
from roadseg.system.progress import Display
from roadseg.system.threads import ahead

COLORS = {"error": "red", "warning": "yellow", "hint": "cyan"}
NAMED = 3
"""Files of a finding that the terminal names."""


def inspect_all(inputs: Inputs, display: Display, threads: int | None = None) -> list[PairFacts]:
    """The facts of all pairs, in order; by default with one thread for each core."""
    todo = [(record, part) for part, records in inputs.parts.items() for record in records]
    display.begin("checking", len(todo))
    inspected: list[PairFacts] = []
    for facts in ahead(lambda pair: inspect(*pair), todo, threads or cpu_count()):
        inspected.append(facts)
        display.advance()
    return coding.grey_among_colors(inspected, inputs.space)


def diagnose(inputs: Inputs, inspected: Sequence[PairFacts]) -> list[Finding]:
    """All findings, errors first. Classes are not judged where most labels are coded in another way."""
    coded = list(coding.check_coding(inspected, inputs.space))
    misread = {name for finding in coded if finding.severity == "error" for name in finding.files}
    return in_order(
        [
            *files.check_files(inspected, inputs.images, inputs.labels),
            *borders.check_borders(inspected),
            *coded,
            *shift.check_alignment(inspected),
            *classes.check_classes(inspected, None if len(misread) > len(inspected) / 2 else inputs.space),
            *duplicates.check_duplicates(inspected),
        ]
    )


def finding_table(findings: Sequence[Finding], root: Path) -> Table:
    """Each finding, its first files, and the remedy."""
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


def summary(inputs: Inputs, findings: Sequence[Finding]) -> str:
    """`468 images in train, val: 1 error, 2 warnings`."""
    counts = [
        plural(number, kind)
        for kind in ("error", "warning", "hint")
        if (number := sum(finding.severity == kind for finding in findings))
    ]
    parts = ", ".join(f"{len(records)} in {part}" for part, records in inputs.parts.items())
    return f"{plural(inputs.count, 'image')} ({parts}): {', '.join(counts) or 'nothing found'}"


def as_json(inputs: Inputs, inspected: Sequence[PairFacts], findings: Sequence[Finding], root: Path) -> dict[str, Any]:
    """The content of `check.json`."""
    return {
        "root": str(root),
        "labels": inputs.space.name if inputs.space else None,
        "parts": {part: len(records) for part, records in inputs.parts.items()},
        "errors": sum(finding.severity == "error" for finding in findings),
        "findings": [finding.as_json() for finding in findings],
        "unreadable": sum(isinstance(one.image, str) or isinstance(one.label, str) for one in inspected),
    }
