"""Scores as tables for the terminal."""

from __future__ import annotations

from typing import Any, NamedTuple

from rich import box
from rich.markup import escape
from rich.table import Table

from roadseg.scoring.metrics import SCORES
from roadseg.scoring.stats import FEWEST_UNITS


def score_table(names: list[str], reports: list[dict[str, Any]], split: str) -> Table:
    """One column for each report: every score and the IoU of each class in percent, with 95 % intervals where one is
    known.

    Nothing is bold: the highest is not thereby better. A class that never occurs has a dash; one that too few drives
    hold has a star.
    """
    first = reports[0]
    table = Table(
        title=f"{escape(split)}: images {first['images']}, groups {first['groups']}",
        caption=caption(first["ci95_resampled"], first.get("ci95_units", first["groups"])),
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("")
    for name in names:
        table.add_column(escape(name), justify="right")
    for key, title in SCORES.items():
        cells = [_with_interval(report[key], report["ci95"].get(key)) for report in reports]
        table.add_row(title, *cells, end_section=key == "mean_accuracy")
    rare = first.get("too_few_units", [])
    for name in first["per_class"]:
        intervals = [report["ci95"].get("per_class", {}).get(name) for report in reports]
        values = [report["per_class"][name] for report in reports]
        marked = name in rare and any(value is not None for value in values)
        cells = [_with_interval(value, ends) for value, ends in zip(values, intervals, strict=True)]
        table.add_row(escape(name) + (" *" if marked else ""), *cells)
    if rare:
        table.caption = (
            f"{table.caption}\n* in too few {UNITS[first['ci95_resampled']]}s (fewer than {FEWEST_UNITS}) to be ranked"
        )
    return table


UNITS = {"group": "group", "block": "stretch", "none": "drive", "image": "image"}
"""What is resampled, in words, by its name in `evaluation/<split>.json`; `image` stands in older files."""


class Row(NamedTuple):
    """An arm of a study: its mean scores over the seeds, what its seeds' mIoU spans, and mIoU's interval, if known."""

    name: str
    means: dict[str, float | None]
    span: tuple[float | None, float | None]
    interval: tuple[float | None, float | None]


SHORT = ("mean_iou", "micro_iou", "pixel_accuracy")
"""The scores in a table of many arms."""


def arm_table(rows: list[Row], title: str, below: str, seeds: int) -> Table:
    """One row for each arm, in percent; with the range of mIoU where there are several seeds."""
    table = Table(
        title=escape(title), title_justify="left", caption=escape(below), caption_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_column("", overflow="fold")
    columns = {SCORES[key]: _cells([row.means[key] for row in rows]) for key in SHORT}
    extra = {"95 %": [_span(*row.interval) for row in rows]}
    if seeds > 1:
        extra = {f"{seeds} seeds": [_span(*row.span) for row in rows], **extra}
    first, *others = columns
    ordered = {first: columns[first], **extra, **{name: columns[name] for name in others}}
    for heading in ordered:
        table.add_column(heading, justify="right")
    for row, *cells in zip(rows, *ordered.values(), strict=True):
        table.add_row(escape(row.name), *cells)
    return table


def _span(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{100 * low:.1f}–{100 * high:.1f}"


def caption(unit: str, units: int) -> str:
    """What the intervals rest on: groups, stretches of few groups, or nothing."""
    if unit == "none":
        return "percent; no intervals: the images are of one group, and few"
    text = "percent; intervals: 95 % bootstrap over"
    if unit == "block":
        return f"{text} {units} stretches of consecutive images: nothing about other groups"
    if unit == "image":
        return f"{text} images, too narrow: the images are of one group"
    return f"{text} {units} groups" + (", which are too few to compare" if units < FEWEST_UNITS else "")


def _cells(values: list[float | None]) -> list[str]:
    return ["–" if value is None else f"{100 * value:.1f}" for value in values]


def _with_interval(value: float | None, interval: list[float | None] | None) -> str:
    (cell,) = _cells([value])
    if interval is None or interval[0] is None or interval[1] is None:
        return cell
    return f"{cell} ({100 * interval[0]:.1f}–{100 * interval[1]:.1f})"


def learning_table(rows: list[dict[str, str]]) -> Table:
    """Learning curves, a row for each number of images, as `roadseg.report.comparison.learning` has them."""
    table = Table(
        title="mIoU by the number of training images", title_justify="left", box=box.SIMPLE_HEAD,
        caption="percent, and points on the same drives", caption_justify="left",
    )  # fmt: skip
    table.add_column("", overflow="fold")
    for heading in ("images", "mIoU", "95 %", "points more", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        images = f"{row['expected']} {row['images']}".strip()
        cells = (row["name"], images, *(row[key] for key in ("score", "interval", "gain", "gain_interval")))
        table.add_row(*map(escape, cells))
    return table


def suspect_table(rows: list[dict[str, Any]], images: int, most: int = 10) -> Table:
    """The first suspect labels, as `roadseg.curation.suspects.rows` has them."""
    title = f"{len(rows)} suspect regions in {images} images" + (f", the first {most}" if len(rows) > most else "")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading, justify in (("", "right"), ("image", "left"), ("labelled", "left"), ("looks like", "left")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for heading in ("box", "pixels", "score"):
        table.add_column(heading, justify="right")
    for row in rows[:most]:
        place = f"{row['left']},{row['top']} {row['right']},{row['bottom']}"
        cells = (row["rank"], row["image"], row["label"], row["prediction"], place, row["pixels"])
        table.add_row(*(escape(str(cell)) for cell in cells), f"{row['score']:.1f}")
    return table
