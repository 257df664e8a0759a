"""One page that shows a comparison: report.html, report.md, scores.json, and their figures."""

from roadseg.report.write import write_report

__all__ = ["write_report"]
