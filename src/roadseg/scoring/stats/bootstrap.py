"""Bootstrap intervals that hold with few drives.

Percentile intervals cover the truth too rarely with few units, for two reasons: the variance of a sample of n units is
too small by (n - 1) / n, and its estimate is uncertain (Hesterberg 2015, "What teachers should know about the
bootstrap", sec. 5.3). So the interval is the score plus and minus Student's t (n - 1 degrees of freedom) times the
bootstrap's standard error, corrected for n. For a share it is Wilson's interval (1927), which stays between 0 and 1,
with the effective number of trials that the standard error implies (Korn and Graubard 1998). docs/decisions/0013
compares it with six others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy import stats

RESAMPLES = 10_000
SEED = 0
ROUNDING = 1e-12
"""A smaller standard error is rounding: all resamples have the same score."""
NUMBERS = 2_000_000
"""Most numbers in one portion of resamples: 16 MB."""

Statistic = Callable[[np.ndarray], np.ndarray]
"""Maps sums of counts (R, ...) to scores (R, S); NaN for an undefined score."""


@dataclass(frozen=True)
class Estimate:
    """Scores (S,) with their standard errors (S,) and degrees of freedom (S,); NaN where unknown."""

    score: Float[np.ndarray, " s"]
    standard_error: Float[np.ndarray, " s"]
    degrees_of_freedom: Float[np.ndarray, " s"]

    def interval_of_shares(self) -> Float[np.ndarray, " s 2"]:
        """95 % intervals of scores between 0 and 1."""
        half = self._half()
        with np.errstate(divide="ignore", invalid="ignore"):
            few = half**2 / (self.score * (1 - self.score))  # t^2 over the effective number of trials
            middle = (self.score + few / 2) / (1 + few)
            reach = np.sqrt(half**2 + few**2 / 4) / (1 + few)
            ends = middle[:, None] + reach[:, None] * np.array([-1.0, 1.0])
        exact = (self.standard_error < ROUNDING)[:, None]
        return np.asarray(np.where(exact, self.score[:, None], ends))

    def interval_of_differences(self) -> Float[np.ndarray, " s 2"]:
        """95 % intervals of differences of scores between 0 and 1."""
        return np.asarray(np.clip(self.score[:, None] + self._half()[:, None] * np.array([-1.0, 1.0]), -1.0, 1.0))

    def p(self) -> Float[np.ndarray, " s"]:
        """Two-sided p of the hypothesis that the score (a difference) is 0, from Student's t."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(self.score) / self.standard_error
        return np.asarray(
            np.where(self.score == 0, 1.0, 2 * stats.t.sf(t, self.degrees_of_freedom)) + 0.0 * self.standard_error
        )

    def _half(self) -> np.ndarray:
        return np.asarray(stats.t.ppf(0.975, self.degrees_of_freedom) * self.standard_error)


def estimate(
    counts: Shaped[np.ndarray, " u *k"],
    statistic: Statistic,
    units_with_class: Int[np.ndarray, " s"],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Estimate:
    """The scores of the units' summed counts, and their standard errors over samples of units.

    Args:
        counts: one array of counts for each unit; they are summed before anything is scored.
        statistic: maps sums of counts (R, ...) to scores (R, S).
        units_with_class (S,): how many units contain what is scored. A class in two drives has one degree of freedom.
        resamples: number of samples of the same size, drawn with replacement.
        seed: of the random numbers.
    """
    score = statistic(counts.sum(0, dtype=np.float64)[None])[0]
    total, known = np.zeros_like(score), np.zeros_like(score)
    for scores in _resampled(counts, statistic, resamples, seed):
        squares = (scores - score) ** 2  # around the measured score, so that a bias widens the interval
        total += np.where(np.isnan(squares), 0, squares).sum(0)
        known += (~np.isnan(squares)).sum(0)
    freedom = np.where((units_with_class > 1) & ~np.isnan(score), units_with_class - 1.0, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(total / known * (freedom + 1) / freedom)
    return Estimate(score, error, freedom)


def covariance(
    counts: Shaped[np.ndarray, " u *k"], statistic: Statistic, resamples: int = RESAMPLES, seed: int = SEED
) -> Float[np.ndarray, "s s"]:
    """The covariance of the scores over samples of units, corrected for their number as in `estimate`.

    NaN for an undefined score. The arguments are those of `estimate`.
    """
    score = statistic(counts.sum(0, dtype=np.float64)[None])[0]
    scores = np.concatenate(_resampled(counts, statistic, resamples, seed))
    away = (scores - score)[~np.isnan(scores).any(1)]
    units = len(counts)
    return np.asarray(away.T @ away / max(len(away), 1) * units / (units - 1) + 0.0 * score)


def _resampled(counts: np.ndarray, statistic: Statistic, resamples: int, seed: int) -> list[np.ndarray]:
    """Scores of the resamples, in portions (R, S)."""
    units, shape = len(counts), counts.shape[1:]
    flat = counts.reshape(units, -1).astype(np.float64)
    rng = np.random.default_rng(seed)
    portion = max(1, NUMBERS // max(units, flat.shape[1], 1))
    found = []
    for start in range(0, resamples if units else 0, portion):
        number = min(portion, resamples - start)
        cells = rng.integers(units, size=(number, units)) + units * np.arange(number)[:, None]
        draws = np.bincount(cells.ravel(), minlength=number * units).reshape(number, units)
        found.append(statistic((draws.astype(np.float64) @ flat).reshape(number, *shape)))
    return found


def with_seeds(estimate: Estimate, *arms: Sequence[Float[np.ndarray, " s"]]) -> Estimate:
    """The estimate with the variance over training seeds added; each arm gives the scores of its seeds.

    Seeds are sampled too, as drives are. Their variance s^2 / n is added for each arm, because resampling n seeds would
    show only (n - 1) / n of it. The degrees of freedom are Satterthwaite's (1946). If an arm has a single seed the
    estimate stays as it is.
    """
    if any(len(seeds) < 2 for seeds in arms):
        return estimate
    parts = [(estimate.standard_error**2, estimate.degrees_of_freedom)]
    for seeds in arms:
        variance = np.var(np.stack(seeds), axis=0, ddof=1) / len(seeds)
        parts.append((variance, np.full_like(variance, len(seeds) - 1.0)))
    total = np.sum([variance for variance, _ in parts], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        weighted = np.sum([variance**2 / freedom for variance, freedom in parts], axis=0)
        freedom = np.where(total > 0, total**2 / weighted, estimate.degrees_of_freedom)
    return Estimate(estimate.score, np.sqrt(total), freedom)
