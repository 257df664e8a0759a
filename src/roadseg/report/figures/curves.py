"""How training went: loss and scores by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from roadseg.report.comparison.arms import Comparison
from roadseg.report.comparison.provenance import best_epoch
from roadseg.report.figures import svg
from roadseg.report.figures.svg import element, text

WIDTH, HEIGHT = 384.0, 264.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 12.0, 38.0
MOST_MARKS = 8

Line = list[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """What is drawn over the epochs: the key in `metrics.jsonl`, and the factor from its values to the axis."""

    key: str
    title: str
    unit: str
    factor: float


CURVES = (
    Curve("loss", "Loss", "", 1),
    Curve("mean_iou", "mIoU (macro IoU)", "%", 100),
    Curve("micro_iou", "Micro IoU", "%", 100),
)


@dataclass(frozen=True)
class Scale:
    """From epochs and values to places in a panel."""

    epochs: float
    top: float

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        """Pixels from the left and from the top."""
        epoch, value = point
        across = (epoch - 1) / max(self.epochs - 1, 1)
        x = LEFT + across * (WIDTH - LEFT - RIGHT)
        return x, HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)


def panel(comparison: Comparison, curve: Curve) -> Markup:
    """One curve for training (dashed) and validation of every arm; its runs thin, their mean thick."""
    histories = [[run.metrics() for run in arm.arm.runs] for arm in comparison.arms]
    values = [
        value
        for runs in histories
        for history in runs
        for part in ("train", "val")
        for _, value in line(history, part, curve)
    ]
    epochs = max((len(history) for runs in histories for history in runs), default=1)
    marks = svg.ticks(0, max(values, default=1.0), 6)
    scale = Scale(epochs, marks[-1])
    lines = [_arm(number, runs, curve, scale) for number, runs in enumerate(histories)]
    return Markup("").join([_axes(scale, marks, curve), *lines])


def line(history: Sequence[dict[str, Any]], part: str, curve: Curve) -> Line:
    """(epoch, value) of the epochs that have a value."""
    return [
        (float(entry["epoch"]), curve.factor * entry[part][curve.key])
        for entry in history
        if entry[part][curve.key] is not None
    ]


def mean_line(lines: Sequence[Line]) -> Line:
    """The mean over the runs at the epochs that all of them have."""
    tables = [dict(points) for points in lines]
    shared = sorted(set.intersection(*map(set, tables))) if tables else []
    return [(epoch, sum(table[epoch] for table in tables) / len(tables)) for epoch in shared]


def _axes(scale: Scale, marks: Sequence[float], curve: Curve) -> Markup:
    parts = []
    for value in marks:
        _, y = scale.place((1, value))
        parts += [
            element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y),
            text(f"{value:g}{curve.unit and ' ' + curve.unit}", LEFT - 6, y + 4, "tick", "end"),
        ]
    for epoch in epoch_ticks(int(scale.epochs)):
        x, _ = scale.place((epoch, 0))
        parts.append(text(epoch, x, HEIGHT - BOTTOM + 17, "tick", "middle"))
    parts.append(text("epoch", WIDTH - RIGHT, HEIGHT - 4, "tick", "end"))
    return Markup("").join(parts)


def epoch_ticks(epochs: int) -> list[int]:
    """The first epoch, and round ones after it."""
    inner = [round(value) for value in svg.ticks(0, epochs, 6) if 1 < value <= epochs and value == round(value)]
    return [1, *dict.fromkeys(inner)]


def _arm(number: int, runs: Sequence[Sequence[dict[str, Any]]], curve: Curve, scale: Scale) -> Markup:
    parts = []
    for part in ("train", "val"):
        lines = [line(history, part, curve) for history in runs]
        if len(lines) > 1:
            parts += [_path(points, f"run {part}", scale) for points in lines]
        parts.append(_path(mean_line(lines), part, scale))
    parts += _marks(number, mean_line([line(history, "val", curve) for history in runs]), scale)
    if curve.key == "mean_iou":
        parts += _kept(runs, curve, scale)
    return element("g", *parts, class_=f"arm {svg.arm_class(number)}", data_arm=number)


def _path(points: Line, class_: str, scale: Scale) -> Markup:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(scale.place, points))
    return element("polyline", points=places, class_=f"line {class_}")


def _marks(number: int, points: Line, scale: Scale) -> list[Markup]:
    """Some of the points, shifted for each arm so that the marks of arms that lie together do not cover each other."""
    step = -(-len(points) // MOST_MARKS) or 1
    places: list[tuple[float, float]] = [scale.place(point) for point in points[number % step :: step]]
    return [svg.mark(number, x, y, "mark small") for x, y in places]


def _kept(runs: Sequence[Sequence[dict[str, Any]]], curve: Curve, scale: Scale) -> list[Markup]:
    """A ring around the epoch of each run whose weights are scored."""
    rings = []
    for history in filter(None, runs):
        values = dict(line(history, "val", curve))
        best = float(best_epoch(list(history)))
        if best in values:
            x, y = scale.place((best, values[best]))
            rings.append(element("circle", cx=x, cy=y, r=8, class_="ring"))
    return rings
