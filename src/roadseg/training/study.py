"""Many runs under one protocol: recipes x varied settings x seeds x folds, all on one division of the images.

Everything goes into one folder: `runs/<arm>/seed-<n>[-fold-<k>]/`, `study.json` (what was planned, and how each run
stands), and the report. The same command continues an interrupted study; complete runs are kept.
"""

import gc
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from roadseg import models
from roadseg.config.overrides import overridden, setting_value
from roadseg.config.settings import Config, Data, as_trained, difference
from roadseg.data import label_space, load_records
from roadseg.data.decode import read_sample
from roadseg.data.splits import Splits
from roadseg.errors import OUT_OF_MEMORY, ConfigError, DataError, RoadsegError, RunError, WorkFailed, out_of_memory
from roadseg.runs import lock
from roadseg.runs.arms import Arm, read_arm
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.evaluate import evaluate_run
from roadseg.system.files import check_unused, write_text
from roadseg.system.processes import is_main_process, several_processes
from roadseg.system.progress import Display
from roadseg.training.first_weights import first_weights
from roadseg.training.interrupt import Interrupted
from roadseg.training.train import train

SHARE = "data.split.share"
"""The setting that an arm names apart from all others: arms that differ in it alone are points of one curve."""


@dataclass(frozen=True)
class Trial:
    """One run of a study: the arm that it belongs to, its settings and its place."""

    arm: Arm
    settings: Config
    run: RunDir

    @property
    def seed(self) -> int:
        """Of the training."""
        return self.settings.seed

    @property
    def fold(self) -> int | None:
        """Which fold is held out; None without folds."""
        split = self.settings.data.split
        return split.fold if split.folds else None

    @property
    def random(self) -> bool:
        """Whether it is there to measure leakage alone, on a random fold."""
        return self.arm.random

    @property
    def name(self) -> str:
        """As a person would call it."""
        fold = "" if self.fold is None else f", {'random ' * self.random}fold {self.fold}"
        return f"{self.arm.name} seed {self.seed}{fold}"


def make_arms(
    bases: Iterable[Config], vary: Mapping[str, Sequence[str]], fixed: Set[str] = frozenset()
) -> dict[Arm, Config]:
    """The configurations to compare: every base with every combination of the varied settings.

    A crop among the settings that are `fixed` for all does not follow a varied size.
    Raises `ConfigError` for a setting that does not exist or a value that does not fit, and for two equal ones,
    in what is given or in what is done (`as_trained`).
    """
    arms: dict[Arm, Config] = {}
    given: list[Config] = []
    for base in bases:
        kept = {"transforms.crop": base.transforms.crop} if "transforms.crop" in fixed else {}
        for values in itertools.product(*vary.values()):
            changes = dict(zip(vary, values, strict=True))
            settings = overridden(base, kept | {key: setting_value(key, value) for key, value in changes.items()})
            words = [f"{key}={value}" for key, value in changes.items() if key != SHARE]
            arm = Arm(" ".join([base.recipe, *words]), share=settings.data.split.share if SHARE in vary else None)
            if settings in given:
                raise ConfigError(f"{arm.name} stands twice; name each recipe and each value once")
            given.append(settings)
            settings = as_trained(settings)
            other = next((each.name for each, trained in arms.items() if trained == settings), None)
            if other is not None:
                raise ConfigError(
                    f"{arm.name} would train as {other} does, because its trunk has no first weights; "
                    "give some with --model.weights, or vary another setting"
                )
            arms[arm] = settings
    return arms


def plan(arms: Mapping[Arm, Config], seeds: Sequence[int], folds: int, output: Path, both: bool = False) -> list[Trial]:
    """All runs, seed by seed, so that a study that is stopped early has compared all arms.

    With `both` each fold of whole groups has a counterpart of single images, whose arm is `random`.
    Raises `ConfigError` where folds do not fit the division, and where two runs would have one place.
    """
    trials: dict[Path, Trial] = {}
    variants = (False, True) if both else (False,)
    for seed, random, fold, (arm, base) in itertools.product(seeds, variants, range(max(folds, 1)), arms.items()):
        changes: dict[str, Any] = {"seed": seed}
        if base.data.split.share < 1:  # each seed draws its own images, or one draw's luck would bend the whole curve
            changes["data.split.share_seed"] = base.data.split.share_seed + seed
        if folds:
            scheme = base.data.split.scheme
            changes |= {"data.split.folds": folds, "data.split.fold": fold}
            if both and scheme not in ("auto", "grouped"):
                raise ConfigError(f"--split both trains on grouped and on random folds; leave out the scheme {scheme}")
            changes["data.split.scheme"] = "random" if random else "grouped" if scheme == "auto" else scheme
        place = f"seed-{seed}{'-random' * random}-fold-{fold}" if folds else f"seed-{seed}"
        folder = arm.name.replace(" ", ",").replace("/", "_")
        run = RunDir(output / "runs" / folder / place)
        trial = Trial(replace(arm, random=random), overridden(base, changes), run)
        other = trials.setdefault(trial.run.path, trial)
        if other is not trial:
            raise ConfigError(f"{trial.name} and {other.name} are one run, {trial.run.path}; name each seed once")
    return list(trials.values())


def check(trials: Sequence[Trial]) -> str:
    """The part of the images that the study reports: `test` where the division has one, else `val`.

    Trials may train on other shares of the training images, as long as the division is the same.
    Raises `ConfigError` where the trials are not on the same images and classes, and `RunError` where a run with other
    settings, of other images or a damaged one is in the way; as `load_records` for bad data, and as `models.build` and
    `first_weights` for a network that cannot be made, which costs seconds here and might cost a night later.
    """
    for trial in trials:
        _check_place(trial)
    first = trials[0]
    space = label_space(first.settings.data)
    divisions: dict[Data, Splits] = {}
    of_fold: dict[tuple[bool, int], Trial] = {}
    for trial in trials:
        data = trial.settings.data
        entire = whole(data)
        for each in (data, entire):
            if each not in divisions:
                divisions[each] = load_records(each).splits
        if (trial.run.path / "config.json").exists() and trial.run.splits() != divisions[data]:
            raise RunError(
                f"the images have changed since {trial.run.path} began; restore them or choose another --output"
            )
        if label_space(data) != space:
            raise ConfigError(
                f"{trial.arm.name} has other classes than {first.arm.name}; choose one data set and --data.classes"
            )
        known = of_fold.setdefault((trial.random, data.split.fold), trial)
        if divisions[whole(known.settings.data)].sha256 != divisions[entire].sha256:
            raise ConfigError(
                f"{trial.arm.name} divides the images otherwise than {known.arm.name}; "
                "give one --data.split.scheme for all"
            )
    if any(trial.random for trial in trials):
        _check_groups(first.settings.data)
    for model in dict.fromkeys(trial.settings.model for trial in trials if not trial.run.complete):
        first_weights(models.build(model, len(space.classes)), model)
    return "test" if divisions[first.settings.data].test else "val"


def whole(data: Data) -> Data:
    """The same data with all training images."""
    split = data.split.model_copy(update={"share": 1.0, "share_seed": 0})
    return data.model_copy(update={"split": split})


def _check_groups(data: Data) -> None:
    """Raises `ConfigError` where every image is a group of its own: grouped folds are random ones then."""
    images = [record for part in load_records(data).records.values() for record in part]
    if len({record.group for record in images}) == len(images):
        raise ConfigError(
            f"each of the {len(images)} images is a group of its own, so that there is no leakage to measure; "
            "name the drives or sequences first (docs/own-data.md)"
        )


def check_output(trials: Sequence[Trial], output: Path) -> None:
    """Raises `ConfigError` where `output` lies in the data, holds a study with runs that are not among the trials, or
    other files.

    A study may grow (more seeds, recipes or values), but its report never loses what it showed.
    """
    root = trials[0].settings.data.root
    if root is not None and output.resolve().is_relative_to(root.resolve()):
        raise ConfigError(f"--output {output} lies in the data {root}, which is only read; choose another folder")
    if not (output / "study.json").exists():
        if not any(trial.run.path.exists() for trial in trials):
            check_unused(output, lock.NAME)
        return
    planned = {trial.run.path.relative_to(output).as_posix() for trial in trials}
    try:
        stored = [str(entry["run"]) for entry in json.loads((output / "study.json").read_text())["runs"]]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{output / 'study.json'} is damaged; remove it, the runs are kept") from error
    others = [run for run in stored if run not in planned]
    if others:
        raise ConfigError(f"{output} holds a study with {others[0]}, which is not named here; choose another --output")


def _check_place(trial: Trial) -> None:
    """Raises `RunError` where a run with other settings, a damaged one or other files are in the trial's place."""
    if not (trial.run.path / "config.json").exists():
        trial.run.check_free()
        return
    trial.run.check_whole()
    stored = trial.run.config()
    if stored.earlier:
        raise RunError(
            f"{trial.run.path} changed its length after {stored.earlier[-1].steps} steps, so that it is not like the "
            "others; choose another --output"
        )
    different = difference(stored, trial.settings)
    if different:
        raise RunError(
            f"{trial.run.path} was made with other settings ({different}); "
            "repeat its command or choose another --output"
        )


@dataclass(frozen=True)
class Outcome:
    """What a study came to: the part of the images that it reports, where they are, the arms all of whose runs are
    complete, and the failures by trial.
    """

    part: str
    root: Path | None
    arms: list[Arm]
    failures: dict[str, str]


def run(
    trials: Sequence[Trial], output: Path, display: Display, chosen: bool, conclude: Callable[[Outcome], None]
) -> Outcome:
    """Check the trials, train and evaluate what is not yet complete, and hand the outcome to `conclude`.

    One process at a time works in `output`, `conclude` included. Where a setting is `chosen` by its scores those are of
    the validation images, so that the test stays one. Raises as `check`, `check_output` and `run_study`.
    """
    best_part = check(trials)
    part = "val" if chosen else best_part
    check_output(trials, output)
    with lock.held(output) if is_main_process() else nullcontext():
        failures = run_study(trials, part, output, display)
        outcome = Outcome(part, trials[0].settings.data.root, complete_arms(trials, failures, part), failures)
        conclude(outcome)
    return outcome


def run_study(trials: Sequence[Trial], part: str, output: Path, display: Display) -> dict[str, str]:
    """Train and evaluate what is not yet complete; the failures by trial.

    A run that fails is reported at once and does not stop the others; of several processes the others would wait for
    the one that failed, so there its error is raised. Raises the first error where every run failed, `DataError` before
    anything is written where the data is bad, and `Interrupted` as `train`.
    """
    failures: dict[str, str] = {}
    begun: set[str] = set()

    def begin(trial: Trial) -> None:
        begun.add(trial.name)
        _write_state(trials, failures, output, running=trial)

    first_error: Exception | None = None
    done = [trial for trial in trials if trial.run.complete and trial.run.evaluated(part)]
    if done:
        display.say(f"{len(done)} of {len(trials)} runs are complete already")
    if part == "test" and len(done) < len(trials):
        _check_scored(trials[0], part, display)
    for number, trial in enumerate(trials, 1):
        if trial in done:
            continue
        display.stage(f"run {number}/{len(trials)}: {trial.name}", number - 1, len(trials), seconds_left(trials))
        gc.collect()  # the run before: its images and its network
        try:
            if not trial.run.complete:
                train(trial.run, trial.settings, display, resume=True, begin=partial(begin, trial))
            if not trial.run.evaluated(part):
                evaluate_run(trial.run, trial.settings.data.root, part, display)
        except Interrupted:
            _write_state(trials, failures, output)
            raise
        except (RoadsegError, RuntimeError, MemoryError) as error:
            if several_processes() or not (isinstance(error, RoadsegError | WorkFailed) or out_of_memory(error)):
                raise
            if isinstance(error, DataError) and not begun:  # the other runs are of the same data
                raise
            first_error = first_error or error.with_traceback(None)
            failures[trial.name] = str(error) if isinstance(error, RoadsegError | WorkFailed) else OUT_OF_MEMORY
            if len(trials) > 1:  # else whoever catches it reports it
                display.say(f"{trial.name} failed: {failures[trial.name]}")
    if begun or len(failures) < len(trials):
        _write_state(trials, failures, output)
    if first_error is not None and len(failures) == len(trials):
        raise first_error
    return failures


def _check_scored(trial: Trial, part: str, display: Display) -> None:
    """Read what is scored in the end. Raises `DataError` for a bad image or label, before hours of training."""
    data = trial.settings.data
    space, records = label_space(data), load_records(data).records[part]
    display.begin(f"reading {part}", len(records))
    for record in records:
        read_sample(record, space)
        display.advance()


def complete_arms(trials: Sequence[Trial], failures: Mapping[str, str], part: str) -> list[Arm]:
    """The arms with their runs and what these scored on `part`; those with a failed run are left out, because their
    mean would be of other runs.
    """
    broken = {trial.arm for trial in trials if trial.name in failures}
    whole_arms = dict.fromkeys(trial.arm for trial in trials if trial.arm not in broken)
    return [
        read_arm(arm.base, [trial.run for trial in trials if trial.arm == arm], part, arm.share, arm.random)
        for arm in whole_arms
    ]


def seconds_left(trials: Sequence[Trial]) -> float | None:
    """Training time of all epochs that are still to come, from the pace of those so far; None before the first."""
    done = {trial.name: [sum(entry["seconds"].values()) for entry in trial.run.metrics()] for trial in trials}
    by_arm = {trial.arm.name: list[float]() for trial in trials}
    for trial in trials:
        by_arm[trial.arm.name] += done[trial.name]
    everything = [seconds for times in by_arm.values() for seconds in times]
    if not everything:
        return None
    left = 0.0
    for trial in trials:
        times = by_arm[trial.arm.name] or everything
        epochs = 0 if trial.run.complete else trial.settings.train.epochs - len(done[trial.name])
        left += epochs * sum(times) / len(times)
    return left


def _write_state(
    trials: Sequence[Trial], failures: Mapping[str, str], output: Path, running: Trial | None = None
) -> None:
    """`study.json`: the runs, and how each stands."""
    if not is_main_process():
        return
    entries = []
    for trial in trials:
        state = "complete" if trial.run.complete else "planned"
        if trial is running:
            state = "running"
        if trial.name in failures:
            state = "failed"
        entry = {
            "arm": trial.arm.name,
            "seed": trial.seed,
            "fold": trial.fold,
            "random": trial.random,
            "run": trial.run.path.relative_to(output).as_posix(),
            "state": state,
        }
        if state == "failed":
            entry["error"] = failures[trial.name]
        entries.append(entry)
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "study.json", json.dumps({"runs": entries}, indent=2) + "\n")
