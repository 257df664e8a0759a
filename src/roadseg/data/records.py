"""A record: the files of one image and its labels, and the group that the image belongs to."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Record:
    """One labelled image of a data set.

    `group` is the drive or sequence it comes from: images of one group may be near-identical, so a leakage-free split
    keeps a group together and a bootstrap resamples groups, not images.
    """

    id: str
    image: Path
    label: Path
    group: str
