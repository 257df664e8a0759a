"""Two systems on the same images: is one better, or can these data not tell?

The permutation test swaps the two systems within units: if they are equally good, each unit's results might as well
have come from the other one (Fisher's sign test; Good 2005, sec. 3.2). With u units there are 2^u swaps, so no p is
below 2 / 2^u, however large the difference. Five drives never give p < 0.05.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy import stats

from roadseg.scoring.stats.bootstrap import NUMBERS, RESAMPLES, SEED, Estimate, Statistic, estimate, with_seeds
from roadseg.scoring.stats.units import FEWEST_UNITS

LEVEL = 0.05
MOST_EXACT = 13
"""With at most this many units the test makes all 2^u swaps."""

POWER = 0.8
"""Power of the test for which `more_units` plans."""


@dataclass(frozen=True)
class PairedResult:
    """First system minus second: scores' differences with errors (S,), and their sizes under swaps (R, S).

    The first row of `swaps` is the observed difference; `exact`: the rows are all possible swaps. NaN where a score
    does not exist.
    """

    difference: Estimate
    swaps: Float[np.ndarray, " r s"]
    exact: bool

    @property
    def swapped(self) -> Float[np.ndarray, " s"]:
        """The two-sided p of the swap test for each score alone."""
        return self._share(self.swaps, self.swaps[0])

    @property
    def p(self) -> Float[np.ndarray, " s"]:
        """The larger p of the two tests: Student's t over drives (and seeds), and the swaps."""
        return np.asarray(np.maximum(self.difference.p(), self.swapped))

    def holm(self, family: Bool[np.ndarray, " s"]) -> Float[np.ndarray, " s"]:
        """p of the scores of a family, corrected for multiple tests; NaN outside it.

        The larger p of two tests: Student's t with Holm's correction, and the swaps with the step-down maximum of
        Westfall and Young (1993, sec. 2.6). The latter scales each difference by its root mean square over the swaps,
        and counts how often the largest one among the remaining scores is as large. Holm's correction of the swaps
        could never be small with few drives, because each score's p is at least 2 / 2^u.
        """
        corrected = np.maximum(holm(np.where(family, self.difference.p(), np.nan)), self.swapped)
        scale = np.sqrt((self.swaps**2).mean(0))
        with np.errstate(divide="ignore", invalid="ignore"):
            measured = np.where(scale > 0, self.swaps / scale, 0.0)
        measured = np.where(family & ~np.isnan(measured), measured, 0.0)
        order = np.argsort(measured[0], kind="stable")  # the largest of each score and of all that are smaller
        largest = np.maximum.accumulate(measured[:, order], axis=1)
        swapped = np.empty(len(order))
        swapped[order] = np.maximum.accumulate(self._share(largest, measured[0, order])[::-1])[::-1]
        return np.asarray(np.maximum(corrected, swapped))

    def _share(self, made: np.ndarray, observed: np.ndarray) -> np.ndarray:
        extreme = (~(made < observed - 1e-12)).mean(0)  # one that does not exist counts as large
        return np.where(np.isnan(observed), np.nan, extreme)


def paired(
    first: Shaped[np.ndarray, " u n *k"],
    second: Shaped[np.ndarray, " u m *k"],
    statistic: Statistic,
    units_with_class: Int[np.ndarray, " s"],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> PairedResult:
    """Compare two systems by counts of the same units, n and m training seeds each.

    A system's score is the mean over its seeds. The swap test scores the seeds' counts together: for one seed that is
    the same. `statistic`, `units_with_class`, `resamples` and `seed` are as in `estimate`.
    """
    count = first.shape[1]

    def difference(sums: np.ndarray) -> np.ndarray:
        scores = statistic(sums)
        return np.asarray(scores[:, :count].mean(1) - scores[:, count:].mean(1))

    found = estimate(np.concatenate([first, second], axis=1), difference, units_with_class, resamples, seed)
    scores = [statistic(system.sum(0, dtype=np.float64)) for system in (first, second)]
    found = with_seeds(found, *map(list, scores))
    swaps = swapped_differences(first.mean(1), second.mean(1), statistic, resamples, seed)
    return PairedResult(found, swaps, len(first) <= MOST_EXACT)


def swapped_differences(
    first: Shaped[np.ndarray, " u *k"],
    second: Shaped[np.ndarray, " u *k"],
    statistic: Statistic,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Float[np.ndarray, " r s"]:
    """Sizes of the scores' differences with the systems swapped within units; in the first row none is.

    All swaps are made with at most `MOST_EXACT` units, else `resamples` random ones. The observed assignment is always
    among them (Phipson and Smyth 2010).
    """
    made = [_swapped(first, second, statistic, swaps) for swaps in _swaps(len(first), resamples, seed)]
    return np.asarray(np.abs(np.concatenate(made)))


def _swapped(first: np.ndarray, second: np.ndarray, statistic: Statistic, swaps: np.ndarray) -> np.ndarray:
    """Differences (R, S) with the units exchanged that `swaps` (R, u) marks."""
    shape, both = first.shape[1:], (first + second).sum(0, dtype=np.float64).ravel()
    kept = first.sum(0, dtype=np.float64).ravel()
    gains = (second - first).reshape(len(first), -1).astype(np.float64)
    one = kept + swaps.astype(np.float64) @ gains
    return np.asarray(statistic(one.reshape(-1, *shape)) - statistic((both - one).reshape(-1, *shape)))


def _swaps(units: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Which units are swapped, in portions (R, u). Swapping all changes the sign alone, so the first one stays."""
    if units <= MOST_EXACT:
        numbers = np.arange(2 ** max(units - 1, 0))
        yield (numbers[:, None] >> np.arange(units)) & 1 == 1
        return
    yield np.zeros((1, units), dtype=bool)
    rng = np.random.default_rng(seed)
    portion = max(1, NUMBERS // units)
    for start in range(0, resamples, portion):
        yield rng.random((min(portion, resamples - start), units)) < 0.5


def holm(p: Float[np.ndarray, " s"]) -> Float[np.ndarray, " s"]:
    """Holm's adjusted p (1979), which controls the chance of any false alarm in a family of tests. NaN stays NaN."""
    adjusted = np.full_like(p, np.nan)
    order = [index for index in np.argsort(p, kind="stable") if not np.isnan(p[index])]
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, float(p[index]) * (len(order) - place)))
        adjusted[index] = largest
    return adjusted


def more_units(difference: float, error: float, units: int, most: int = 1000) -> int | None:
    """About how many more units would show a difference of this size with power `POWER`; None beyond `most`.

    The standard error shrinks with the square root of the number of units. The true difference may be another than the
    measured one.
    """
    if not (np.isfinite(error) and np.isfinite(difference)) or difference == 0:
        return None
    deviation = error * units**0.5
    for total in range(max(units + 1, FEWEST_UNITS), units + most + 1):
        needed = stats.t.ppf(1 - LEVEL / 2, total - 1) + stats.t.ppf(POWER, total - 1)
        if abs(difference) >= needed * deviation / total**0.5:
            return total - units
    return None
