"""How fast this machine does roadseg's work, and how far that is from what the machine can do."""

from roadseg.bench.run import bench, bench_table
from roadseg.bench.work import WORK

__all__ = ["WORK", "bench", "bench_table"]
