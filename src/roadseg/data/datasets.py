"""The kinds of data sets by name, and the way from settings to the records of each part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from roadseg import labels
from roadseg.config.settings import Data
from roadseg.data.layouts import camvid, cityscapes, folder, kitti
from roadseg.data.records import Record
from roadseg.data.splits import Splits, make_splits, pick, select
from roadseg.errors import ConfigError, DataError
from roadseg.labels import ClassChoice, LabelSpace

UNDIVIDED = ("all",)
"""The splits of a data set that has no official division."""


@dataclass(frozen=True)
class Dataset:
    """One kind of data set.

    `splits` are the names that `records(root, split)` takes. `labelled(root)` tells which of them can be trained on and
    scored: those on disk whose labels are real, or `UNDIVIDED`.
    """

    records: Callable[[Path, str], list[Record]]
    labels: Callable[[Path, ClassChoice], LabelSpace]
    splits: tuple[str, ...]
    labelled: Callable[[Path], tuple[str, ...]]


class Divided(NamedTuple):
    """The division and the records of each part that is not empty, by `train`, `val` and `test`."""

    splits: Splits
    records: dict[str, list[Record]]


def _on_disk(folders: Callable[[Path, str], tuple[Path, Path]], *names: str) -> Callable[[Path], tuple[str, ...]]:
    """`train` and `val`, which must be there, and those of `names` that are."""

    def labelled(root: Path) -> tuple[str, ...]:
        return ("train", "val", *(name for name in names if all(path.is_dir() for path in folders(root, name))))

    return labelled


DATASETS: dict[str, Dataset] = {
    "kitti": Dataset(
        records=kitti.records,
        labels=lambda root, choice: labels.cityscapes(choice),
        splits=kitti.SPLITS,
        labelled=lambda root: UNDIVIDED,
    ),
    "cityscapes": Dataset(
        records=cityscapes.records,
        labels=lambda root, choice: labels.cityscapes(choice),
        splits=cityscapes.SPLITS,
        labelled=_on_disk(cityscapes.folders),
    ),
    "camvid": Dataset(
        records=camvid.records,
        labels=lambda root, choice: labels.camvid(choice),
        splits=camvid.SPLITS,
        labelled=_on_disk(camvid.folders, "test"),
    ),
    "folder": Dataset(
        records=folder.records,
        labels=folder.label_space,
        splits=(*folder.SPLITS, folder.ALL),
        labelled=folder.splits,
    ),
}


def dataset(name: str) -> Dataset:
    """The kind of that name. Raises `ConfigError` with the choices and the closest one."""
    if name not in DATASETS:
        close = get_close_matches(name, DATASETS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"unknown data set {name!r}; {hint}choose one of {', '.join(DATASETS)}")
    return DATASETS[name]


def label_space(data: Data) -> LabelSpace:
    """The label space of `data.root`.

    Raises `ConfigError` without a root, `DataError` where it does not exist, and as the data set's `labels`.
    """
    return dataset(data.name).labels(_root(data), data.classes)


def load_records(data: Data) -> Divided:
    """Find the images and labels of `data.root` and divide them as `data.split` says.

    The scheme `auto` is `official` where the data set has an official division and `grouped` elsewhere. `official`
    takes the official parts, of which `test` may be absent; the others pool all images that have real labels.
    (Cityscapes' test labels are dummies, so they are never used here.)
    Raises `ConfigError` without a root, or for the scheme `official` where there is no official division; `DataError`
    where the root does not exist, and as the data set's `records` and as `make_splits`.
    """
    kind, root = dataset(data.name), _root(data)
    names = kind.labelled(root)
    settings = data.split
    if settings.scheme == "auto":
        settings = settings.model_copy(update={"scheme": "grouped" if names == UNDIVIDED else "official"})
    if settings.scheme == "official":
        if names == UNDIVIDED:
            raise ConfigError(
                f"{data.name} in {root} has no official division; use --data.split.scheme grouped (or random)"
            )
        names = tuple(dict.fromkeys(("train", "val", *(name for name in names if name == "test"))))
    by_part = {name: kind.records(root, name) for name in names}
    splits = make_splits(by_part, settings)
    return Divided(splits, select(splits, [record for part in by_part.values() for record in part]))


def split_records(data: Data, splits: Splits, split: str) -> list[Record]:
    """The records in `data.root` of a part of a run's `splits`, else of a split of the data set itself; or `all`.

    The run's own parts come first: the official val of a data set that was divided anew holds images that were trained
    on. `all` takes every labelled image, trained on or not.
    Raises `ConfigError` for a name that is none of these, and for a split of the data set that the run was trained on;
    `DataError` where the root or images of the part are missing.
    """
    kind, root = dataset(data.name), _root(data)
    if splits.parts.get(split) or split == "all":
        everything = sorted(record for name in kind.labelled(root) for record in kind.records(root, name))
        return everything if split == "all" else pick(splits.parts[split], everything, split)
    if split not in kind.splits:
        choices = [name for name, ids in splits.parts.items() if ids]
        raise ConfigError(
            f"no split {split!r}; choose one of {', '.join(dict.fromkeys([*choices, *kind.splits, 'all']))}"
        )
    records = kind.records(root, split)
    trained = [record.id for record in records if record.id in set(splits.train)]
    if trained:
        raise ConfigError(
            f"the run was trained on {len(trained)} of the {len(records)} images of {data.name}'s {split} split "
            f"({trained[0]}); evaluate on a part of its own, such as val"
        )
    return records


def _root(data: Data) -> Path:
    if data.root is None:
        raise ConfigError("no data; give the data set's top folder with --data.root DIR")
    if not data.root.is_dir():
        raise DataError(
            f"no folder {data.root} with images and labels; give the one that has them with --data.root DIR"
        )
    return data.root
