"""The figures of "Where and why"."""

from functools import partial

import numpy as np
from markupsafe import Markup

from roadseg.report.comparison.anatomy import Anatomy, Panel as Shown, oracle_iou
from roadseg.report.comparison.arms import Comparison
from roadseg.report.figures import svg
from roadseg.report.figures.panel import Panel, Place, Row, percents, rows, side_by_side
from roadseg.report.figures.svg import element
from roadseg.scoring import metrics
from roadseg.system.progress import percent

TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def panels(drawn: list[Shown]) -> list[tuple[str, Markup]]:
    """Titles and drawings: a score of all arms over parts of the pixels, with 95 % intervals."""
    return [(shown.title, _panel(shown)) for shown in drawn]


def _panel(shown: Shown) -> Markup:
    panel = Panel.of((0, len(shown.parts)), (0, 1))
    middles = [number + 0.5 for number in range(len(shown.parts))]
    drawn = [panel.axes(percents(TICKS), dict(zip(middles, shown.parts, strict=True)), shown.axis, "%")]
    step = min(7.0, 0.6 * (panel.right - panel.left) / len(shown.parts) / max(len(shown.values), 1))
    for arm, values in enumerate(shown.values):
        own = panel.moved(step * (arm - (len(shown.values) - 1) / 2))
        known = [(x, each) for x, each in zip(middles, values, strict=True) if each.value is not None]
        points = [(x, each.value or 0.0) for x, each in known]
        spans = [(x, each.low, each.high) for x, each in known if each.low is not None and each.high is not None]
        parts = [own.line(points), *(own.interval(*span) for span in spans), *(own.mark(arm, at) for at in points)]
        drawn.append(svg.group(arm, parts))
    return Markup("").join(drawn)


def stride_tracks(anatomies: list[Anatomy], place: Place, y: float) -> list[Markup]:
    """For each arm its mIoU as its mark, a bar where its stride's truth is, and a line between the two."""
    return [
        _reach(number, anatomy.arm.score("mean_iou").mean, oracle_iou(anatomy).get(anatomy.stride), place, y)
        for number, anatomy in enumerate(anatomies)
    ]


def class_tracks(comparison: Comparison, anatomies: list[Anatomy], place: Place, y: float) -> list[Markup]:
    """The same for each class, the arms one below the other."""
    reached = [anatomy.oracle_confusions.get(anatomy.stride) for anatomy in anatomies]
    ious = [None if counts is None else metrics.per_class_iou(counts) for counts in reached]
    step = min(7.0, 18 / max(len(anatomies) - 1, 1))
    tracks = []
    for index in range(len(comparison.space.names)):
        parts = []
        for number, anatomy in enumerate(anatomies):
            reach = ious[number]
            limit = None if reach is None or np.isnan(reach[index]) else float(reach[index])
            own = y + step * (number - (len(anatomies) - 1) / 2)
            parts.append(_reach(number, anatomy.arm.per_class[index].mean, limit, place, own, "mark small"))
        tracks.append(Markup("").join(parts))
    return tracks


def _reach(number: int, score: float | None, limit: float | None, place: Place, y: float, kind: str = "mark") -> Markup:
    parts = []
    if limit is not None:
        half = 6 if kind == "mark" else 3
        if score is not None:
            parts.append(element("line", class_="range", x1=place(score), x2=place(limit), y1=y, y2=y))
        parts.append(element("line", class_="interval", x1=place(limit), x2=place(limit), y1=y - half, y2=y + half))
    if score is not None:
        parts.append(svg.mark(number, place(score), y, kind))
    return svg.group(number, parts)


def files(comparison: Comparison, anatomies: list[Anatomy], drawn: list[tuple[str, Markup]]) -> dict[str, str]:
    """The drawings as files of their own, by name."""
    names = dict(enumerate(arm.name for arm in comparison.arms))
    where = side_by_side("Scores by distance, size and height", drawn, names)
    return {"where.svg": svg.standalone(where), "stride.svg": svg.standalone(_stride(anatomies))}


def _stride(anatomies: list[Anatomy]) -> Markup:
    lines = []
    for number, anatomy in enumerate(anatomies):
        score, limit = anatomy.arm.score("mean_iou").mean, oracle_iou(anatomy).get(anatomy.stride)
        allowed = "" if limit is None else f", allows {percent(limit)} %"
        lines.append(Row(anatomy.arm.name, partial(_reach, number, score, limit), f"stride {anatomy.stride}{allowed}"))
    return rows("mIoU of each arm, and what its stride is known to allow", ("mIoU, %", ""), TICKS, lines)
