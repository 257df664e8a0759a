"""Scores as tables for the terminal."""

from typing import Any

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
        caption=caption(first["ci95_resampled"], first["ci95_units"]),
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("")
    for name in names:
        table.add_column(escape(name), justify="right")
    for key, score in SCORES.items():
        shown = [_with_interval(report[key], report["ci95"].get(key)) for report in reports]
        table.add_row(score.title, *shown, end_section=key == list(SCORES)[-1])
    rare = first["too_few_units"]
    for name in first["per_class"]:
        intervals = [report["ci95"]["per_class"].get(name) for report in reports]
        values = [report["per_class"][name] for report in reports]
        marked = name in rare and any(value is not None for value in values)
        shown = [_with_interval(value, ends) for value, ends in zip(values, intervals, strict=True)]
        table.add_row(escape(name) + (" *" if marked else ""), *shown)
    if rare:
        table.caption = (
            f"{table.caption}\n* in too few {UNITS[first['ci95_resampled']]}s (fewer than {FEWEST_UNITS}) to be ranked"
        )
    return table


UNITS = {"group": "group", "block": "stretch", "none": "drive"}
"""What is resampled, in words, by its name in `evaluation/<split>.json`."""


def caption(unit: str, units: int) -> str:
    """What the intervals rest on: groups, stretches of few groups, or nothing."""
    if unit == "none":
        return "percent; no intervals: the images are of one group, and few"
    text = "percent; intervals: 95 % bootstrap over"
    if unit == "block":
        return f"{text} {units} stretches of consecutive images: nothing about other groups"
    return f"{text} {units} groups" + (", which are too few to compare" if units < FEWEST_UNITS else "")


def cells(values: list[float | None]) -> list[str]:
    """Shares in percent with one decimal; a dash for one that is not known."""
    return ["–" if value is None else f"{100 * value:.1f}" for value in values]


def _with_interval(value: float | None, interval: list[float | None] | None) -> str:
    (cell,) = cells([value])
    if interval is None or interval[0] is None or interval[1] is None:
        return cell
    return f"{cell} ({100 * interval[0]:.1f}–{100 * interval[1]:.1f})"
