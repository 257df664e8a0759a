"""The figures of "Where and why"."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from roadseg.report.comparison.anatomy import Panel, Where, ladder
from roadseg.report.comparison.arms import Comparison
from roadseg.report.figures import scores as figures
from roadseg.report.figures import svg
from roadseg.report.figures.svg import drawing, element, text
from roadseg.scoring import metrics
from roadseg.system.progress import percent

WIDTH, HEIGHT = 384.0, 264.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 12.0, 46.0
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def panel(shown: Panel) -> Markup:
    """A score of all arms over parts of the pixels; whiskers are 95 % intervals."""
    return drawing(f"{shown.title} of each arm", _panel(shown), WIDTH, HEIGHT)


def _panel(shown: Panel) -> Markup:
    parts = []
    for tick in TICKS:
        y = _y(tick)
        parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
        parts.append(text(f"{100 * tick:g} %", LEFT - 6, y + 4, "tick", "end"))
    step = (WIDTH - LEFT - RIGHT) / len(shown.parts)
    for number, label in enumerate(shown.parts):
        parts.append(text(label, LEFT + step * (number + 0.5), HEIGHT - BOTTOM + 17, "tick", "middle"))
    parts.append(text(shown.axis, WIDTH - RIGHT, HEIGHT - 6, "tick", "end"))
    for arm, values in enumerate(shown.values):
        shift = min(7.0, 0.6 * step / max(len(shown.values), 1)) * (arm - (len(shown.values) - 1) / 2)
        inside, points = [], []
        for number, each in enumerate(values):
            if each.value is None:
                continue
            x, y = LEFT + step * (number + 0.5) + shift, _y(each.value)
            points.append(f"{x:.1f},{y:.1f}")
            if each.low is not None and each.high is not None:
                inside.append(element("line", class_="range", x1=x, x2=x, y1=_y(each.low), y2=_y(each.high)))
            inside.append(svg.mark(arm, x, y, "mark small"))
        line = element("polyline", points=" ".join(points), class_="line val")
        parts.append(element("g", line, *inside, class_=f"arm {svg.arm_class(arm)}", data_arm=arm))
    return Markup("").join(parts)


def _y(value: float) -> float:
    return HEIGHT - BOTTOM - value * (HEIGHT - TOP - BOTTOM)


def stride_tracks(wheres: list[Where], place: figures.Place, y: float) -> list[Markup]:
    """For each arm its mIoU as its mark, a bar where its stride's truth is, and a line between the two."""
    return [
        _reach(number, where.arm.score("mean_iou").mean, ladder(where).get(where.stride), place, y)
        for number, where in enumerate(wheres)
    ]


def class_tracks(comparison: Comparison, wheres: list[Where], place: figures.Place, y: float) -> list[Markup]:
    """The same for each class, the arms one below the other."""
    reached = [where.reached.get(where.stride) for where in wheres]
    ious = [None if counts is None else metrics.per_class_iou(counts) for counts in reached]
    step = min(7.0, 18 / max(len(wheres) - 1, 1))
    tracks = []
    for index in range(len(comparison.space.names)):
        parts = []
        for number, where in enumerate(wheres):
            reach = ious[number]
            limit = None if reach is None or np.isnan(reach[index]) else float(reach[index])
            own = y + step * (number - (len(wheres) - 1) / 2)
            parts.append(_reach(number, where.arm.per_class[index].mean, limit, place, own, "mark small"))
        tracks.append(Markup("").join(parts))
    return tracks


def _reach(
    number: int, score: float | None, limit: float | None, place: figures.Place, y: float, kind: str = "mark"
) -> Markup:
    parts = []
    if limit is not None:
        half = 6 if kind == "mark" else 3
        if score is not None:
            parts.append(element("line", class_="range", x1=place(score), x2=place(limit), y1=y, y2=y))
        parts.append(element("line", class_="interval", x1=place(limit), x2=place(limit), y1=y - half, y2=y + half))
    if score is not None:
        parts.append(svg.mark(number, place(score), y, kind))
    return element("g", *parts, class_=f"arm {svg.arm_class(number)}", data_arm=number)


def files(comparison: Comparison, wheres: list[Where], drawn: list[Panel]) -> dict[str, str]:
    """The drawings as files of their own, by name."""
    parts = []
    for position, shown in enumerate(drawn):
        inside = [text(shown.title, LEFT, -6, "heading"), _panel(shown)]
        parts.append(element("g", *inside, transform=f"translate({position * (WIDTH + 20):g} 26)"))
    width = 3 * WIDTH + 40
    keys, height = figures.legend(comparison, width, 52 + HEIGHT)
    where = drawing("Scores by distance, size and height", Markup("").join([*parts, keys]), width, height)
    return {name: svg.standalone(made) for name, made in (("where.svg", where), ("stride.svg", _stride(wheres)))}


def _stride(wheres: list[Where]) -> Markup:
    left = 30 + figures.CHARACTER * max(len(where.arm.name) for where in wheres)
    place, bottom = figures.pixels(TICKS, left, 400), 10 + figures.ROW * len(wheres)
    parts = [figures.grid(TICKS, place, 4, bottom), figures.axis(TICKS, place, bottom + 18)]
    for number, (where, track) in enumerate(zip(wheres, stride_tracks(wheres, place, 0), strict=True)):
        y = 10 + figures.ROW * (number + 0.5)
        reach = percent(ladder(where).get(where.stride))
        parts.append(text(where.arm.name, left - 18, y + 4, "name", "end"))
        parts.append(element("g", track, transform=f"translate(0 {y:g})"))
        parts.append(text(f"stride {where.stride}: {reach} %", left + 420, y + 4, "name"))
    return drawing(
        "mIoU of each arm, and what its stride is known to allow", Markup("").join(parts), left + 560, bottom + 28
    )
