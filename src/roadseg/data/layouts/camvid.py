"""CamVid in the layout of SegNet's repository: `train`, `trainannot`, `val`, `valannot`, `test`, `testannot`."""

from __future__ import annotations

from pathlib import Path

from roadseg.data.layouts.pairing import files_by_id, paired
from roadseg.data.records import Record

SPLITS = ("train", "val", "test")


def records(root: Path, split: str) -> list[Record]:
    """Records of `train`, `val` or `test`, sorted by id.

    The group is the film sequence, the part of the file name before the first underscore (`0001TP`, `0006R0`, `0016E5`,
    `Seq05VD`). The official validation frames come from the film `0016E5`, which is in the training set too.
    Raises `DataError` for missing folders and unpaired files.
    """
    images, labels = folders(root, split)
    return paired(files_by_id(images, "*.png"), files_by_id(labels, "*.png"), group=lambda frame: frame.split("_")[0])


def folders(root: Path, split: str) -> tuple[Path, Path]:
    """Where the images and the labels of a split lie."""
    return root / split, root / f"{split}annot"
