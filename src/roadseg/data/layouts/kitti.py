"""The KITTI semantic benchmark (2015, 200 labelled images), in its own layout."""

import re
from collections.abc import Callable
from pathlib import Path

from roadseg import labels
from roadseg.data.layouts import cityscapes, kitti_drives
from roadseg.data.layouts.dataset import UNDIVIDED, Dataset, GroupOf
from roadseg.data.layouts.pairing import files_by_id, paired
from roadseg.data.records import Record
from roadseg.errors import DataError

SPLITS = UNDIVIDED
"""KITTI divides its labelled images in no way; the official test images have no public labels."""


def records(root: Path, split: str) -> list[Record]:
    """Records of `root/training/image_2/000000_10.png` with `root/training/semantic/000000_10.png`, sorted by id.

    The id is the file's stem; frames `_11` of the flow benchmark in the same folder are passed over. The group is the
    raw drive, from the built-in table or, where it exists, from `root/drives.txt` (index, drive and frame, such as
    `000000 drive_0001 0000000000`), which then holds for the whole folder; an image that it does not list is a group of
    its own.
    Raises `DataError` for missing folders, unpaired files and a broken `drives.txt`.
    """
    if split not in SPLITS:
        raise DataError(f"kitti has no split {split!r}: its labelled images are not divided; use 'all'")
    images, masks = (files_by_id(folder, "*_10.png") for folder in folders(root))
    return paired(images, masks, drives(root))


def folders(root: Path) -> tuple[Path, Path]:
    """Where the images and the labels lie."""
    return root / "training" / "image_2", root / "training" / "semantic"


def drives(root: Path) -> Callable[[str], str]:
    """The group of an id such as `000000_10`, as in `records`. Raises `DataError` for a broken `drives.txt`."""
    listed = _listed_drives(root / "drives.txt")

    def group(name: str) -> str:
        index = name.removesuffix("_10")
        return kitti_drives.group(index) if listed is None else listed.get(index, f"unknown_{index}")

    return group


def _listed_drives(path: Path) -> dict[str, str] | None:
    """Drive by index from a `drives.txt`; None where there is no such file."""
    if not path.exists():
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}; replace or remove it") from error
    drives: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match line.split():
            case [index, drive, _] if index not in drives:
                drives[index] = drive
            case []:
                continue
            case _:
                raise DataError(f"{path}:{number}: {line!r} is not a new index, its drive and frame; fix or remove it")
    return drives


def group_of(top: Path) -> GroupOf:
    """The drive from a file's name, by the `drives.txt` of `top` or the built-in table."""
    drive = drives(top)
    return lambda stem: drive(stem) if re.fullmatch(r"\d{6}_10", stem) else None


DATASET = Dataset(
    records=records,
    labels=lambda root, choice: labels.cityscapes(choice),
    splits=SPLITS,
    labelled=lambda root: UNDIVIDED,
    detect=lambda root: all(path.is_dir() for path in folders(root)),
    tables=(cityscapes.TRAIN_IDS, cityscapes.IDS),
    group_of=group_of,
)
