"""Data sets by name, and the records of each part from the settings."""

from pathlib import Path
from typing import NamedTuple

from roadseg.config.registry import DATASETS, entry, load
from roadseg.config.settings import Data
from roadseg.data.layouts.dataset import UNDIVIDED, Dataset
from roadseg.data.records import Record
from roadseg.data.splits import Splits, make_splits, pick, select
from roadseg.errors import ConfigError, DataError
from roadseg.labels import LabelSpace


class Divided(NamedTuple):
    """The division and the records of each part that is not empty, by `train`, `val` and `test`."""

    splits: Splits
    records: dict[str, list[Record]]


def dataset(name: str) -> Dataset:
    """The data set of that name. Raises `ConfigError` with the choices and the closest one."""
    found: Dataset = load(entry("data set", DATASETS, name).made_by)
    return found


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
    there = kind.splits if kind.labelled(root) == UNDIVIDED else kind.labelled(root)
    if split not in there:
        own = [name for name, ids in splits.parts.items() if ids]
        choices = ", ".join(dict.fromkeys([*own, *there, "all"]))
        raise ConfigError(f"no labelled images of a split {split!r} in {root}; choose one of {choices}")
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
