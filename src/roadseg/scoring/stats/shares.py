"""The interval of a score between 0 and 1 from counts of images."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int64

from roadseg.scoring.stats.bootstrap import estimate
from roadseg.scoring.stats.units import resampling_units

SHARE_RESAMPLES = 2000


def share_interval(
    counts: Int64[np.ndarray, " n *k"],
    groups: Sequence[str],
    statistic: Callable[[np.ndarray], np.ndarray],
    resamples: int = SHARE_RESAMPLES,
) -> tuple[float, float]:
    """95 % interval of `statistic` of the images' summed counts; NaN where there is no score or too few units.

    Args:
        counts: one array of counts for each image, in the order of their ids.
        groups: the drive or sequence of each image; what is resampled follows from them (`resampling_units`).
        statistic: maps sums of counts, int64 (R, ...), to R scores from 0 to 1; NaN for a sum without a score.
        resamples: how often as many units as there are get drawn with replacement.
    """
    units = resampling_units(groups)
    sums = units.sums(counts)
    holding = (sums.reshape(len(sums), -1) != 0).any(1).sum()

    def of_sums(resampled: np.ndarray) -> np.ndarray:
        return statistic(np.rint(resampled).astype(np.int64))[:, None]

    found = estimate(sums, of_sums, np.array([holding]), resamples)
    low, high = found.interval_of_shares()[0]
    return float(low), float(high)
