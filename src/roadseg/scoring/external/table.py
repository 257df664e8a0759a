"""The scores of all conventions for the terminal: numbers with bars, and why they differ."""

from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from roadseg.scoring.external.explain import points

BAR = 24
"""Width in characters of the span from the lowest score to the highest."""


def spread_table(report: dict[str, Any]) -> Table:
    """All conventions by score, the highest first, with the gap to ours and a bar from ours to theirs."""
    table = Table(
        title="mean IoU by convention, percent", title_justify="left", box=box.SIMPLE_HEAD, caption_justify="left",
        caption="gap: points above or below roadseg's; the bar runs from roadseg's score to the convention's",
    )  # fmt: skip
    table.add_column("")
    for heading in ("score", "gap"):
        table.add_column(heading, justify="right")
    table.add_column("", no_wrap=True)
    ours = report["mean_iou"]
    known = [entry["score"] for entry in report["conventions"] if entry["score"] is not None]
    low, high = min([*known, ours]), max([*known, ours])
    rows = [("roadseg", ours), *((entry["name"], entry["score"]) for entry in report["conventions"])]
    for name, score in sorted(rows, key=lambda row: -1 if row[1] is None else row[1], reverse=True):
        if score is None:
            table.add_row(escape(name), "–", "", "undefined")
            continue
        cells = escape(name), f"{100 * score:.1f}", points(score - ours), _bar(score, ours, low, high)
        table.add_row(*cells, style="bold" if name == "roadseg" else "")
    return table


def _bar(score: float, ours: float, low: float, high: float) -> str:
    """From ours, marked by a line, to the score."""
    place = [round(BAR * (one - low) / max(high - low, 1e-9)) for one in (ours, score)]
    left, right = min(place), max(place)
    cells = [" " * left, "█" * (right - left), " " * (BAR - right)]
    cells.insert(1 if place[0] == left else 2, "│")
    return "".join(cells).rstrip()


def reasons(report: dict[str, Any]) -> list[str]:
    """Why the conventions differ from ours, those with the same reason together, the largest gap first."""
    by_reason: dict[str, list[dict[str, Any]]] = {}
    for entry in report["conventions"]:
        by_reason.setdefault(entry["because"], []).append(entry)
    groups = sorted(by_reason.items(), key=lambda item: -max(abs(entry["gap"] or 0) for entry in item[1]))
    return [f"{'; '.join(entry['name'] for entry in entries)}\n    {reason}" for reason, entries in groups]
