"""Built-in streets: deterministic driving sequences in KITTI's layout, drawn instead of recorded.

They need no download and no licence, so that a demo and a test can train on something that looks like a street.
"""

from roadseg.data.streets.dataset import synthesize

__all__ = ["synthesize"]
