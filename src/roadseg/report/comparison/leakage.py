"""What random folds would have shown: the same arms, once on folds of whole groups and once on folds of single images.

Frames of one drive resemble each other. Where they are divided one by one, a network is scored on images whose
neighbours it was trained on, and the score says little about another drive. Every image is scored once in either
scheme, so the two are compared on the same images and labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from roadseg.errors import RunError
from roadseg.report.comparison.arms import Comparison, ScoredArm, unit_margins
from roadseg.report.comparison.contrasts import LEVEL, Contrast, contrasts
from roadseg.report.comparison.words import p_words, signed
from roadseg.scoring import stats
from roadseg.system.progress import percent


@dataclass(frozen=True)
class Inflation:
    """mIoU of an arm (the seeds' mean) on grouped and on random folds, as shares of 1.

    `low` and `high` are the 95 % interval of `random - grouped` over groups of images, and over seeds where there are
    several; None where the groups are too few. `p` is of the paired test, corrected for the arms.
    """

    name: str
    grouped: float
    random: float
    low: float | None
    high: float | None
    p: float

    @property
    def points(self) -> float:
        """What random folds show more, in points of mIoU."""
        return 100 * (self.random - self.grouped)

    @property
    def decided(self) -> bool:
        """Whether chance alone hardly explains the difference."""
        return self.p <= LEVEL


@dataclass(frozen=True)
class Leakage:
    """The inflation of each arm, in the arms' order; over how many images, groups and folds."""

    arms: tuple[Inflation, ...]
    images: int
    groups: int
    folds: int


def measure(grouped: Comparison, random: Comparison) -> Leakage:
    """The inflation of the arms that both have. Raises `RunError` where the two scored other images or labels."""
    truth = [comparison.arms[0].seeds[0].confusions.sum(-1) for comparison in (grouped, random)]
    if grouped.ids != random.ids or not np.array_equal(*truth):
        raise RunError("the random folds scored other images or labels than the grouped ones; repeat the study")
    other = {arm.name: arm for arm in random.arms}
    pairs = [(arm, other[arm.name]) for arm in grouped.arms if arm.name in other]
    tests = [_contrast(*pair, grouped.units, grouped.resamples) for pair in pairs]
    corrected = stats.holm(np.array([np.nan if test is None else test.p for test in tests]))
    found = tuple(
        _inflation(*pair, test, float(p)) for pair, test, p in zip(pairs, tests, corrected.tolist(), strict=True)
    )
    return Leakage(found, len(grouped.ids), grouped.groups, grouped.folds)


def _contrast(grouped: ScoredArm, random: ScoredArm, units: stats.Units, resamples: int) -> Contrast | None:
    """Random minus grouped, paired over the units: the two schemes are two systems that were scored on them."""
    counts = {name: unit_margins(arm.seeds, units) for name, arm in (("random", random), ("grouped", grouped))}
    known = {name: margins for name, margins in counts.items() if margins is not None}
    return next(iter(contrasts(known, resamples)), None)


def _inflation(grouped: ScoredArm, random: ScoredArm, test: Contrast | None, p: float) -> Inflation:
    means = [arm.score("mean_iou").mean or 0.0 for arm in (grouped, random)]
    if test is None or np.isnan(test.interval).any():
        return Inflation(grouped.name, means[0], means[1], None, None, p)
    return Inflation(grouped.name, means[0], means[1], *test.interval, p)


def sentences(leakage: Leakage) -> list[str]:
    """What the figures say: a sentence for each arm, and one on the order of the arms where there are several."""
    found = [_sentence(arm) for arm in leakage.arms]
    if len(leakage.arms) > 1:
        found.append(_order(leakage.arms))
    return found


def _sentence(arm: Inflation) -> str:
    size = f"{abs(arm.points):.1f} points {'more' if arm.points >= 0 else 'less'}"
    evidence = "" if arm.low is None else f" (95 % CI {interval_words(arm)}, {p_words(arm.p)})"
    if arm.decided:
        return f"Random folds would have shown {size}{evidence} for {arm.name}."
    return f"Random folds showed {size}{evidence} for {arm.name}, which chance alone may explain."


def interval_words(arm: Inflation) -> str:
    """The interval in points, as it stands beside a difference."""
    return "–" if arm.low is None or arm.high is None else f"{signed(arm.low)} to {signed(arm.high)}"


def change(arm: Inflation) -> str:
    """The difference in points, with its sign."""
    return f"{'+' if arm.points > 0 else ''}{signed(arm.points / 100)}"


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
            "difference": change(arm),
            "interval": interval_words(arm),
        }
        for arm in leakage.arms
    ]


def content(leakage: Leakage) -> dict[str, object]:
    """What the templates show."""
    return {
        "sentences": sentences(leakage),
        "rows": rows(leakage),
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
            "p": None if np.isnan(arm.p) else arm.p,
        }
        for arm in leakage.arms
    ]
