"""Arms in pairs: how far each is from each, and whether these data can tell."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from roadseg.scoring import metrics, stats

LEVEL = 0.05


@dataclass(frozen=True)
class Contrast:
    """The arm `a` minus the arm `b`, on the same units; all arrays (S,) or (S, 2) in the order of `metrics.scores`.

    `p_swap` and `p_t` are of mIoU, by swaps, and by Student's t with Holm's correction over all pairs of arms; `p` is
    the larger one without correction. `p_of_class` (C,) is corrected over the classes that enough units hold, NaN for
    others. `units_with_class` (C,) is how many units hold each class. `more` is about how many more units would show
    mIoU's difference, None where that is not to be said. `seeds`: both arms have several, and they are in it.
    """

    a: str
    b: str
    difference: np.ndarray
    intervals: np.ndarray
    p: float
    p_swap: float
    p_t: float
    p_of_class: np.ndarray
    units_with_class: np.ndarray
    units: int
    exact: bool
    more: int | None
    seeds: bool

    @property
    def miou(self) -> float:
        """The difference of mIoU, NaN where an arm has none."""
        return _of_miou(self.difference)

    @property
    def interval(self) -> tuple[float, float]:
        """That of mIoU's difference."""
        low, high = metrics.by_score(self.intervals).headline["mean_iou"]
        return float(low), float(high)

    @property
    def of_class(self) -> np.ndarray:
        """The differences of the classes' IoU, (C,)."""
        return metrics.by_score(self.difference).per_class

    @property
    def intervals_of_class(self) -> np.ndarray:
        """Their intervals (C, 2)."""
        return metrics.by_score(self.intervals).per_class

    @property
    def p_holm(self) -> float:
        """What the verdict rests on: the larger of `p_swap` and `p_t`."""
        return float(np.maximum(self.p_swap, self.p_t))

    @property
    def verdict(self) -> str:
        """`better`, `worse` (a than b) or `cannot tell`."""
        if not self.p_holm <= LEVEL:
            return "cannot tell"
        return "better" if self.miou > 0 else "worse"

    @property
    def holds(self) -> np.ndarray:
        """The classes whose difference holds after Holm's correction, bool (C,)."""
        return np.asarray(self.p_of_class <= LEVEL)

    def turned(self) -> "Contrast":
        """The same as b minus a."""
        return replace(self, a=self.b, b=self.a, difference=-self.difference, intervals=-self.intervals[:, ::-1])


def contrasts(counts: Mapping[str, np.ndarray], resamples: int = stats.RESAMPLES) -> tuple[Contrast, ...]:
    """Every pair of arms, by their margins (U, seeds, 3, C).

    All pairs, and not each against the best alone: which one is best is itself found in these data, and only a
    correction over all pairs allows for having looked. It is Holm's.
    """
    pairs = list(combinations(counts, 2))
    found = [(first, second, _paired(counts[first], counts[second], resamples)) for first, second in pairs]
    by_t = np.array([_of_miou(result.difference.p()) for *_, result in found])
    corrected = stats.holm(by_t)
    return tuple(
        _contrast(first, second, counts, result, float(corrected[place]))
        for place, (first, second, result) in enumerate(found)
    )


def _paired(first: np.ndarray, second: np.ndarray, resamples: int) -> stats.PairedResult:
    return stats.paired(first, second, metrics.scores, metrics.units_of_scores(first[:, 0]), resamples)


def _contrast(
    first: str, second: str, counts: Mapping[str, np.ndarray], result: stats.PairedResult, p_t: float
) -> Contrast:
    units_with_class = metrics.by_score(metrics.units_of_scores(counts[first][:, 0])).per_class
    family = metrics.in_order(False, units_with_class >= stats.FEWEST_UNITS)
    units, difference = len(counts[first]), result.difference
    return Contrast(
        a=first,
        b=second,
        difference=difference.score,
        intervals=difference.interval_of_differences(),
        p=_of_miou(result.p),
        p_swap=_of_miou(result.swapped),
        p_t=p_t,
        p_of_class=metrics.by_score(result.holm(family)).per_class,
        units_with_class=units_with_class,
        units=units,
        exact=result.exact,
        more=stats.more_units(_of_miou(difference.score), _of_miou(difference.standard_error), units),
        seeds=min(counts[first].shape[1], counts[second].shape[1]) > 1,
    )


def _of_miou(values: np.ndarray) -> float:
    """What belongs to mIoU, of values (S,) in the order of `metrics.scores`."""
    return float(metrics.by_score(values).headline["mean_iou"])
