"""Percentile intervals, for what is no score: too narrow with few drives (docs/decisions/0013)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def resampled_groups(groups: Sequence[str]) -> tuple[str, list[str]]:
    """The unit that is resampled and each image's unit: groups, or images where there is only one group.

    Images of one drive are alike, so resampling images gives intervals that are too narrow; with a single drive there
    is nothing else to do, and the unit's name says so.
    """
    if len(set(groups)) > 1:
        return "group", list(groups)
    return "image", [str(index) for index in range(len(groups))]


def bootstrap_interval(
    counts: np.ndarray,
    units: Sequence[str],
    statistic: Callable[[np.ndarray], np.ndarray],
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval of `statistic` of the summed counts, resampling units with replacement.

    Args:
        counts: int64 (N, ...), one array of counts for each image.
        units: the unit of each image; the images of a unit are drawn together.
        statistic: maps sums of counts (R, ...) to R scores; NaN for a resample without a score.
        resamples: how many times as many units as there are get drawn.
        seed: of the draws.
    """
    names, index = np.unique(np.asarray(units), return_inverse=True)
    per_unit = np.zeros((len(names), counts[0].size))
    np.add.at(per_unit, index, counts.reshape(len(counts), -1))
    even = np.full(len(names), 1 / len(names))
    draws = np.random.default_rng(seed).multinomial(len(names), even, size=resamples)
    sums = (draws @ per_unit).round().astype(np.int64).reshape(resamples, *counts.shape[1:])
    scores = statistic(sums)
    if np.isnan(scores).all():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(scores, [2.5, 97.5])
    return float(low), float(high)
