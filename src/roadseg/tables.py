"""Scores as tables for the terminal."""

from __future__ import annotations

from typing import Any, NamedTuple

from rich import box
from rich.markup import escape
from rich.table import Table

SCORES = {
    "mean_iou": "mIoU",
    "micro_iou": "micro IoU",
    "frequency_weighted_iou": "freq. weighted IoU",
    "pixel_accuracy": "pixel accuracy",
    "mean_accuracy": "mean accuracy",
}

ENOUGH_GROUPS = 12
"""With fewer groups a percentile interval covers the truth clearly less often than it says (docs/log.md)."""


def score_table(names: list[str], reports: list[dict[str, Any]], split: str) -> Table:
    """One column for each report: mIoU with its 95 % interval, the other scores, and the IoU of each class, in percent.

    The best of several is bold; a class that never occurs has a dash.
    """
    first = reports[0]
    table = Table(
        title=f"{escape(split)}: images {first['images']}, groups {first['groups']}",
        caption=caption(first["ci95_resampled"], first["groups"]),
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("")
    for name in names:
        table.add_column(escape(name), justify="right")
    for key, title in SCORES.items():
        values = [report[key] for report in reports]
        cells = _cells(values)
        if key == "mean_iou":
            cells = [f"{cell} {_interval(report)}" for cell, report in zip(cells, reports, strict=True)]
        table.add_row(title, *cells, end_section=key == "mean_accuracy")
    for name in first["per_class"]:
        table.add_row(escape(name), *_cells([report["per_class"][name] for report in reports]))
    return table


class Row(NamedTuple):
    """An arm of a study: its mean scores over the seeds, what its seeds' mIoU spans, and mIoU's interval, if known."""

    name: str
    means: dict[str, float | None]
    span: tuple[float | None, float | None]
    interval: tuple[float | None, float | None]


SHORT = ("mean_iou", "micro_iou", "pixel_accuracy")
"""The scores in a table of many arms."""


def arm_table(rows: list[Row], title: str, below: str, seeds: int) -> Table:
    """One row for each arm, in percent; with the range of mIoU where there are several seeds. The best are bold."""
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


def caption(unit: str, groups: int) -> str:
    """What the intervals rest on: resampled groups, or images where all are of one group."""
    text = f"percent; intervals: 95 % bootstrap over {unit}s"
    if unit == "image":
        return f"{text}, too narrow: the images are of one group"
    return f"{text}, too narrow: only {groups} groups" if groups < ENOUGH_GROUPS else text


def _cells(values: list[float | None]) -> list[str]:
    known = [value for value in values if value is not None]
    best = max(known) if len(known) > 1 and max(known) > min(known) else None
    texts = ["–" if value is None else f"{100 * value:.1f}" for value in values]
    return [
        f"[bold]{text}[/bold]" if value is not None and value == best else text
        for value, text in zip(values, texts, strict=True)
    ]


def _interval(report: dict[str, Any]) -> str:
    low, high = report["ci95"]["mean_iou"]
    return "" if low is None else f"({100 * low:.1f}–{100 * high:.1f})"


def suspect_table(rows: list[dict[str, Any]], images: int, most: int = 10) -> Table:
    """The first suspect labels, as `roadseg.suspects.rows` has them."""
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
