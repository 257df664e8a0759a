"""Runs side by side: which are meant, can be compared, and belong together, and what they are called."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadseg.config.overrides import overridden, setting_fields
from roadseg.config.settings import WITHOUT_EFFECT, Config
from roadseg.errors import ConfigError, RunError
from roadseg.labels import LabelSpace
from roadseg.runs.facts import RunFacts, read_facts
from roadseg.runs.run_dir import RunDir


@dataclass(frozen=True)
class Arm:
    """One configuration under comparison, and its runs: one, or several seeds and folds; none before it is trained.

    `share` is the share of the training images where other arms differ from it in that; else None. `base` names what
    else it is. An arm with `random` is on random folds, to measure leakage alone.
    """

    base: str
    runs: tuple[RunFacts, ...] = ()
    share: float | None = None
    random: bool = False

    @property
    def name(self) -> str:
        """As it is shown."""
        return self.base if self.share is None else f"{self.base} data.split.share={self.share:.12g}"


def complete_runs(paths: Sequence[Path]) -> list[RunDir]:
    """The runs that are named, and all runs of the studies that are.

    Raises `RunError` for a folder that is neither or whose runs are not complete, and where classes differ.
    """
    runs: list[RunDir] = []
    for path in paths:
        runs += _runs_of_study(path) if (path / "study.json").is_file() else [RunDir(path)]
    for run in runs:
        run.config()  # tells what is wrong with a folder that is no run
        if not run.complete:
            again = f"roadseg train {run.config().recipe} --resume --run {run.path}"
            raise RunError(f"the training of {run.path} is unfinished; run {again}")
    same_classes(runs)
    return runs


def named_runs(runs: Any) -> list[RunDir]:
    """One run or several, as a list. Raises `RunError` for what is no run, such as a path."""
    members = list(runs) if isinstance(runs, Sequence) and not isinstance(runs, str) else [runs]
    other = next((each for each in members if not isinstance(each, RunDir)), None)
    if other is not None:
        raise RunError(f"{other!r} is no run; load it: roadseg.load_run({str(other)!r})")
    return members


def same_classes(runs: Sequence[RunDir]) -> LabelSpace:
    """The classes of the runs. Raises `RunError` where there is no run, or the classes differ."""
    if not runs:
        raise RunError("no run is named; give at least one")
    space = runs[0].labels()
    other = next((run for run in runs if run.labels() != space), None)
    if other is not None:
        raise RunError(f"{other.path} and {runs[0].path} have other classes; name runs of one data set")
    return space


def _runs_of_study(path: Path) -> list[RunDir]:
    try:
        entries = json.loads((path / "study.json").read_text(encoding="utf-8"))["runs"]
        return [RunDir(path / entry["run"]) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path / 'study.json'} is damaged; the same study command writes it anew") from error


def read_arm(base: str, runs: Sequence[RunDir], split: str, share: float | None = None, random: bool = False) -> Arm:
    """An arm of runs that were evaluated on `split`. Raises `RunError` as `read_facts`."""
    return Arm(base, tuple(read_facts(run, split) for run in runs), share, random)


def check_comparable(runs: Sequence[RunFacts]) -> None:
    """Raises `RunError` where evaluations are about other images or classes."""
    first = runs[0]
    for run in runs:
        if list(run.report["per_class"]) != list(first.report["per_class"]):
            raise RunError(f"{run.path} and {first.path} score other classes; their means cannot be compared")
        if run.report["targets_sha256"] != first.report["targets_sha256"]:
            raise RunError(
                f"{run.path} and {first.path} were scored on other images; divide both by one file: "
                "--data.split.scheme file --data.split.file splits.json"
            )


def read_comparable(places: Sequence[RunDir], split: str | None) -> list[RunFacts]:
    """The runs and their evaluations of one split: by default test where all were scored on it, else val.

    Raises `RunError` where one was not, and as `check_comparable`.
    """
    chosen = split or ("test" if all(run.has_report("test") for run in places) else "val")
    runs = [read_facts(run, chosen) for run in places]
    check_comparable(runs)
    return runs


def run_names(runs: Sequence[RunFacts]) -> list[str]:
    """A name for each run: its recipe, else its last two folders, else its path. Raises `ConfigError` for one twice."""
    places = [run.path.resolve() for run in runs]
    names = [run.settings.recipe for run in runs]
    if len(set(names)) < len(names):
        names = [f"{place.parent.name}/{place.name}" for place in places]
    if len(set(names)) < len(names):
        names = [str(place) for place in places]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"{twice} stands twice; name each run once")
    return names


def by_seed(runs: Sequence[RunFacts], names: Sequence[str]) -> list[Arm]:
    """The arms of runs with these names; runs that differ in their training seed alone are put together.

    An arm is called by its recipe where all arms of that recipe differ in the share of the training images alone, and
    by its first run's name elsewhere.
    """
    found: dict[Config, list[int]] = {}
    for index, run in enumerate(runs):
        found.setdefault(settings_of_arm(run.settings), []).append(index)
    arms: list[Arm] = []
    for settings, indices in found.items():
        members = tuple(runs[index] for index in indices)
        same_recipe = [other for other in found if other.recipe == settings.recipe]
        if len({run.settings.seed for run in members}) < len(members):  # one seed twice: each for itself
            arms += [Arm(names[index], (runs[index],)) for index in indices]
        elif len({overridden(other, {"data.split.share": 1.0}) for other in same_recipe}) > 1:
            arms.append(Arm(names[indices[0]], members))
        else:
            arms.append(Arm(settings.recipe, members, settings.data.split.share if len(same_recipe) > 1 else None))
    return arms


def settings_of_arm(settings: Config) -> Config:
    """What runs of one arm have in common: all that has an effect but the seed; a study's `share_seed` goes with it."""
    left_out = {"seed", "data.split.share_seed", *WITHOUT_EFFECT}
    return overridden(settings, {key: field.default for key, field in setting_fields().items() if key in left_out})
