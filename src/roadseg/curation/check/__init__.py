"""The label doctor: what is wrong with images and labels, in which files, and how to fix it. Reads only."""

from roadseg.curation.check.draft import draft
from roadseg.curation.check.finding import Finding
from roadseg.curation.check.inputs import Inputs, find_data, find_pairs, layout_of
from roadseg.curation.check.montage import montage
from roadseg.curation.check.run import as_json, diagnose, finding_table, inspect_all, summary
from roadseg.curation.check.stats import left_out, stats_table

__all__ = [
    "Finding", "Inputs", "as_json", "diagnose", "draft", "find_data", "find_pairs", "finding_table", "inspect_all",
    "layout_of", "left_out", "montage", "stats_table", "summary",
]  # fmt: skip
