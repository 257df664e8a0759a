"""Which images a run is scored on, and the name under which the scores are kept."""

from pathlib import Path
from typing import NamedTuple

from roadseg.data import dataset, label_space
from roadseg.data.datasets import split_records
from roadseg.data.layouts.dataset import Dataset
from roadseg.data.records import Record
from roadseg.data.splits import Splits
from roadseg.errors import ConfigError, DataError, RunError
from roadseg.runs.run_dir import RunDir
from roadseg.runs.same_data import Counts, check_same


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

    A folder that holds all images of that part with the labels that the run was scored on is the run's own data, moved.
    Of other data the splits are its own ones, by default all of it, and its scores get the folder's name: they never
    take the place of the run's parts.
    Raises as `split_records`, `ConfigError` for a split that other data does not have, or whose images are trained on,
    and `RunError` where the run has no scores yet that would tell whether a folder with its ids is its data.
    """
    settings, splits = run.config(), run.splits()
    place = root or settings.data.root
    data = settings.data.model_copy(update={"root": place})
    label_space(data)
    assert place is not None  # label_space needed it
    part = split or ("test" if splits.test else "val")
    if settings.data.root is not None and place.resolve() == settings.data.root.resolve():
        return Images(part, split_records(data, splits, part), place)
    kind = dataset(data.name)
    there = {record.id: record for name in kind.labelled(place) for record in kind.records(place, name)}
    if _wanted(splits, part) <= there.keys() and _same_labels(run, there, place):
        return Images(part, split_records(data, splits, part), place)
    records = _records_there(run, kind, there, place, split or "all")
    return Images(_free_name(run, place, split or "all"), records, settings.data.root or place, place)


def _wanted(splits: Splits, part: str) -> set[str]:
    """The ids of a part of the run; of all that it was divided from, where it has no such part."""
    return set(splits.parts.get(part) or (*splits.train, *splits.val, *splits.test, *splits.left_out))


def _same_labels(run: RunDir, there: dict[str, Record], root: Path) -> bool:
    """Whether images in `root` that the run was scored on have the labels of then; not where it has none of them."""
    scored: dict[str, Counts] = {}
    for part in filter(run.evaluated, run.splits().parts):
        counts = run.confusions(part)
        scored |= {name: one.sum(-1) for name, one in zip(counts.ids, counts.confusions, strict=True)}
    if not scored:
        raise RunError(
            f"{run.path} was not scored yet, so that nothing tells whether {root} is its data, whose ids it has; "
            f"score it first where it was trained: roadseg evaluate {run.path}"
        )
    if scored.keys().isdisjoint(there):
        return False
    try:
        check_same(scored, there, root, run.path, run.labels(), run.config().transforms.scored_size)
    except DataError:
        return False
    return True


def _records_there(run: RunDir, kind: Dataset, there: dict[str, Record], root: Path, split: str) -> list[Record]:
    names = [name for name in kind.labelled(root) if name != "all"]
    if split != "all" and split not in names:
        raise ConfigError(
            f"{root} does not hold all images of {split} of {run.path} with their labels, and has no split {split!r}; "
            f"choices: {', '.join([*names, 'all'])} (--split all is the default there)"
        )
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
    base, before = f"{root.resolve().name}-{split}", run.evaluations()
    number = 1
    while True:
        name = base if number == 1 else f"{base}-{number}"
        if name not in before or before[name].get("root") == str(root.resolve()):
            return name
        number += 1
