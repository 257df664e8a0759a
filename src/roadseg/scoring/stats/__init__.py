"""Confidence intervals and paired tests over sampled images.

All functions take arrays. A score is passed as a function of summed counts, so nothing here depends on classes.
"""

from roadseg.scoring.stats.bootstrap import RESAMPLES, SEED, Estimate, covariance, estimate, with_seeds
from roadseg.scoring.stats.learning import FEWEST_SIZES, USUAL_DEVIATION, LearningCurve, learning_curve
from roadseg.scoring.stats.paired import PairedResult, holm, more_units, paired
from roadseg.scoring.stats.shares import SHARE_RESAMPLES, share_interval
from roadseg.scoring.stats.units import FEWEST_UNITS, Units, resampling_units

__all__ = [
    "FEWEST_SIZES", "FEWEST_UNITS", "RESAMPLES", "SEED", "SHARE_RESAMPLES", "USUAL_DEVIATION", "Estimate",
    "LearningCurve", "PairedResult", "Units", "covariance", "estimate", "holm", "learning_curve", "more_units",
    "paired", "resampling_units", "share_interval", "with_seeds",
]  # fmt: skip
