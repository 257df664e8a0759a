"""CamVid in the layout of SegNet's repository: `train`, `trainannot`, `val`, `valannot`, `test`, `testannot`."""

from pathlib import Path

from roadseg import labels
from roadseg.data.layouts.dataset import Dataset, Table, named_groups
from roadseg.data.layouts.pairing import files_by_id, paired
from roadseg.data.records import Record

SPLITS = ("train", "val", "test")


def records(root: Path, split: str) -> list[Record]:
    """Records of `train`, `val` or `test`, sorted by id.

    The group is the film sequence, the part of the file name before the first underscore (`0001TP`, `0006R0`, `0016E5`,
    `Seq05VD`). The official validation frames come from the film `0016E5`, which is in the training set too.
    Raises `DataError` for missing folders and unpaired files.
    """
    images, masks = folders(root, split)
    return paired(files_by_id(images, "*.png"), files_by_id(masks, "*.png"), group=lambda frame: frame.split("_")[0])


def folders(root: Path, split: str) -> tuple[Path, Path]:
    """Where the images and the labels of a split lie."""
    return root / split, root / f"{split}annot"


def labelled(root: Path) -> tuple[str, ...]:
    """`train` and `val`, which must be there, and `test` where it is."""
    return SPLITS if all(path.is_dir() for path in folders(root, "test")) else SPLITS[:2]


DATASET = Dataset(
    records=records,
    labels=lambda root, choice: labels.camvid(choice),
    splits=SPLITS,
    labelled=labelled,
    detect=lambda root: all(path.is_dir() for path in folders(root, "train")),
    tables=(Table("CamVid's 11 classes", labels.camvid(), colors="CamVid's colours"),),
    group_of=named_groups(r"([A-Za-z0-9]+)_\w*\d+"),
)
