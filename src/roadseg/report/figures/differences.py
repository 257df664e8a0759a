"""Differences of two arms, drawn: mIoU and every class with its interval around the line of no difference."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from markupsafe import Markup

from roadseg.report.comparison import words
from roadseg.report.comparison.arms import Comparison
from roadseg.report.comparison.contrasts import LEVEL, Contrast
from roadseg.report.figures import svg
from roadseg.report.figures.panel import Place, Row, axis, grid, percentage, rows
from roadseg.report.figures.svg import element
from roadseg.scoring.stats import FEWEST_UNITS

REACH = 0.4
"""Intervals beyond it are cut off, so that one class of which little is known does not flatten all others."""


def tables(comparison: Comparison, pairs: Sequence[Contrast]) -> list[dict[str, Any]]:
    """One table for each pair that a verdict is about: rows of mIoU and the classes, largest first."""
    return [_table(comparison, contrast) for contrast in pairs]


def files(comparison: Comparison, pairs: Sequence[Contrast]) -> dict[str, Markup]:
    """The same as drawings, by the names of their files."""
    return {f"difference-{number}.svg": _drawing(comparison, pair) for number, pair in enumerate(pairs, 1)}


def _title(contrast: Contrast) -> str:
    return f"{contrast.a} minus {contrast.b}"


def _table(comparison: Comparison, contrast: Contrast) -> dict[str, Any]:
    ticks = _ticks(contrast)
    place = percentage(ticks)
    return {
        "title": _title(contrast),
        "axis": axis(ticks, place, 12),
        "grid": grid(ticks, place, "0%", "100%", zero=True),
        "rows": [
            {
                "name": name,
                "points": words.signed(value),
                "interval": "–" if np.isnan(low) else f"{words.signed(low)} to {words.signed(high)}",
                "p": "–" if np.isnan(p) else words.p_words(p).removeprefix("p ").removeprefix("= "),
                "track": _track(value, (low, high), kind, ticks, place, 13),
            }
            for name, value, (low, high), p, kind in _rows(comparison, contrast)
        ],
    }


def _rows(comparison: Comparison, contrast: Contrast) -> list[tuple[str, float, tuple[float, float], float, str]]:
    """Name, difference, interval, corrected p and the kind of mark: the arm's class, `open` or `rare`."""
    names = [arm.name for arm in comparison.arms]

    def winner(value: float) -> str:
        return svg.arm_class(names.index(contrast.a if value > 0 else contrast.b))

    overall = winner(contrast.miou) if contrast.p_holm <= LEVEL else "open"
    rows = [("mIoU", contrast.miou, contrast.interval, contrast.p_holm, overall)]
    for index in np.argsort(-comparison.shares, kind="stable"):
        value, (low, high) = float(contrast.of_class[index]), contrast.intervals_of_class[index]
        if np.isnan(value):
            continue
        rare = contrast.units_with_class[index] < FEWEST_UNITS
        kind = "rare" if rare else winner(value) if contrast.holds[index] else "open"
        p = float(contrast.p_of_class[index])
        rows.append((comparison.space.names[index], value, (float(low), float(high)), p, kind))
    return rows


def _ticks(contrast: Contrast) -> list[float]:
    ends = np.concatenate([contrast.intervals_of_class.ravel(), contrast.of_class, contrast.interval, [0.0]])
    known = np.clip(ends[~np.isnan(ends)], -REACH, REACH)
    return svg.ticks(float(known.min()), float(known.max()), 7)


def _track(
    value: float, interval: tuple[float, float], kind: str, ticks: list[float], place: Place, y: float
) -> Markup:
    low, high = (float(np.clip(end, ticks[0], ticks[-1])) for end in interval)
    at = place(float(np.clip(value, ticks[0], ticks[-1])))
    parts = []
    if not np.isnan(low):
        parts.append(element("line", class_="interval", x1=place(low), x2=place(high), y1=y, y2=y))
    shape = "dot" if kind.startswith("arm-") else "dot hollow"
    parts.append(element("circle", class_=shape, cx=at, cy=y, r=4.5))
    return element("g", *parts, class_=f"effect {kind}")


def _drawing(comparison: Comparison, contrast: Contrast) -> Markup:
    ticks = _ticks(contrast)
    lines = [
        Row(
            name,
            partial(_track, value, interval, kind, ticks),
            words.signed(value),
            "heading" if name == "mIoU" else "name",
        )
        for name, value, interval, _, kind in _rows(comparison, contrast)
    ]
    heads = (f"{_title(contrast)}, points of IoU", "")
    return rows(f"Differences of {_title(contrast)}", heads, ticks, lines, height=24, zero=True)
