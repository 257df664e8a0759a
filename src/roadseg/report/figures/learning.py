"""Learning curves, drawn: mIoU over the number of training images, and where it would go with more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from roadseg.report.comparison.arms import Comparison, Interval
from roadseg.report.comparison.learning import Curve, Point
from roadseg.report.figures import scores as figures
from roadseg.report.figures import svg
from roadseg.report.figures.svg import element, text

WIDTH, HEIGHT = 720.0, 400.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 22.0, 26.0, 42.0
BESIDE = 10.0
"""Pixels between the marks of two curves at the same number of images."""


@dataclass(frozen=True)
class Scale:
    """From numbers of images (logarithmic) and mIoU to places in the drawing; `sizes` and `ticks` stand at the axes."""

    sizes: tuple[int, ...]
    ticks: tuple[float, ...]

    @staticmethod
    def of(found: Sequence[Curve]) -> Scale:
        """Room for all curves with their intervals."""
        sizes = {round(point.images) for curve in found for point in curve.points}
        sizes |= {round(gain.images) for curve in found for gain in curve.ahead}
        low, high = (limit(_essential(found)) for limit in (min, max))
        margin = max(high - low, 0.05)  # a whisker may be cut off, so that it does not flatten the curves
        ends = [end for curve in found for interval in _whiskers(curve) for end in (interval.low, interval.high)]
        low, high = max(low - margin, min([low, *ends]), 0.0), min(high + margin, max([high, *ends]), 1.0)
        ticks = svg.ticks(low, high, 7)
        return Scale(tuple(sorted(sizes)), tuple(ticks))

    def x(self, images: float) -> float:
        """Pixels from the left."""
        first, last = np.log(self.sizes[0]), np.log(self.sizes[-1])
        share = (np.log(images) - first) / max(last - first, 1e-9)
        return float(LEFT + 24 + share * (WIDTH - LEFT - RIGHT - 48))

    def y(self, score: float) -> float:
        """Pixels from the top."""
        share = (np.clip(score, self.ticks[0], self.ticks[-1]) - self.ticks[0]) / (self.ticks[-1] - self.ticks[0])
        return float(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM))


def _whiskers(curve: Curve) -> list[Interval]:
    own = [point.arm.interval for point in curve.points] + [gain.score_interval for gain in curve.ahead]
    return [interval for interval in own if interval is not None]


def _essential(found: Sequence[Curve]) -> list[float]:
    """Scores of all seeds, the curves, and the ends of their bands."""
    seeds = [seed.scores["mean_iou"] or 0.0 for curve in found for point in curve.points for seed in point.arm.seeds]
    fitted = [float(score) for curve in found for score in curve.fitted.score]
    bands = [score + end for curve in found for score, *ends in _band(curve) for end in ends]
    return seeds + fitted + bands


def _band(curve: Curve) -> list[tuple[float, float, float]]:
    """The curve at the present number of images, and the ends of the gain, from there on."""
    fitted, now = curve.fitted, _now(curve)
    return [(float(fitted.score[now]), float(low), float(high)) for low, high in fitted.gain_interval[now:]]


def _now(curve: Curve) -> int:
    return int(np.argmin(np.abs(curve.fitted.images - curve.points[-1].images)))


def figure(found: Sequence[Curve]) -> Markup:
    """For the page."""
    return svg.drawing("mIoU by the number of training images, carried on", _drawn(found), WIDTH, HEIGHT, "learning")


def file(comparison: Comparison, found: Sequence[Curve]) -> str:
    """The same as a file of its own, with the arms' names."""
    keys, height = figures.legend(comparison, WIDTH, HEIGHT + 18)
    content = Markup("").join([_drawn(found), keys])
    return svg.standalone(svg.drawing("mIoU by the number of training images, carried on", content, WIDTH, height))


def _drawn(found: Sequence[Curve]) -> Markup:
    scale = Scale.of(found)
    drawn = [_curve(curve, place, len(found), scale) for place, curve in enumerate(found)]
    return Markup("").join([_axes(scale, found), *drawn])


def _axes(scale: Scale, found: Sequence[Curve]) -> Markup:
    parts = [text("mIoU, %", 0, 12, "tick")]
    for tick in scale.ticks:
        y = scale.y(tick)
        parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
        parts.append(text(f"{100 * tick:g}", LEFT - 8, y + 4, "tick", "end"))
    for size in scale.sizes:
        parts.append(text(size, scale.x(size), HEIGHT - BOTTOM + 18, "tick", "middle"))
    parts.append(text("training images", WIDTH - RIGHT, HEIGHT - 6, "tick", "end"))
    for now in sorted({round(curve.points[-1].images) for curve in found}):
        x = scale.x(now)
        parts.append(element("line", class_="zero", x1=x, x2=x, y1=TOP - 6, y2=HEIGHT - BOTTOM))
        parts.append(text("measured", x - 8, TOP - 8, "tick", "end"))
        parts.append(text("expected", x + 8, TOP - 8, "tick"))
    return Markup("").join(parts)


def _curve(curve: Curve, place: int, curves: int, scale: Scale) -> Markup:
    fitted, now = curve.fitted, _now(curve)
    places = [(scale.x(float(n)), scale.y(float(score))) for n, score in zip(fitted.images, fitted.score, strict=True)]
    across = [x for x, _ in places[now:]]
    lows = [(x, scale.y(score + low)) for x, (score, low, _) in zip(across, _band(curve), strict=True)]
    highs = [(x, scale.y(score + high)) for x, (score, _, high) in zip(across, _band(curve), strict=True)]
    aside = BESIDE * (place - (curves - 1) / 2)
    parts = [
        element("polygon", points=_points(lows + highs[::-1]), class_="band"),
        element("polyline", points=_points(places[: now + 1]), class_="line"),
        element("polyline", points=_points(places[now:]), class_="line ahead"),
        *(_measured(curve.number, point, aside, scale) for point in curve.points),
    ]
    for gain in curve.ahead:
        x, y = scale.x(gain.images) + aside, scale.y(gain.score)
        parts += [_whisker(gain.score_interval, x, scale), svg.mark(curve.number, x, y, "mark ahead")]
    return element("g", *parts, class_=f"arm {svg.arm_class(curve.number)}", data_arm=curve.number)


def _measured(number: int, point: Point, aside: float, scale: Scale) -> Markup:
    x, mean = scale.x(point.images) + aside, point.arm.score("mean_iou").mean or 0.0
    rings = []
    if len(point.arm.seeds) > 1:
        scores = [seed.scores["mean_iou"] or 0.0 for seed in point.arm.seeds]
        rings = [element("circle", class_="seed", cx=x, cy=scale.y(score), r=3) for score in scores]
    return Markup("").join([_whisker(point.arm.interval, x, scale), *rings, svg.mark(number, x, scale.y(mean))])


def _whisker(interval: Interval | None, x: float, scale: Scale) -> Markup:
    """An interval; an end that lies beyond the axis has no bar."""
    if interval is None:
        return Markup("")
    ends = [(end, scale.y(end)) for end in (interval.low, interval.high)]
    parts = [element("line", class_="whisker", x1=x, x2=x, y1=ends[0][1], y2=ends[1][1])]
    parts += [
        element("line", class_="whisker", x1=x - 4, x2=x + 4, y1=y, y2=y)
        for end, y in ends
        if scale.ticks[0] <= end <= scale.ticks[-1]
    ]
    return Markup("").join(parts)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
