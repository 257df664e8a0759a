"""Scores as tables for the terminal."""

from __future__ import annotations

from typing import Any

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
        caption=_caption(first),
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


def _caption(report: dict[str, Any]) -> str:
    text = f"percent; intervals: 95 % bootstrap over {report['ci95_resampled']}s"
    if report["ci95_resampled"] == "image":
        return f"{text}, too narrow: the images are of one group"
    few = report["groups"] < ENOUGH_GROUPS
    return f"{text}, too narrow: only {report['groups']} groups" if few else text


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
