"""Cityscapes with fine annotations: `leftImg8bit/{split}/{city}` and `gtFine/{split}/{city}`, as they are unpacked."""

from __future__ import annotations

from pathlib import Path

from roadseg.data.layouts.pairing import files_by_id, paired
from roadseg.data.records import Record
from roadseg.errors import DataError

SPLITS = ("train", "val", "test")
"""The label files of `test` are dummies (only void ids); predictions for it are scored on the benchmark's server."""

IMAGE_ENDING = "_leftImg8bit.png"
LABEL_ENDING = "_gtFine_labelIds.png"


def records(root: Path, split: str) -> list[Record]:
    """Records of `train`, `val` or `test`, sorted by id such as `aachen_000000_000019` (city, sequence, frame).

    The group is the recorded sequence, city and number: frames of one sequence are seconds apart. Some cities are a few
    very long sequences, others many short ones of which one frame is labelled, which may follow each other on the same
    street. The official split is safe all the same, as no city is in two parts; a new division of all images is not.
    Raises `DataError` for missing folders, misnamed and unpaired files.
    """
    images, labels = folders(root, split)
    return paired(
        files_by_id(images, f"*/*{IMAGE_ENDING}", lambda path: path.name.removesuffix(IMAGE_ENDING)),
        files_by_id(labels, f"*/*{LABEL_ENDING}", lambda path: path.name.removesuffix(LABEL_ENDING)),
        _sequence,
    )


def folders(root: Path, split: str) -> tuple[Path, Path]:
    """Where the images and the labels of a split lie."""
    return root / "leftImg8bit" / split, root / "gtFine" / split


def _sequence(name: str) -> str:
    city, separator, _ = name.rpartition("_")
    if not separator:
        raise DataError(f"{name}{IMAGE_ENDING} is not named city_sequence_frame; keep the archive's own names")
    return city
