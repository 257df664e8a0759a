"""What other images from the same world would change: intervals, paired tests, and what they rest on.

Functions of arrays alone. The scores come as a function of summed counts, so that nothing here knows what a class is.
"""

from roadseg.stats.bootstrap import RESAMPLES, SEED, Estimate, estimate, with_seeds
from roadseg.stats.paired import FEWEST_UNITS, PairedResult, holm, more_units, paired
from roadseg.stats.percentile import bootstrap_interval, resampled_groups
from roadseg.stats.units import BLOCKS, Units, resampling_units

__all__ = [
    "BLOCKS",
    "FEWEST_UNITS",
    "RESAMPLES",
    "SEED",
    "Estimate",
    "PairedResult",
    "Units",
    "bootstrap_interval",
    "estimate",
    "holm",
    "more_units",
    "paired",
    "resampled_groups",
    "resampling_units",
    "with_seeds",
]  # fmt: skip
