"""Which images to label next."""

from roadseg.label_next.find import Findings, find
from roadseg.label_next.write import rows, write

__all__ = ["Findings", "find", "rows", "write"]
