"""The label doctor: what is wrong with images and labels, in which files, and how to mend it. Reads only."""

from roadseg.check.draft import draft
from roadseg.check.find import Found, find_data, find_pairs, layout_of
from roadseg.check.finding import Finding
from roadseg.check.montage import montage
from roadseg.check.run import as_json, finding_table, judge, look_at, summary
from roadseg.check.stats import left_out, stats_table

__all__ = [
    "Finding", "Found", "as_json", "draft", "find_data", "find_pairs", "finding_table", "judge", "layout_of",
    "left_out", "look_at", "montage", "stats_table", "summary",
]  # fmt: skip
