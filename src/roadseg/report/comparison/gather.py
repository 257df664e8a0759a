"""From run directories to what a report compares."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from roadseg.data.datasets import split_records
from roadseg.data.records import Record
from roadseg.errors import DataError, RoadsegError, RunError
from roadseg.report.comparison.arms import Comparison, Neighbours, ScoredArm, Seed
from roadseg.report.comparison.contrasts import contrasts
from roadseg.runs.arms import Arm
from roadseg.runs.run_dir import RunDir
from roadseg.runs.same_data import check_same
from roadseg.scoring import metrics, stats
from roadseg.scoring.scores import intervals


def gather(title: str, arms: Sequence[Arm], split: str, root: Path | None = None, pairs: bool = True) -> Comparison:
    """Read the arms' evaluations of `split`; the images are looked for in `root`, or where they were in training.

    Without `pairs` the arms are not compared with each other.
    Raises `RunError` where a run lacks one, where two folds of a seed scored the same image, and where seeds or arms
    differ in images or classes.
    """
    assert arms
    assert all(arm.runs for arm in arms)
    assert len({arm.name for arm in arms}) == len(arms)
    first = arms[0].runs[0]
    seeds = [tuple(_seed(number, runs, split) for number, runs in _by_seed(arm)) for arm in arms]
    ids, space = seeds[0][0][0], first.labels()
    pooled = _by_seed(arms[0])[0][1]
    records, missing = _records(pooled, split, ids, root)
    truth = seeds[0][0][1].confusions.sum(-1)
    for arm, scored in zip(arms, seeds, strict=True):
        if arm.runs[0].labels().names != space.names:
            raise RunError(f"{arm.name} and {arms[0].name} score other classes; they cannot be compared")
        if any(other != ids or not np.array_equal(seed.confusions.sum(-1), truth) for other, seed in scored):
            raise RunError(
                f"{arm.name} and {arms[0].name} were scored on other images or labels; evaluate all on the same split"
            )
    groups = seeds[0][0][1].groups
    if groups is None and records is not None:
        groups = tuple(records[name].group for name in ids)
    units = stats.resampling_units(groups) if groups is not None else None
    counts = {
        arm.name: unit_margins([seed for _, seed in scored], units) for arm, scored in zip(arms, seeds, strict=True)
    }
    scored_arms = tuple(
        ScoredArm(arm, tuple(seed for _, seed in scored), _intervals(counts[arm.name], len(space.classes)))
        for arm, scored in zip(arms, seeds, strict=True)
    )
    known = {name: array for name, array in counts.items() if array is not None}
    number = len(set(groups)) if groups is not None else _stated_groups(pooled, split)
    found = contrasts(known) if pairs else ()
    runs = [run for arm in arms for run in arm.runs]
    near = _neighbours(runs, root, list(records.values())) if records is not None else None
    return Comparison(title, split, scored_arms, ids, space, number, units, found, records, missing, near, root)


def check_pictures(comparison: Comparison, root: Path) -> None:
    """Raises `DataError` where `root` does not hold the images of the comparison, with labels like those scored."""
    if comparison.records is None:
        raise DataError(f"--data.root {root}: {comparison.missing}" if root.is_dir() else comparison.missing)
    seed = comparison.arms[0].seeds[0]
    scored = dict(zip(comparison.ids, seed.confusions.sum(-1), strict=True))
    check_same(scored, comparison.records, seed.run_of[0], root)


def with_intervals(
    comparison: Comparison, runs: Sequence[RunDir], reports: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The reports of runs that score all images, with intervals computed from their counts: older reports have
    others.
    """
    if comparison.units is None:
        return list(reports)
    arms = [*comparison.arms, *(comparison.smaller.arms if comparison.smaller else ())]
    seeds = {seed.run_of[0].path: seed for arm in arms for seed in arm.seeds}
    names = comparison.space.names
    return [
        {**report, **intervals(metrics.margins(seeds[run.path].confusions), comparison.units, names)}
        for run, report in zip(runs, reports, strict=True)
    ]


def _by_seed(arm: Arm) -> list[tuple[int, list[RunDir]]]:
    found: dict[int, list[RunDir]] = defaultdict(list)
    for run in arm.runs:
        found[run.config().seed].append(run)
    return sorted(found.items())


def _seed(number: int, runs: list[RunDir], split: str) -> tuple[tuple[str, ...], Seed]:
    """The sorted ids of the images of all folds, and the seed's confusions in that order."""
    parts = [run.confusions(split) for run in runs]
    ids = [name for part in parts for name in part.ids]
    if len(set(ids)) < len(ids):
        repeated = next(name for name in ids if ids.count(name) > 1)
        raise RunError(
            f"{repeated} was scored by two runs of seed {number} ({runs[0].path} ...); "
            "give runs of other seeds, or folds of one division"
        )
    run_of = [run for run, part in zip(runs, parts, strict=True) for _ in part.ids]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    confusions = np.concatenate([part.confusions for part in parts])[order]
    groups = [name for part in parts for name in part.groups]
    known = tuple(groups[i] for i in order) if len(groups) == len(ids) else None
    return tuple(ids[i] for i in order), Seed(number, confusions, tuple(run_of[i] for i in order), known)


def _records(
    runs: list[RunDir], split: str, ids: tuple[str, ...], root: Path | None
) -> tuple[dict[str, Record] | None, str]:
    """The images of a seed by id; or None, and why they cannot be had."""
    try:
        data = [run.config().data for run in runs]
        moved = [each.model_copy(update={"root": root or each.root}) for each in data]
        parts = [split_records(each, run.splits(), split) for each, run in zip(moved, runs, strict=True)]
    except (RoadsegError, OSError) as error:
        return None, str(error)
    found = {record.id: record for part in parts for record in part}
    lacking = [name for name in ids if name not in found]
    if lacking:
        return None, f"{lacking[0]} is not in the data any more; give the data that has it with --data.root"
    return found, ""


def _neighbours(runs: Sequence[RunDir], root: Path | None, scored: list[Record]) -> Neighbours | None:
    """Of folds, whose images are all scored, only whether drives are known; else of all images that any run saw."""
    if runs[0].config().data.split.folds:
        return Neighbours(len({record.group for record in scored}) < len(scored), {}, 0)
    ids, trained = {record.id for record in scored}, dict[str, Record]()
    try:
        for data, splits in {(run.config().data, run.splits()) for run in runs}:
            records = split_records(data.model_copy(update={"root": root or data.root}), splits, "train")
            trained |= {record.id: record for record in records if record.id not in ids}
    except (RoadsegError, OSError):
        return None
    groups = {record.group for record in scored}
    shared = Counter(record.group for record in trained.values() if record.group in groups)
    everything = [*scored, *trained.values()]
    known = len({record.group for record in everything}) < len(everything)
    return Neighbours(known, dict(shared), len(trained))


def unit_margins(seeds: Sequence[Seed], units: stats.Units | None) -> np.ndarray | None:
    """Margins (U, seeds, 3, C) of the units; None where they are not known or too few to say anything."""
    if units is None or units.kind == "none":
        return None
    return np.stack([units.sums(metrics.margins(seed.confusions)) for seed in seeds], axis=1)


def _intervals(counts: np.ndarray | None, classes: int) -> np.ndarray:
    """Intervals (S, 2) of the seeds' mean scores over other drives and, with several seeds, other seeds."""
    if counts is None:
        return np.full((len(metrics.HEADLINE) + classes, 2), np.nan)
    units_with_class = metrics.units_of_scores(counts[:, 0])
    found = stats.estimate(counts, lambda sums: metrics.scores(sums).mean(1), units_with_class)
    return stats.with_seeds(found, list(metrics.scores(counts.sum(0)))).interval_of_shares()


def _stated_groups(pooled: list[RunDir], split: str) -> int | None:
    """Of a single run; the groups of folds cannot be added up, because images of one may be in several."""
    groups: int = pooled[0].evaluations()[split]["groups"]
    return None if len(pooled) > 1 else groups
