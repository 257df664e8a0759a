"""What other images from the same world would change: intervals, paired tests, and what they rest on.

Functions of arrays alone. The scores come as a function of summed counts, so that nothing here knows what a class is.
"""

from roadseg.stats.bootstrap import RESAMPLES, SEED, Estimate, estimate, with_seeds
from roadseg.stats.paired import PairedResult, holm, more_units, paired
from roadseg.stats.shares import share_interval
from roadseg.stats.units import FEWEST_UNITS, Units, resampling_units

__all__ = [
    "FEWEST_UNITS",
    "RESAMPLES",
    "SEED",
    "Estimate",
    "PairedResult",
    "Units",
    "estimate",
    "holm",
    "more_units",
    "paired",
    "resampling_units",
    "share_interval",
    "with_seeds",
]  # fmt: skip
