"""The images and labels to check: of a recipe's data set, or of a folder without a description."""

import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from roadseg.config.registry import DATASETS
from roadseg.config.settings import Data
from roadseg.data.datasets import dataset, label_space
from roadseg.data.decode import PICTURES
from roadseg.data.layouts import folder
from roadseg.data.layouts.dataset import UNDIVIDED
from roadseg.data.layouts.pairing import Unpaired
from roadseg.data.layouts.template import ANY_ENDING
from roadseg.data.records import Record
from roadseg.data.splits import make_splits, select
from roadseg.errors import DataError
from roadseg.labels import LabelSpace

LABEL_WORDS = ("label", "mask", "annot", "semantic", "segment", "gt", "target", "truth")
SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class Inputs:
    """What is checked: records by part, images and labels without a partner, known classes, and paths for a draft."""

    parts: dict[str, list[Record]]
    images: tuple[Path, ...]
    labels: tuple[Path, ...]
    space: LabelSpace | None
    paths: tuple[str, str] | None = None

    @property
    def count(self) -> int:
        """Number of pairs of image and label."""
        return sum(map(len, self.parts.values()))


def layout_of(root: Path) -> str | None:
    """The data set that a folder is laid out as, by name; None for one that nobody has described.

    Its own `roadseg.yaml` is believed first.
    """
    if folder.DATASET.detect(root):
        return "folder"
    return next((name for name in DATASETS if dataset(name).detect(root)), None)


def find_data(data: Data) -> Inputs:
    """The records of `load_records`; files without a partner are listed instead of raising an error.

    Images that cannot be divided (too few groups) form one part, `all`.
    Raises `ConfigError` and `DataError` as `label_space` and the data set's `records`.
    """
    space, kind = label_space(data), dataset(data.name)
    assert data.root is not None
    names, found = kind.labelled(data.root), {}
    images: list[Path] = []
    labels: list[Path] = []
    for name in names:
        try:
            found[name] = kind.records(data.root, name)
        except Unpaired as error:
            found[name] = error.records
            images += error.images
            labels += error.labels
    official = names != UNDIVIDED and data.split.scheme in ("auto", "official")
    parts = found if official else _divided(data, [record for part in found.values() for record in part])
    return Inputs(parts, tuple(images), tuple(labels), space)


def _divided(data: Data, records: list[Record]) -> dict[str, list[Record]]:
    settings = data.split
    if settings.scheme in ("auto", "official"):
        settings = settings.model_copy(update={"scheme": "grouped"})
    try:
        return select(make_splits(records, settings), records)
    except DataError:
        return {"all": records}


def find_pairs(root: Path) -> Inputs:
    """Images and labels below a folder, from two sub-folders whose files have the same names.

    Their paths differ in one folder's name (`images/train/1.jpg`, `labels/train/1.png`). The folder of the labels is
    the one named like it (`masks`, `annotations`, `gt`), else the one that holds only PNG files. A folder named train,
    val or test is a part; any other folder is a group. Raises `DataError` without such a pair of folders.
    """
    files = _pictures(root)
    first, second = _pair_of_folders(files, root)
    images = _below(files, first)
    labels = _below(files, second)
    both = sorted(images.keys() & labels.keys())
    split, group, expressible = _varying([images[key] for key in both], first[0])
    parts: dict[str, list[Record]] = defaultdict(list)
    for key in both:
        name = "/".join(part for part in key if part)
        part = SPLITS[key[split]] if split is not None else "all"
        belongs = name if group is None else key[group]
        parts[part].append(Record(name, root / images[key], root / labels[key], belongs))
    alone = [tuple(root / have[key] for key in sorted(have.keys() - lack.keys())) for have, lack in
             ((images, labels), (labels, images))]  # fmt: skip
    paths = [_template([found[key] for key in both], first[0], split, group) for found in (images, labels)]
    return Inputs(dict(parts), alone[0], alone[1], None, (paths[0], paths[1]) if expressible else None)


Place = tuple[int, str]
"""A folder's name and how deep it lies."""


def _pictures(root: Path) -> list[Path]:
    found = []
    for place, _, names in os.walk(root, followlinks=True):
        here = Path(place).relative_to(root)
        found += [here / name for name in names if Path(name).suffix.lower() in PICTURES and not name.startswith(".")]
    return sorted(found)


def _pair_of_folders(files: list[Path], root: Path) -> tuple[Place, Place]:
    """The two folders with the most names in common, images first."""
    where: dict[tuple[str, ...], set[Place]] = defaultdict(set)
    for path in files:
        for depth, name in enumerate(path.parts[:-1]):
            where[_key(path, depth)].add((depth, name))
    common: Counter[tuple[Place, Place]] = Counter()
    for places in where.values():
        ordered = sorted(place for place in places if place[1] not in SPLITS)
        common.update((a, b) for i, a in enumerate(ordered) for b in ordered[i + 1 :] if a[0] == b[0])
    if not common:
        raise DataError(
            f"no two folders in {root} with images and labels of the same names (images/1.jpg, labels/1.png); "
            "say where they lie in a roadseg.yaml (docs/own-data.md)"
        )
    (one, two), _ = common.most_common(1)[0]
    says_label = [any(word in place[1].lower() for word in LABEL_WORDS) for place in (one, two)]
    if says_label[0] == says_label[1]:
        kinds = [{path.suffix.lower() for path in _below(files, place).values()} for place in (one, two)]
        says_label = [kind == {".png"} for kind in kinds]
    return (two, one) if says_label[0] and not says_label[1] else (one, two)


def _below(files: list[Path], place: Place) -> dict[tuple[str, ...], Path]:
    depth, name = place
    return {_key(path, depth): path for path in files if len(path.parts) > depth + 1 and path.parts[depth] == name}


def _key(path: Path, depth: int) -> tuple[str, ...]:
    """A path without the folder at that depth and without the ending."""
    return (*path.parts[:depth], "", *path.parts[depth + 1 : -1], path.stem)


def _varying(paths: list[Path], place: int) -> tuple[int | None, int | None, bool]:
    """Depth of the folders of parts and of groups (None without), and whether a path template can describe the files.

    A part's folder is called train, val or test; groups are the first other folders that have different names.
    """
    depth = min(len(path.parts) for path in paths) - 1
    names = {at: {path.parts[at] for path in paths} for at in range(depth) if at != place}
    split = next((at for at, found in names.items() if found <= SPLITS.keys()), None)
    others = [at for at, found in names.items() if at != split and len(found) > 1]
    group = others[0] if others else None
    last = max(place, -1 if split is None else split)
    return split, group, not any(at < last for at in others[1:])


def _template(paths: list[Path], place: int, split: int | None, group: int | None) -> str:
    """The path of `roadseg.yaml`, such as images/{split}/{group}/{id}.jpg."""
    parts = list(paths[0].parts)
    for at, name in ((split, "{split}"), (group, "{group}")):
        if at is not None:
            parts[at] = name
    last = max(place, *(at for at in (split, group) if at is not None), 0)
    endings = {path.suffix for path in paths}
    return "/".join([*parts[: last + 1], "{id}" + (endings.pop() if len(endings) == 1 else ANY_ENDING)])
