"""Which images a run is scored on, and the name under which the scores are kept."""

import json
from pathlib import Path
from typing import NamedTuple

from roadseg.config.settings import Data
from roadseg.data import dataset, label_space
from roadseg.data.datasets import split_records
from roadseg.data.layouts.dataset import Dataset
from roadseg.data.records import Record
from roadseg.errors import ConfigError, DataError
from roadseg.runs.run_dir import RunDir
from roadseg.runs.same_data import check_same


class Images(NamedTuple):
    """Images to score, the name of their scores in the run's `evaluation`, and where the run's own images are.

    `other` is the folder of another data set that they are of, None for the run's own.
    """

    name: str
    records: list[Record]
    root: Path
    other: Path | None = None


def choose(run: RunDir, root: Path | None, split: str | None) -> Images:
    """The images of `split` below `root`; by default of test, or val where the division has no test, of the run's data.

    Data that moved is the run's own. Of other data the splits are its own ones, by default all of it, and its scores
    get the folder's name: they never take the place of the run's parts.
    Raises as `split_records`, and `ConfigError` for a split that other data does not have, or whose images are trained
    on.
    """
    settings, splits = run.config(), run.splits()
    place = root or settings.data.root
    data = settings.data.model_copy(update={"root": place})
    label_space(data)
    assert place is not None  # label_space needed it
    if settings.data.root is not None and place.resolve() == settings.data.root.resolve():
        own = True
    else:
        own = _is_own(run, dataset(data.name), place)
    if own:
        chosen = split or ("test" if splits.test else "val")
        return Images(chosen, split_records(data, splits, chosen), place)
    records = _records_there(run, data, place, split or "all")
    return Images(_free_name(run, place, split or "all"), records, settings.data.root or place, place)


def _everything(kind: Dataset, root: Path) -> dict[str, Record]:
    return {record.id: record for name in kind.labelled(root) for record in kind.records(root, name)}


def _is_own(run: RunDir, kind: Dataset, root: Path) -> bool:
    """Whether `root` holds the very images that the run was divided from, with the labels that it was scored on."""
    splits, there = run.splits(), _everything(kind, root)
    if there.keys() != {*splits.train, *splits.val, *splits.test, *splits.left_out}:
        return False
    return _same_labels(run, there, root)


def _same_labels(run: RunDir, there: dict[str, Record], root: Path) -> bool:
    scored = {}
    if run.evaluated("val"):
        counts = run.confusions("val")
        scored = {name: one.sum(-1) for name, one in zip(counts.ids, counts.confusions, strict=True)}
    try:
        check_same(scored, there, root, run.path, run.labels(), run.config().transforms.scored_size)
    except DataError:
        return False
    return True


def _records_there(run: RunDir, data: Data, root: Path, split: str) -> list[Record]:
    kind = dataset(data.name)
    names = [name for name in kind.labelled(root) if name != "all"]
    if split != "all" and split not in names:
        raise ConfigError(
            f"{root} is not the data that {run.path} was divided from, and has no split {split!r}; "
            f"choices: {', '.join([*names, 'all'])} (--split all is the default there)"
        )
    there = _everything(kind, root)
    records = sorted(there.values()) if split == "all" else kind.records(root, split)
    trained = {record.id for record in records} & set(run.splits().train)
    if trained and _same_labels(run, there, root):
        raise ConfigError(
            f"{run.path} was trained on {len(trained)} of the {len(records)} images of {split} in {root} "
            f"({min(trained)}); give a --split without them, or a folder of other images"
        )
    return records


def _free_name(run: RunDir, root: Path, split: str) -> str:
    """The folder's name, and the split's; with a number where another folder of that name was scored before."""
    base = f"{root.resolve().name}-{split}"
    number = 1
    while True:
        name = base if number == 1 else f"{base}-{number}"
        path = run.evaluation / f"{name}.json"
        if not path.exists() or json.loads(path.read_text()).get("root") == str(root.resolve()):
            return name
        number += 1
