"""Cityscapes with fine annotations: `leftImg8bit/{split}/{city}` and `gtFine/{split}/{city}`, as they are unpacked."""

from pathlib import Path

from roadseg import labels
from roadseg.data.layouts.dataset import Dataset, Table, named_groups
from roadseg.data.layouts.pairing import files_by_id, paired
from roadseg.data.records import Record
from roadseg.errors import DataError
from roadseg.labels import IGNORE, Label, LabelSpace

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
    images, masks = folders(root, split)
    return paired(
        files_by_id(images, f"*/*{IMAGE_ENDING}", lambda path: path.name.removesuffix(IMAGE_ENDING)),
        files_by_id(masks, f"*/*{LABEL_ENDING}", lambda path: path.name.removesuffix(LABEL_ENDING)),
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


def _train_ids() -> LabelSpace:
    """The evaluated classes, coded by their index; 255 is ignored."""
    classes = tuple(label.model_copy(update={"id": index}) for index, label in enumerate(labels.cityscapes().classes))
    return LabelSpace(
        name="train ids", classes=classes, ignored=(Label(name="unlabelled", id=IGNORE, color=(0, 0, 0)),)
    )


IDS = Table("the 35 ids of KITTI and Cityscapes", labels.cityscapes(), colors="Cityscapes' and KITTI's colours")
TRAIN_IDS = Table("Cityscapes' train ids", _train_ids())

DATASET = Dataset(
    records=records,
    labels=lambda root, choice: labels.cityscapes(choice),
    splits=SPLITS,
    labelled=lambda root: ("train", "val"),
    detect=lambda root: all(path.is_dir() for path in folders(root, "train")),
    tables=(TRAIN_IDS, IDS),
    group_of=named_groups(r"([A-Za-z-]+_\d+)_\d+(?:_|$)"),  # whatever follows the frame
)
