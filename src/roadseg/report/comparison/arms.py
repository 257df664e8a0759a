"""What a report compares: arms with their seeds, what each scored on the same images, and how they differ.

Each image of a split is scored once by every seed of every arm. A seed is one run, or the folds of a division, whose
images are put together before anything is scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import stdev
from typing import NamedTuple

import numpy as np

from roadseg.data.records import Record
from roadseg.labels import LabelSpace
from roadseg.report.comparison.contrasts import Contrast
from roadseg.runs.arms import Arm
from roadseg.runs.facts import RunFacts
from roadseg.scoring import metrics, stats
from roadseg.scoring.scores import headline


@dataclass(frozen=True)
class Seed:
    """What one seed of an arm scored: confusions int64 (N, C, C) of the comparison's images, in their order.

    `run_of[i]` is the run that saw image i for validation: with folds each image has one, else all have the same.
    """

    number: int
    confusions: np.ndarray
    run_of: tuple[RunFacts, ...]

    @cached_property
    def total(self) -> np.ndarray:
        """The pixels of all images, int64 (C, C)."""
        return np.asarray(self.confusions.sum(0))

    @cached_property
    def scores(self) -> dict[str, float | None]:
        """The headline scores by name."""
        return headline(self.total)

    @cached_property
    def per_class(self) -> list[float | None]:
        """IoU of each class; None where there is none."""
        return list(map(metrics.number, metrics.per_class_iou(self.total)))


@dataclass(frozen=True)
class Spread:
    """Mean, least and greatest value over the seeds; None where no seed has one.

    `sd` is the standard deviation (n - 1), None with fewer than two values.
    """

    mean: float | None
    low: float | None
    high: float | None
    sd: float | None = None

    @staticmethod
    def of(values: Sequence[float | None]) -> "Spread":
        """Over the values that exist."""
        known = [value for value in values if value is not None]
        if not known:
            return Spread(None, None, None)
        return Spread(sum(known) / len(known), min(known), max(known), stdev(known) if len(known) > 1 else None)


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of a score (the seeds' mean)."""

    low: float
    high: float


@dataclass(frozen=True)
class ScoredArm:
    """An arm with its scores.

    `intervals` (S, 2) are those of `metrics.scores`, for the mean of the seeds: NaN where too little is known.
    """

    arm: Arm
    seeds: tuple[Seed, ...]
    intervals: np.ndarray

    @property
    def name(self) -> str:
        """As it is shown."""
        return self.arm.name

    def score(self, name: str) -> Spread:
        """One of the headline scores over the seeds."""
        return Spread.of([seed.scores[name] for seed in self.seeds])

    @property
    def interval(self) -> Interval | None:
        """That of mIoU; None where there is none."""
        low, high = metrics.by_score(self.intervals).headline["mean_iou"]
        return None if np.isnan(low) else Interval(float(low), float(high))

    @cached_property
    def per_class(self) -> list[Spread]:
        """IoU of each class over the seeds."""
        return [Spread.of(ious) for ious in zip(*(seed.per_class for seed in self.seeds), strict=True)]

    @cached_property
    def confusion(self) -> np.ndarray:
        """Pixels of all images and all seeds, int64 (C, C)."""
        return np.asarray(sum(seed.total for seed in self.seeds))

    @cached_property
    def per_image(self) -> np.ndarray:
        """The first seed's mIoU of each image alone, over the classes that occur in it, float (N,); NaN without any."""
        return metrics.mean_iou(self.seeds[0].confusions)


class Neighbours(NamedTuple):
    """`drives_known`: some images share a drive or sequence. `shared`: of each that is on both sides of the division,
    how many of the `trained` images are from it.
    """

    drives_known: bool
    shared: dict[str, int]
    trained: int


@dataclass(frozen=True)
class Comparison:
    """All arms on the same images.

    `group_of` has the drive or sequence of each image. `records` are the images by id, or None where the data is not to
    be found; `missing` says why then. `contrasts` are the pairs of arms, each against each, from `resamples` resamples.
    """

    title: str
    split: str
    arms: tuple[ScoredArm, ...]
    ids: tuple[str, ...]
    group_of: tuple[str, ...]
    space: LabelSpace
    contrasts: tuple[Contrast, ...]
    records: dict[str, Record] | None
    missing: str
    neighbours: Neighbours | None = None
    """How near the training images are to those that are scored; None where the data is not to be found."""
    root: Path | None = None
    """Where the images were looked for, if not where they were in training."""
    resamples: int = stats.RESAMPLES

    @cached_property
    def units(self) -> stats.Units:
        """What is resampled."""
        return stats.resampling_units(self.group_of)

    @property
    def share_resamples(self) -> int:
        """For scores of which a report has many."""
        return min(self.resamples, stats.SHARE_RESAMPLES)

    @property
    def groups(self) -> int:
        """How many drives or sequences the images are of."""
        return len(set(self.group_of))

    @property
    def first_run(self) -> RunFacts:
        """One of the runs, for what all of them have in common: data, classes, division."""
        return self.arms[0].arm.runs[0]

    @property
    def folds(self) -> int:
        """How many runs share the images of a seed among them; 0 where one run scores all."""
        runs = len(set(self.arms[0].seeds[0].run_of))
        return runs if runs > 1 else 0

    @cached_property
    def shares(self) -> np.ndarray:
        """Share of each class among the labelled pixels, float (C,)."""
        pixels = self.arms[0].seeds[0].total.sum(-1)
        return np.asarray(pixels / max(pixels.sum(), 1))

    @property
    def seeds(self) -> int:
        """The largest number of seeds that an arm has."""
        return max(len(arm.seeds) for arm in self.arms)


@dataclass(frozen=True)
class Study:
    """The arms of a report, and what was trained beside them.

    `random_folds` are the same arms on random folds, where leakage was measured; `smaller_shares` the arms on smaller
    shares of the training images, where there is a learning curve.
    """

    main: Comparison
    random_folds: Comparison | None = None
    smaller_shares: Comparison | None = None


def unit_margins(seeds: Sequence[Seed], units: stats.Units) -> np.ndarray | None:
    """Margins (U, seeds, 3, C) of the units; None where they are too few to say anything."""
    if units.kind == "none":
        return None
    return np.stack([units.sums(metrics.margins(seed.confusions)) for seed in seeds], axis=1)
