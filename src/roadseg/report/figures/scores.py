"""Scores, classes and confusions, drawn.

What lies along a scale (`score_track`, `class_track`) takes the function that places a value: as a percentage for a
table of the page, whose columns are as wide as the screen allows, or in pixels for a file.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from markupsafe import Markup

from roadseg.report.comparison.arms import Comparison, ScoredArm, Spread
from roadseg.report.figures import curves, svg
from roadseg.report.figures.panel import CHARACTER, Place, Row, rows, side_by_side
from roadseg.report.figures.svg import drawing, element, text
from roadseg.system.progress import percent

CLASS_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def score_ticks(comparison: Comparison) -> list[float]:
    """Round values around all intervals and seeds of the mIoU."""
    values = []
    for arm in comparison.arms:
        values += [seed.scores["mean_iou"] for seed in arm.seeds]
        values += [arm.interval.low, arm.interval.high] if arm.interval else []
    known = [value for value in values if value is not None]
    return svg.ticks(min(known), max(known), 5) if known else [0.0, 1.0]


def score_track(number: int, arm: ScoredArm, place: Place, y: float) -> Markup:
    """The arm's mIoU as its mark, and the 95 % interval as a line.

    With several seeds each is a ring, and the interval, which is that of the first one, stands below.
    """
    values = [seed.scores["mean_iou"] for seed in arm.seeds]
    below = 11 if len(values) > 1 else 0
    parts = []
    if arm.interval:
        low, high, own = place(arm.interval.low), place(arm.interval.high), y + below / 2
        parts.append(element("line", class_="interval", x1=low, x2=high, y1=own, y2=own))
        parts += [element("line", class_="interval", x1=x, x2=x, y1=own - 4, y2=own + 4) for x in (low, high)]
    y -= below / 2
    if len(values) > 1:
        parts += [element("circle", class_="seed", cx=place(value), cy=y, r=4) for value in values if value is not None]
    mean = arm.score("mean_iou").mean
    if mean is not None:
        parts.append(svg.mark(number, place(mean), y))
    return svg.group(number, parts)


def class_track(spreads: Sequence[Spread], place: Place, y: float) -> Markup:
    """One class: a mark for each arm, the range of its seeds, and a line from the lowest to the highest arm.

    Each arm has its own height, so that equal scores are seen too.
    """
    means = [spread.mean for spread in spreads if spread.mean is not None]
    if not means:
        return Markup("")
    parts = [element("line", class_="bridge", x1=place(min(means)), x2=place(max(means)), y1=y, y2=y)]
    step = min(7.0, 14 / max(len(spreads) - 1, 1))
    for number, spread in enumerate(spreads):
        if spread.mean is None or spread.low is None or spread.high is None:
            continue
        own = y + step * (number - (len(spreads) - 1) / 2)
        ends = {"x1": place(spread.low), "x2": place(spread.high)}
        lines = [element("line", class_="range", y1=own, y2=own, **ends)] if spread.low < spread.high else []
        marked = svg.mark(number, place(spread.mean), own, "mark small")
        parts.append(svg.group(number, [*lines, marked]))
    return Markup("").join(parts)


def files(comparison: Comparison) -> dict[str, Markup]:
    """The drawings of the scores, by the names of their files."""
    names = dict(enumerate(arm.name for arm in comparison.arms))
    curve_panels = side_by_side("Loss, mIoU and micro IoU by epoch", curves.panels(comparison), names)
    drawn = {"scores.svg": _scores(comparison), "curves.svg": curve_panels, "classes.svg": _classes(comparison, names)}
    matrices = {f"confusion-{number}.svg": confusion(comparison, arm) for number, arm in enumerate(comparison.arms, 1)}
    return drawn | matrices


def _scores(comparison: Comparison) -> Markup:
    lines = [
        Row(arm.name, partial(score_track, number, arm), f"{percent(arm.score('mean_iou').mean)} %")
        for number, arm in enumerate(comparison.arms)
    ]
    return rows("mIoU of each arm with its 95 % interval", ("mIoU, %", ""), score_ticks(comparison), lines)


def _classes(comparison: Comparison, names: Mapping[int, str]) -> Markup:
    lines = [
        Row(
            comparison.space.names[index],
            partial(class_track, [arm.per_class[index] for arm in comparison.arms]),
            f"{percent(float(comparison.shares[index]))} %",
        )
        for index in np.argsort(-comparison.shares, kind="stable")
    ]
    return rows("IoU of each class", ("IoU, %", "share of pixels"), CLASS_TICKS, lines, names, height=24)


def occurring(comparison: Comparison) -> np.ndarray:
    """The indices of the classes that are in the labels or in a prediction of an arm."""
    pixels = np.stack([arm.confusion.sum(0) + arm.confusion.sum(1) for arm in comparison.arms])
    return np.flatnonzero(pixels.any(0))


def confusion(comparison: Comparison, arm: ScoredArm) -> Markup:
    """Rows truth, columns prediction: the share of a class's pixels that are called another, in percent.

    Classes that no arm has to do with are left out.
    """
    kept = occurring(comparison)
    names = [comparison.space.names[index] for index in kept]
    counts = arm.confusion[np.ix_(kept, kept)]
    cell = 30.0 if len(names) <= 12 else 22.0 if len(names) <= 40 else 14.0
    longest = CHARACTER * max(map(len, names))
    left, top = 14 + longest, 18 + 0.87 * longest
    side = cell * len(names)
    parts = []
    for index, name in enumerate(names):
        middle = cell * (index + 0.5)
        turned = f"rotate(-60 {left + middle + 4:.1f} {top - 6:.1f})"
        parts += [text(name, left - 7, top + middle + 4, "name", "end")]
        parts += [text(name, left + middle + 4, top - 6, "name", transform=turned)]
    parts += [_row(counts[row], row, names, left, top, cell) for row in range(len(names))]
    parts.append(element("rect", class_="frame", x=left, y=top, width=side, height=side))
    title = f"Confusions of {arm.name}: rows are the true classes, columns the predicted ones"
    return drawing(title, Markup("").join(parts), left + side + 14 + longest / 2, top + side + 10, "confusion")


def _row(counts: np.ndarray, row: int, names: Sequence[str], left: float, top: float, cell: float) -> Markup:
    y, total = top + cell * row, counts.sum()
    if not total:
        absent = element("title", f"{names[row]} does not occur in the labels")
        return element(
            "rect", absent, class_="absent", x=left, y=y + cell / 2 - 1, width=cell * len(counts), height=2
        )  # fmt: skip
    parts = []
    for column, share in enumerate(counts / total):
        if share < 0.005:
            continue
        x, right = left + cell * column, column == row
        strength = float(share**0.65)
        hint = element("title", f"{100 * share:.0f} % of {names[row]} pixels are called {names[column]}")
        box = {"x": x + 0.5, "y": y + 0.5, "width": cell - 1, "height": cell - 1}
        kind = "right" if right else "wrong"
        parts.append(element("rect", hint, class_=f"cell {kind}", fill_opacity=round(strength, 2), **box))
        if cell > 20 and (right or share >= 0.05):
            parts.append(text(f"{100 * share:.0f}", x + cell / 2, y + cell / 2 + 3.5, "count", "middle"))
    return Markup("").join(parts)
