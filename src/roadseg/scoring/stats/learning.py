"""Learning curves: a score against the number of training images, carried on beyond them.

A power law with an asymptote (Hestness et al. 2017; Rosenfeld et al. 2020) brings with each doubling of the images r
times what the doubling before brought: r = 1 is a straight line over log n, r near 0 no more gain. One fitted curve is
overconfident (Mahmood et al., CVPR 2022), and curves are known that flatten faster, or begin slowly (Viering and Loog
2021). So no curve is chosen: forms with r from `RATIOS`, and with log r growing by one of `BENDS` from doubling to
doubling, are all fitted, and each counts by how well it explains the scores (Bayes). Beyond the largest number no
doubling brings more than one does there. How often the intervals hold: benchmarks/learning_curve.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import special

FEWEST_SIZES = 3
"""With fewer numbers of images nothing is known about a curve's form."""

RATIOS = np.linspace(0.02, 1.4, 24)
"""r in the middle of what was measured, all as likely beforehand; above 1 for networks that begin to learn late."""

BENDS = np.linspace(-2.4, 0.3, 19)
"""How log r grows with each doubling: a power law has 0, an exponential goes as far as the least of them."""

USUAL_DEVIATION = 0.01
"""How far a training's score is from the mean of many before anything is seen, as sure as `USUAL_FREEDOM` trainings."""

USUAL_FREEDOM = 2.0

STEPS = 64
"""Of the numerical integration, for each doubling."""


@dataclass(frozen=True)
class LearningCurve:
    """Scores expected at numbers of images (N,), and what they gain on the curve at the largest number trained on.

    Intervals are of 95 %: `score_interval` is about other units (drives) too, `gain_interval` about a difference on the
    same ones. Both are about the mean of many trainings.
    """

    images: Float[np.ndarray, " n"]
    score: Float[np.ndarray, " n"]
    score_interval: Float[np.ndarray, " n 2"]
    gain: Float[np.ndarray, " n"]
    gain_interval: Float[np.ndarray, " n 2"]


def learning_curve(
    images: Float[np.ndarray, " k"],
    scores: Sequence[Float[np.ndarray, " _"]],
    at: Float[np.ndarray, " n"],
    covariance: Float[np.ndarray, "k k"] | None = None,
    units: int = 0,
) -> LearningCurve:
    """Fit the scores of trainings on rising numbers of images, and give the curve at other numbers.

    Args:
        images: rising numbers of training images, `FEWEST_SIZES` or more.
        scores: for each of them the scores (shares of 1) of one or several trainings. Those on the largest number are
            on the same images, whose luck their mean does not even out: together they count as one training.
        at: numbers of images to give the curve for.
        covariance: of the mean scores over other units (`bootstrap.covariance`); None: only these are spoken of.
        units: how many units it rests on.
    """
    assert len(images) == len(scores) >= FEWEST_SIZES
    doublings, wanted = np.log2(images / images[-1]), np.log2(at / images[-1])
    ratios, bends = (grid.ravel() for grid in np.meshgrid(RATIOS, BENDS))
    rises = _rises(ratios, bends, np.concatenate([doublings, wanted]), float(doublings[0]))
    fits = _fit(rises[:, : len(images)], scores, _prior(bends))
    beyond = rises[:, len(images) :]
    nothing, everything = np.zeros_like(beyond), np.ones_like(beyond)
    known = (np.zeros((len(images), len(images))) if covariance is None else covariance, max(units - 1, 1))
    level = _quantiles(fits, np.stack([everything, beyond], axis=2), *known)
    gain = _quantiles(fits, np.stack([nothing, beyond], axis=2), *known)
    now = float(np.clip(fits.weights @ fits.coefficients[:, 0], 0, 1))
    low, score, high = np.clip(level, 0, 1)
    least, middle, most = np.clip(gain, -now, 1 - now)
    return LearningCurve(at, score, np.stack([low, high], axis=1), middle, np.stack([least, most], axis=1))


@dataclass(frozen=True)
class _Fits:
    """One fit for each form: its weight (F,), level at the largest number and rise up to there (F, 2).

    `solve` (F, 2, K) leads from the mean scores to these coefficients, `inverse` (F, 2, 2) times `variance` (F,) is
    their covariance over other trainings, with `freedom` degrees of freedom.
    """

    weights: np.ndarray
    coefficients: np.ndarray
    solve: np.ndarray
    inverse: np.ndarray
    variance: np.ndarray
    freedom: float


def _prior(bends: np.ndarray) -> np.ndarray:
    """Logarithm of how likely a bend is beforehand: three in four are near 0, one in four is anywhere below it.

    The middle of what is expected rests on the three, and that a sudden end of all gain stays in the interval on
    the one. Bends above 0 are unlikely.
    """
    near, anywhere = 0.75 / 0.25, 0.25 / -BENDS[0]
    falling = np.log(near * np.exp(np.minimum(bends, 0) / 0.25) + anywhere)
    return np.asarray(falling - 0.5 * (np.maximum(bends, 0) / 0.15) ** 2)


def _rises(ratios: np.ndarray, bends: np.ndarray, doublings: np.ndarray, first: float) -> np.ndarray:
    """The forms (F, N) by numbers of doublings from the largest number of images: 0 there, -1 at the smallest.

    The slope is r^x exp(bend (x - m)^2 / 2), where m is the middle of what was measured, and never rises beyond x = 0.
    """
    low, high = min(first, float(doublings.min())), max(0.0, float(doublings.max()))
    grid = np.linspace(low, high, round((high - low) * STEPS) + 2)

    def slope(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(np.log(ratios)[:, None] * x + bends[:, None] * (x - first / 2) ** 2 / 2))

    steepest = np.where(grid > 0, slope(np.zeros(1)), np.inf)
    slopes = np.minimum(slope(grid), steepest)
    steps = (slopes[:, 1:] + slopes[:, :-1]) / 2 * np.diff(grid)
    summed = np.concatenate([np.zeros((len(ratios), 1)), steps.cumsum(1)], axis=1)
    found = np.stack([np.interp([0.0, first, *doublings], grid, row) for row in summed])
    return np.asarray((found[:, 2:] - found[:, :1]) / (found[:, :1] - found[:, 1:2]))


def _fit(rises: np.ndarray, scores: Sequence[np.ndarray], prior: np.ndarray) -> _Fits:
    """Least squares for each form; it weighs its prior times the scores' likelihood, level, rise and noise unknown."""
    means, numbers = np.array([own.mean() for own in scores]), np.array([float(len(own)) for own in scores])
    freedom = USUAL_FREEDOM + float(numbers.sum()) - 2
    numbers[-1] = 1.0
    design = np.stack([np.ones_like(rises), rises], axis=2)
    weighted = np.swapaxes(design * numbers[:, None], 1, 2)
    inverse = np.linalg.inv(weighted @ design)
    solve = inverse @ weighted
    coefficients = solve @ means
    left = means - np.einsum("fki,fi->fk", design, coefficients)
    within = sum(float(((own - own.mean()) ** 2).sum()) for own in scores)
    squares = USUAL_FREEDOM * USUAL_DEVIATION**2 + within + (numbers * left**2).sum(1)
    evidence = prior - 0.5 * freedom * np.log(squares) + 0.5 * np.linalg.slogdet(inverse)[1]
    weights = np.exp(evidence - evidence.max())
    return _Fits(weights / weights.sum(), coefficients, solve, inverse, squares / freedom, freedom)


def _quantiles(fits: _Fits, wanted: np.ndarray, covariance: np.ndarray, unit_freedom: int) -> np.ndarray:
    """The 2.5 %, 50 % and 97.5 % quantiles (3, N) of combinations `wanted` (F, N, 2) of level and rise.

    For each form a combination has Student's t around its estimate: the variance is that over other trainings and that
    over other units, the degrees of freedom are Satterthwaite's. The mixture over the forms is inverted by bisection.
    """
    middle = np.einsum("fni,fi->fn", wanted, fits.coefficients)
    luck = fits.variance[:, None] * np.einsum("fni,fij,fnj->fn", wanted, fits.inverse, wanted)
    of_scores = wanted @ fits.solve
    world = np.maximum(np.einsum("fni,ij,fnj->fn", of_scores, covariance, of_scores), 0)
    variance = luck + world + 1e-16  # the gain on the largest number itself is exactly nothing
    freedom = variance**2 / (luck**2 / fits.freedom + world**2 / unit_freedom + 1e-32 / fits.freedom)
    shares = np.array([0.025, 0.5, 0.975])[:, None]
    low, high = np.full((2, 3, middle.shape[1]), [[[-2.0]], [[2.0]]])
    for _ in range(24):
        tried = (low + high) / 2
        below = special.stdtr(freedom, (tried[:, None] - middle) / variance**0.5)
        less = np.einsum("f,sfn->sn", fits.weights, below) < shares
        low, high = np.where(less, tried, low), np.where(less, high, tried)
    return np.asarray((low + high) / 2)
