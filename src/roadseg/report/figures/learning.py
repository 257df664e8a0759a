"""Learning curves, drawn: mIoU over the number of training images, and where it would go with more."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from roadseg.report.comparison.arms import Comparison, Interval
from roadseg.report.comparison.learning import Curve
from roadseg.report.figures import svg
from roadseg.report.figures.panel import TOP, Panel, Point, percents, side_by_side
from roadseg.report.figures.svg import element, text

SIZE = (720.0, 400.0)
INSET = 24.0
BESIDE = 10.0
"""Pixels between the marks of two curves at the same number of images."""
TITLE = "mIoU by the number of training images, carried on"


def figure(found: Sequence[Curve]) -> Markup:
    """For the page."""
    return svg.drawing(TITLE, _drawn(found), *SIZE, "learning")


def file(comparison: Comparison, found: Sequence[Curve]) -> str:
    """The same as a file of its own, with the arms' names."""
    names = dict(enumerate(arm.name for arm in comparison.arms))
    return svg.standalone(side_by_side(TITLE, [(TITLE, _drawn(found))], names, SIZE))


def _drawn(found: Sequence[Curve]) -> Markup:
    sizes = {round(point.images) for curve in found for point in curve.points}
    sizes |= {round(gain.images) for curve in found for gain in curve.ahead}
    ticks = _ticks(found)
    panel = Panel.of((min(sizes), max(sizes)), (ticks[0], ticks[-1]), SIZE, INSET, log=True)
    parts = [panel.axes(percents(ticks), {size: size for size in sorted(sizes)}, "training images", "mIoU, %")]
    for x in (panel.x(now) for now in sorted({round(curve.points[-1].images) for curve in found})):
        parts.append(element("line", class_="zero", x1=x, x2=x, y1=TOP - 6, y2=panel.y.start))
        parts += [text("measured", x - 8, TOP - 8, "tick", "end"), text("expected", x + 8, TOP - 8, "tick")]
    aside = [BESIDE * (place - (len(found) - 1) / 2) for place in range(len(found))]
    return Markup("").join([*parts, *(_curve(each, panel, pixels) for each, pixels in zip(found, aside, strict=True))])


def _ticks(found: Sequence[Curve]) -> list[float]:
    """Room for the seeds, the curves and their bands; a whisker may be cut off, so that it does not flatten them."""
    seeds = [seed.scores["mean_iou"] or 0.0 for curve in found for point in curve.points for seed in point.arm.seeds]
    fitted = [float(score) for curve in found for score in curve.fitted.score]
    bands = [end for curve in found for line in _band(curve) for _, end in line]
    low, high = (limit(seeds + fitted + bands) for limit in (min, max))
    margin = max(high - low, 0.05)
    ends = [end for curve in found for interval in _whiskers(curve) for end in (interval.low, interval.high)]
    return svg.ticks(max(low - margin, min([low, *ends]), 0.0), min(high + margin, max([high, *ends]), 1.0), 7)


def _whiskers(curve: Curve) -> list[Interval]:
    own = [point.arm.interval for point in curve.points] + [gain.score_interval for gain in curve.ahead]
    return [interval for interval in own if interval is not None]


def _points(curve: Curve) -> tuple[list[Point], int]:
    """The fitted curve, and which of its points is at the present number of images."""
    now = int(np.argmin(np.abs(curve.fitted.images - curve.points[-1].images)))
    return list(zip(curve.fitted.images.tolist(), curve.fitted.score.tolist(), strict=True)), now


def _band(curve: Curve) -> tuple[list[Point], list[Point]]:
    """The ends of the gain around the curve, from the present number of images on."""
    points, now = _points(curve)
    ends = curve.fitted.gain_interval[now:].T.tolist()
    low, high = ([(n, score + end) for (n, score), end in zip(points[now:], each, strict=True)] for each in ends)
    return low, high


def _curve(curve: Curve, panel: Panel, aside: float) -> Markup:
    points, now = _points(curve)
    parts = [panel.band(*_band(curve)), panel.line(points[: now + 1]), panel.line(points[now:], "line ahead")]
    beside, number = panel.moved(aside), curve.number
    for point in curve.points:
        if point.arm.interval:
            parts.append(beside.interval(point.images, point.arm.interval.low, point.arm.interval.high))
        scores = [seed.scores["mean_iou"] or 0.0 for seed in point.arm.seeds]
        parts += [beside.circle((point.images, score), 3, "seed") for score in scores if len(scores) > 1]
        parts.append(beside.mark(number, (point.images, point.arm.score("mean_iou").mean or 0.0), "mark"))
    for gain in curve.ahead:
        if gain.score_interval:
            parts.append(beside.interval(gain.images, gain.score_interval.low, gain.score_interval.high))
        parts.append(beside.mark(number, (gain.images, gain.score), "mark ahead"))
    return svg.group(number, parts)
