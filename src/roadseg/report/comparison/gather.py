"""From what runs say to what a report compares. No run is read here (`runs.facts`); only its data is looked up."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from roadseg.config.settings import Data
from roadseg.data.datasets import split_records
from roadseg.data.records import Record
from roadseg.errors import DataError, RoadsegError, RunError
from roadseg.report.comparison.arms import Comparison, Neighbours, ScoredArm, Seed, Study, unit_margins
from roadseg.report.comparison.contrasts import contrasts
from roadseg.report.comparison.learning import divided
from roadseg.runs.arms import Arm
from roadseg.runs.facts import RunFacts
from roadseg.runs.same_data import check_same
from roadseg.scoring import metrics, stats


def gather_study(
    title: str | None, arms: Sequence[Arm], root: Path | None = None, resamples: int = stats.RESAMPLES
) -> Study:
    """As `gather`; arms on random folds, and those on smaller shares of a curve (`divided`), are set apart.

    Random folds of an arm that is not compared are left out. Without a title it is the names of what is compared.
    """
    compared, smaller = divided([arm for arm in arms if not arm.random])
    names = [arm.name for arm in compared]
    title = title or " and ".join(names)
    random = [arm for arm in divided([arm for arm in arms if arm.random])[0] if arm.name in names]
    return Study(
        gather(title, compared, root, resamples=resamples),
        gather(f"{title}, random folds", random, root, False, resamples) if random else None,
        gather(f"{title}, smaller shares", smaller, root, False, resamples) if smaller else None,
    )


def gather(
    title: str, arms: Sequence[Arm], root: Path | None = None, pairs: bool = True, resamples: int = stats.RESAMPLES
) -> Comparison:
    """The arms' evaluations side by side; the images are looked for in `root`, or where they were in training.

    Without `pairs` the arms are not compared with each other. Raises `RunError` where two folds of a seed scored the
    same image, and where seeds or arms differ in images or classes.
    """
    assert arms
    assert all(arm.runs for arm in arms)
    assert len({arm.name for arm in arms}) == len(arms)
    first = arms[0].runs[0]
    pooled = [[_pooled(number, runs) for number, runs in _by_seed(arm)] for arm in arms]
    ids, groups, of_first = pooled[0][0]
    for arm, scored in zip(arms, pooled, strict=True):
        _check_same_images(arm, scored, arms[0], pooled[0][0])
    units = stats.resampling_units(groups)
    seeds = [tuple(each.seed for each in scored) for scored in pooled]
    counts = {arm.name: unit_margins(own, units) for arm, own in zip(arms, seeds, strict=True)}
    scored_arms = tuple(
        ScoredArm(arm, own, _intervals(counts[arm.name], len(first.space.classes), resamples))
        for arm, own in zip(arms, seeds, strict=True)
    )
    known = {name: array for name, array in counts.items() if array is not None}
    found = contrasts(known, resamples) if pairs else ()
    records, missing = _records(list(dict.fromkeys(of_first.run_of)), ids, root)
    runs = [run for arm in arms for run in arm.runs]
    near = _neighbours(runs, root, list(records.values())) if records is not None else None
    return Comparison(
        title, first.split, scored_arms, ids, groups, first.space, found, records, missing, near, root, resamples
    )


def check_pictures(comparison: Comparison, root: Path) -> None:
    """Raises `DataError` where `root` does not hold the images of the comparison, with labels like those scored."""
    if comparison.records is None:
        raise DataError(f"--data.root {root}: {comparison.missing}" if root.is_dir() else comparison.missing)
    seed = comparison.arms[0].seeds[0]
    scored = dict(zip(comparison.ids, seed.confusions.sum(-1), strict=True))
    run = seed.run_of[0]
    check_same(scored, comparison.records, root, run.path, run.space, run.settings.transforms.scored_size)


class _Pooled(NamedTuple):
    """The sorted ids of a seed's images, their groups, and the seed."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    seed: Seed


def _by_seed(arm: Arm) -> list[tuple[int, list[RunFacts]]]:
    found: dict[int, list[RunFacts]] = defaultdict(list)
    for run in arm.runs:
        found[run.settings.seed].append(run)
    return sorted(found.items())


def _pooled(number: int, runs: list[RunFacts]) -> _Pooled:
    """The images of all folds of a seed."""
    ids = [name for run in runs for name in run.confusions.ids]
    if len(set(ids)) < len(ids):
        repeated = next(name for name in ids if ids.count(name) > 1)
        raise RunError(
            f"{repeated} was scored by two runs of seed {number} ({runs[0].path} ...); "
            "give runs of other seeds, or folds of one division"
        )
    order = sorted(range(len(ids)), key=ids.__getitem__)
    run_of = [run for run in runs for _ in run.confusions.ids]
    groups = [name for run in runs for name in run.confusions.groups]
    confusions = np.concatenate([run.confusions.confusions for run in runs])[order]
    return _Pooled(
        tuple(ids[i] for i in order),
        tuple(groups[i] for i in order),
        Seed(number, confusions, tuple(run_of[i] for i in order)),
    )


def _check_same_images(arm: Arm, scored: Sequence[_Pooled], first: Arm, expected: _Pooled) -> None:
    """Raises `RunError` where a seed of `arm` scored other images, labels or classes than `expected`."""
    if arm.runs[0].space.names != first.runs[0].space.names:
        raise RunError(f"{arm.name} and {first.name} score other classes; they cannot be compared")
    truth = expected.seed.confusions.sum(-1)
    if any(each.ids != expected.ids or not np.array_equal(each.seed.confusions.sum(-1), truth) for each in scored):
        raise RunError(
            f"{arm.name} and {first.name} were scored on other images or labels; evaluate all on the same split"
        )


def _records(runs: Sequence[RunFacts], ids: tuple[str, ...], root: Path | None) -> tuple[dict[str, Record] | None, str]:
    """The images of a seed by id; or None, and why they cannot be had."""
    try:
        parts = [split_records(_data(run, root), run.splits, run.split) for run in runs]
    except (RoadsegError, OSError) as error:
        return None, str(error)
    found = {record.id: record for part in parts for record in part}
    lacking = [name for name in ids if name not in found]
    if lacking:
        return None, f"{lacking[0]} is not in the data any more; give the data that has it with --data.root"
    return found, ""


def _data(run: RunFacts, root: Path | None) -> Data:
    data = run.settings.data
    return data.at(root or data.root)


def _neighbours(runs: Sequence[RunFacts], root: Path | None, scored: list[Record]) -> Neighbours | None:
    """Of folds, whose images are all scored, only whether drives are known; else of all images that any run saw."""
    if runs[0].settings.data.split.folds:
        return Neighbours(len({record.group for record in scored}) < len(scored), {}, 0)
    ids, trained = {record.id for record in scored}, dict[str, Record]()
    try:
        for data, splits in {(_data(run, root), run.splits) for run in runs}:
            trained |= {record.id: record for record in split_records(data, splits, "train") if record.id not in ids}
    except (RoadsegError, OSError):
        return None
    groups = {record.group for record in scored}
    shared = Counter(record.group for record in trained.values() if record.group in groups)
    everything = [*scored, *trained.values()]
    known = len({record.group for record in everything}) < len(everything)
    return Neighbours(known, dict(shared), len(trained))


def _intervals(counts: np.ndarray | None, classes: int, resamples: int) -> np.ndarray:
    """Intervals (S, 2) of the seeds' mean scores over other drives and, with several seeds, other seeds."""
    if counts is None:
        return metrics.in_order(np.nan, np.full((classes, 2), np.nan))
    units_with_class = metrics.units_of_scores(counts[:, 0])
    found = stats.estimate(counts, lambda sums: metrics.scores(sums).mean(1), units_with_class, resamples)
    return stats.with_seeds(found, list(metrics.scores(counts.sum(0)))).interval_of_shares()
