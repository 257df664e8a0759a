"""Pair predictions with targets by the names of the files."""

import os
import re
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from roadseg.config.registry import DATASETS
from roadseg.data.datasets import dataset
from roadseg.data.layouts import folder
from roadseg.errors import DataError
from roadseg.scoring.external.read import Pair

ENDINGS = ("_labelIds", "_labelTrainIds", "_color")
"""Endings of label files. Where a folder has several for each image, as in Cityscapes, the first one counts."""

MORE = re.compile(r"[^A-Za-z0-9]")
"""Separates the id from the rest of a prediction's name, as in `aachen_000000_000019_pred.png`."""

Names = dict[str, Path]


class Paired(NamedTuple):
    """The pairs, sorted by id, and how their names were matched."""

    pairs: list[Pair]
    how: str


def label_files(given: Path, role: str) -> list[Path]:
    """The label pictures of a file or folder, sorted; sub-folders too, hidden files not.

    Raises `DataError` where there is no such path, or no PNG in it.
    """
    if given.is_file():
        return [given]
    if not given.is_dir():
        raise DataError(f"no file or folder {given}; give the {role}: label PNGs")
    top = given / "labels" if (given / "labels").is_dir() and (given / "overlay").is_dir() else given  # of predict
    found = [
        Path(place) / name
        for place, _, names in os.walk(top, followlinks=True)
        for name in names
        if name.lower().endswith(".png") and not name.startswith(".")
    ]
    if not found:
        raise DataError(f"no PNG in {given}; give the folder that the {role} lie in")
    for ending in ENDINGS:
        kept = [path for path in found if path.stem.endswith(ending)]
        if kept:
            return sorted(kept)
    return sorted(found)


def pair_up(predictions: Path, targets: Path, group: Callable[[str, Path], str]) -> Paired:
    """Each prediction with its target.

    Two single files form a pair whatever their names are. Otherwise names are matched in ever looser ways, and the
    first way that pairs all files is used: by path below the folder, by file name, by the part of the names that
    differs within each folder, or by a prediction's name that begins with the target's.

    Raises `DataError` naming the first files without a partner, under the way that pairs most.
    """
    ours, theirs = label_files(predictions, "predictions"), label_files(targets, "targets")
    if predictions.is_file() and targets.is_file():
        return Paired([Pair(targets.stem, predictions, targets, group(targets.stem, targets))], "two files")
    ways = [
        ("by path", _by_path(ours, predictions), _by_path(theirs, targets)),
        ("by name", _unique(ours, _stems(ours)), _unique(theirs, _stems(theirs))),
        ("by the part of the names that differs", _unique(ours, _cores(ours)), _unique(theirs, _cores(theirs))),
    ]
    ids = _unique(theirs, _stems(theirs))
    ways.append(("by the id that the names begin with", _starting(ours, ids), ids))
    for how, left, right in ways:
        if left and left.keys() == right.keys():
            pairs = [Pair(name, left[name], right[name], group(name, right[name])) for name in sorted(right)]
            return Paired(pairs, how)
    _, left, right = max(ways, key=lambda way: len(way[1].keys() & way[2].keys()))
    raise DataError(_unpaired(ours, theirs, left, right))


def _by_path(files: list[Path], given: Path) -> Names:
    return {(path.relative_to(given) if given.is_dir() else path).with_suffix("").as_posix(): path for path in files}


def _unique(files: list[Path], names: list[str]) -> Names:
    """Files by name; none where two have the same."""
    return dict(zip(names, files, strict=True)) if len(set(names)) == len(names) else {}


def _stems(files: list[Path]) -> list[str]:
    """The names without the endings of labels and their codings."""
    return [re.sub(rf"(_gtFine)?({'|'.join(ENDINGS)})$", "", path.stem) for path in files]


def _cores(files: list[Path]) -> list[str]:
    """The part in which the names differ, without their common words at the beginning and the end."""
    words = [re.findall(r"[A-Za-z]+|\d+|[^A-Za-z0-9]+", stem) for stem in _stems(files)]
    if len(words) == 1:
        return ["".join(words[0])]
    first = _shared(words)
    last = _shared([each[first:][::-1] for each in words])
    return ["".join(each[first : len(each) - last]) for each in words]


def _shared(words: list[list[str]]) -> int:
    """Number of words with which all lists begin."""
    return sum(1 for _ in takewhile(lambda alike: len(set(alike)) == 1, zip(*words, strict=False)))


def _starting(predictions: list[Path], targets: Names) -> Names:
    """Predictions by the target's id with which their name begins; none where that is ambiguous."""
    found: Names = {}
    for path in predictions:
        fitting = [
            name
            for name in (path.stem, *(path.stem[: cut.start()] for cut in MORE.finditer(path.stem)))
            if name in targets
        ]
        if len(fitting) != 1 or fitting[0] in found:
            return {}
        found[fitting[0]] = path
    return found


def _unpaired(ours: list[Path], theirs: list[Path], left: Names, right: Names) -> str:
    both = left.keys() & right.keys()
    for files, names, what in ((theirs, right, "prediction"), (ours, left, "target")):
        paired = {names[name] for name in both}
        alone = [path for path in files if path not in paired]
        if alone:
            more = f" (and {len(alone) - 1} more like it)" if len(alone) > 1 else ""
            return (
                f"{alone[0]} has no {what}{more}, of {len(ours)} predictions and {len(theirs)} targets; give both the "
                "same name, or take away what is not to be scored"
            )
    raise AssertionError("no files are left over")


def grouping(labels: str, targets: Path) -> Callable[[str, Path], str]:
    """The group of an image from its id and its target: the drive, sequence or film, or the image alone if unknown.

    Of a published data set as its `group_of` says; of own data from their `roadseg.yaml`, if the targets are the masks
    that it names.
    """
    if labels in DATASETS and dataset(labels).tables:
        top = (targets if targets.is_dir() else targets.parent).resolve().parents[1]
        group_of = dataset(labels).group_of(top)
        return lambda name, target: group_of(target.stem) or name
    try:
        described = Path(labels) if Path(labels).is_dir() else Path(labels).parent
        known = {record.label.resolve(): record.group for record in folder.records(described, folder.ALL)}
    except DataError:
        known = {}
    return lambda name, target: known.get(target.resolve(), name)
