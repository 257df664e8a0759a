"""What random folds would have shown: the same arms, once on folds of whole groups and once on folds of single images.

Frames of one drive resemble each other. Where they are divided one by one, a network is scored on images whose
neighbours it was trained on, and the score says little about another drive. Every image is scored once in either
scheme, so the two are compared on the same images and labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from roadseg import metrics, stats
from roadseg.errors import RunError
from roadseg.progress import percent
from roadseg.report import svg
from roadseg.report.figures import CHARACTER, axis, grid, pixels
from roadseg.report.gather import Comparison, ScoredArm
from roadseg.report.svg import arm_class, drawing, element, mark, text

ROW = 34.0


@dataclass(frozen=True)
class Inflation:
    """mIoU of an arm (the seeds' mean) on grouped and on random folds, as shares of 1.

    `low` and `high` are the 95 % interval of `random - grouped` over groups of images, for these seeds; None where the
    groups are not known.
    """

    name: str
    grouped: float
    random: float
    low: float | None
    high: float | None

    @property
    def points(self) -> float:
        """What random folds show more, in points of mIoU."""
        return 100 * (self.random - self.grouped)

    @property
    def decided(self) -> bool:
        """Whether the interval leaves no doubt about the sign."""
        return self.low is not None and self.high is not None and self.low * self.high > 0


@dataclass(frozen=True)
class Leakage:
    """The inflation of each arm, in the arms' order; over how many images and groups (None: not known), and folds."""

    arms: tuple[Inflation, ...]
    images: int
    groups: int | None
    folds: int


def measure(grouped: Comparison, random: Comparison) -> Leakage:
    """The inflation of the arms that both have. Raises `RunError` where the two scored other images or labels."""
    truth = [comparison.arms[0].seeds[0].confusions.sum(-1) for comparison in (grouped, random)]
    if grouped.ids != random.ids or not np.array_equal(*truth):
        raise RunError("the random folds scored other images or labels than the grouped ones; repeat the study")
    records = grouped.records
    units = [records[name].group for name in grouped.ids] if records is not None else None
    other = {arm.name: arm for arm in random.arms}
    found = tuple(_inflation(arm, other[arm.name], units) for arm in grouped.arms if arm.name in other)
    return Leakage(found, len(grouped.ids), grouped.groups, grouped.folds)


def _inflation(grouped: ScoredArm, random: ScoredArm, units: list[str] | None) -> Inflation:
    low, high = _interval(grouped, random, units) if units is not None else (None, None)
    means = [arm.score("mean_iou").mean or 0.0 for arm in (grouped, random)]
    return Inflation(grouped.name, means[0], means[1], low, high)


def _interval(grouped: ScoredArm, random: ScoredArm, units: list[str]) -> tuple[float | None, float | None]:
    """Paired: each resample of the groups is scored in both schemes, by every seed."""
    number = len(grouped.seeds)
    counts = np.stack([seed.confusions for arm in (grouped, random) for seed in arm.seeds], axis=1)

    def difference(sums: np.ndarray) -> np.ndarray:
        ious = metrics.mean_iou(sums)
        return np.asarray(ious[:, number:].mean(-1) - ious[:, :number].mean(-1))

    _, resampled = stats.resampled_groups(units)
    low, high = stats.bootstrap_interval(counts, resampled, difference)
    return (None, None) if np.isnan(low) else (low, high)


def sentences(leakage: Leakage) -> list[str]:
    """What the figures say: a sentence for each arm, and one on the order of the arms where there are several."""
    found = [_sentence(arm) for arm in leakage.arms]
    if len(leakage.arms) > 1:
        found.append(_order(leakage.arms))
    return found


def _sentence(arm: Inflation) -> str:
    size = f"{abs(arm.points):.1f} points {'more' if arm.points >= 0 else 'less'}"
    interval = "" if arm.low is None or arm.high is None else f" (95 % CI {interval_words(arm)})"
    if arm.decided:
        return f"Random folds would have shown {size}{interval} for {arm.name}."
    return f"Random folds showed {size}{interval} for {arm.name}, which chance alone may explain."


def interval_words(arm: Inflation) -> str:
    """The interval in points, as it stands beside a difference."""
    return "–" if arm.low is None or arm.high is None else f"{_signed(100 * arm.low)} to {_signed(100 * arm.high)}"


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")


def _order(arms: Sequence[Inflation]) -> str:
    grouped = [arm.name for arm in sorted(arms, key=lambda arm: -arm.grouped)]
    random = [arm.name for arm in sorted(arms, key=lambda arm: -arm.random)]
    if grouped == random:
        return f"The order of the arms is the same on both: {', '.join(grouped)}."
    return f"The order of the arms changes: {', '.join(grouped)} on grouped folds, {', '.join(random)} on random ones."


def rows(leakage: Leakage) -> list[dict[str, str]]:
    """The table: percent, and points for the difference."""
    return [
        {
            "name": arm.name,
            "grouped": percent(arm.grouped),
            "random": percent(arm.random),
            "difference": _signed(arm.points),
            "interval": interval_words(arm),
        }
        for arm in leakage.arms
    ]


def content(leakage: Leakage) -> dict[str, object]:
    """What the templates show."""
    return {
        "sentences": sentences(leakage),
        "rows": rows(leakage),
        "figure": figure(leakage),
        "images": leakage.images,
        "groups": leakage.groups,
        "folds": leakage.folds,
    }


def for_programs(leakage: Leakage) -> list[dict[str, object]]:
    """The part of `scores.json`: shares of 1, `difference` is random - grouped."""
    return [
        {
            "name": arm.name,
            "grouped": arm.grouped,
            "random": arm.random,
            "difference": arm.random - arm.grouped,
            "ci95": None if arm.low is None else [arm.low, arm.high],
        }
        for arm in leakage.arms
    ]


def figure(leakage: Leakage) -> Markup:
    """For each arm a line from its mIoU on grouped folds (filled) to that on random ones (ring)."""
    scores = [score for arm in leakage.arms for score in (arm.grouped, arm.random)]
    ticks = svg.ticks(min(scores), max(scores), 5)
    left, width, top = 24 + CHARACTER * max(len(arm.name) for arm in leakage.arms), 380.0, 44.0
    place = pixels(ticks, left, width)
    bottom = top + ROW * len(leakage.arms)
    parts = [text("mIoU, %: filled on grouped folds, ring on random ones", left, 16, "tick")]
    parts += [grid(ticks, place, top, bottom), axis(ticks, place, top - 6)]
    for number, arm in enumerate(leakage.arms):
        y, color = top + ROW * (number + 0.5), arm_class(number)
        ends = {"x1": place(arm.grouped), "x2": place(arm.random), "y1": y, "y2": y}
        hint = element("title", f"{arm.name}: {percent(arm.grouped)} % grouped, {percent(arm.random)} % random")
        parts += [text(arm.name, 8, y + 4, "name"), element("line", class_=f"range {color}", **ends)]
        parts.append(element("circle", hint, class_=f"ring {color}", cx=place(arm.random), cy=y, r=7))
        parts.append(mark(number, place(arm.grouped), y))
        parts.append(text(_signed(arm.points), left + width + 14, y + 4, "value"))
    return drawing("mIoU on grouped and on random folds", Markup("").join(parts), left + width + 64, bottom + 10)
