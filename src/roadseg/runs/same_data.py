"""Whether a folder holds the data that a run was scored on: by the pixels of each class in each image's labels.

Labels may be corrected after a run was scored, so that some may differ; another data set whose images have the same ids
differs in nearly all of them.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Int

from roadseg.data.decode import read_target
from roadseg.data.records import Record
from roadseg.data.transforms import resize_target
from roadseg.errors import DataError
from roadseg.labels import LabelSpace

Counts = Int[np.ndarray, " classes"]
"""Labelled pixels of each class of one image."""
CORRECTED = 0.5
"""The share of a run's scored images whose labels may be corrected before the data is taken for another."""


def label_counts(record: Record, space: LabelSpace, size: tuple[int, int] | None) -> Counts:
    """The labels' pixels by class at the size that they are scored at; None: their own.

    Raises `DataError` as `read_target`.
    """
    target = read_target(record.label, space)
    if size is not None:
        target = resize_target(target, size)
    return np.bincount(target.numpy().ravel(), minlength=256)[: len(space.classes)].astype(np.int64)


def check_same(
    scored: Mapping[str, Counts],
    records: Mapping[str, Record],
    root: Path,
    run: Path,
    space: LabelSpace,
    size: tuple[int, int] | None,
) -> None:
    """Raises `DataError` where `root` has other data than what the run in `run` was scored on.

    `scored` are what the labels held then, `records` the images in `root`, both by id; those in both are looked at,
    their labels at `size` (height, width), None for their own.
    """
    both = [name for name in scored if name in records]
    other = sum(not np.array_equal(label_counts(records[name], space, size), scored[name]) for name in both)
    if other > CORRECTED * len(both):
        raise DataError(
            f"{root} is not the data that {run} was scored on: {other} of {len(both)} images have other labels "
            "(up to half may have been corrected since); give that data with --data.root"
        )
