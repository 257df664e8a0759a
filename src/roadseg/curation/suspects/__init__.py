"""Labels that are likely wrong, ranked by networks that were not trained on them."""

from roadseg.curation.suspects.find import Findings, find
from roadseg.curation.suspects.write import rows, write

__all__ = ["Findings", "find", "rows", "write"]
