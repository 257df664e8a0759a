"""What a run directory says in words and numbers: settings, classes, progress, scores. Reading it needs no torch."""

import json
import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from roadseg.config import settings as config
from roadseg.config.settings import LENGTH, Config, difference
from roadseg.errors import RunError
from roadseg.labels import LabelSpace
from roadseg.runs import checkpoints, lock
from roadseg.system.files import write_text


class RunFiles:
    """The text files of one run on disk. Making the object touches nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.evaluation = path / "evaluation"
        self.metrics_file = path / "metrics.jsonl"

    def check_free(self) -> None:
        """Raises `RunError` where a run, or anything else, is already."""
        if (self.path / "config.json").exists():
            raise RunError(f"{self.path} already holds a run; continue it with --resume or choose another --run")
        if self.path.is_dir() and any(path.name != lock.NAME for path in self.path.iterdir()):
            raise RunError(f"{self.path} holds other files; give a new or empty folder with --run")

    def config(self) -> Config:
        """The run's settings. Raises `RunError` where there is no run, `ConfigError` where the file is damaged."""
        path = self.path / "config.json"
        if not path.is_file():
            below = (sorted(self.path.glob(f"{'*/' * depth}config.json")) for depth in (1, 2, 3))
            inside = next(filter(None, below), None)
            hint = f"did you mean {inside[-1].parent}?" if inside else "give a directory that roadseg train made"
            raise RunError(f"no run in {self.path}; {hint}")
        return config.from_json(path.read_text(errors="replace"), str(path))

    def labels(self) -> LabelSpace:
        """The label space that the run was trained with."""
        path = self.path / "labels.json"
        try:
            return LabelSpace.model_validate_json(path.read_text())
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            raise RunError(f"{path} is missing or damaged; restore it from a copy of the run") from error

    @property
    def complete(self) -> bool:
        """Whether training came to its end."""
        return (self.path / "COMPLETE").exists()

    def ended(self, settings: Config, new_length: bool) -> bool:
        """Whether nothing is to be trained, because the run is complete with these settings.

        Raises `RunError` where it was begun with others, except for its length where `new_length` is wanted, or where a
        complete run is damaged.
        """
        if self.complete:
            self.check_whole()
        stored = self.config()
        different, other_length = difference(stored, settings, LENGTH), difference(stored, settings)
        if different:
            raise RunError(
                f"{self.path} {'is complete,' if self.complete else 'was begun'} with other settings ({different}); "
                "repeat its command or choose another --run"
            )
        if other_length and not new_length:
            raise RunError(
                f"{self.path} has another length ({other_length}); train it on with new_length=True, "
                "or train anew in another folder"
            )
        return self.complete and not other_length

    def length(self) -> str:
        """How much of it is trained, where training did not come to its end; else nothing."""
        if self.complete:
            return ""
        return f"{self.path} is unfinished: trained for {len(self.metrics())} of {self.config().train.epochs} epochs"

    def finish(self) -> None:
        """Mark the run as complete."""
        write_text(self.path / "COMPLETE", "")

    def reopen(self, settings: Config) -> None:
        """Let the run be trained on with settings of another length. Its scores stay while the best weights do."""
        (self.path / "COMPLETE").unlink(missing_ok=True)
        write_text(self.path / "config.json", config.to_json(settings))

    def drop_scores(self) -> None:
        """Remove what was scored, because other weights become the best."""
        if self.evaluation.exists():
            shutil.rmtree(self.evaluation)
        self.evaluation.mkdir()

    def check_whole(self) -> None:
        """Raises `RunError` where something is lost that only training makes: metrics, or a file of a checkpoint.

        Of a complete run's checkpoints only `best` matters. Which files there are is looked at, not what is in them.
        """
        self.metrics()
        for name in ["best"] if self.complete else filter(self.has_checkpoint, ("last", "best")):
            lost = checkpoints.lost(self.checkpoints, name)
            if lost:
                raise RunError(self._lost(lost))

    def _lost(self, path: Path) -> str:
        return f"{path} is missing or damaged; restore it from a copy of the run, or remove {self.path} and train anew"

    def metrics(self) -> list[dict[str, Any]]:
        """One entry for each epoch so far. Raises `RunError` where a complete run has none, or they are damaged."""
        if not self.metrics_file.exists() and not self.complete:
            return []
        try:
            return [dict(json.loads(line)) for line in self.metrics_file.read_text().splitlines()]
        except (FileNotFoundError, ValueError, TypeError) as error:
            raise RunError(self._lost(self.metrics_file)) from error

    def write_metrics(self, entries: list[dict[str, Any]]) -> None:
        """Replace the entries of all epochs."""
        write_text(self.metrics_file, "".join(json.dumps(entry, allow_nan=False) + "\n" for entry in entries))

    def has_checkpoint(self, name: str) -> bool:
        """Whether there is a checkpoint `last` or `best`."""
        return checkpoints.exists(self.checkpoints, name)

    def progress(self, name: str) -> dict[str, Any]:
        """What was said of a checkpoint when it was saved (epoch, step, score)."""
        return checkpoints.about(self.checkpoints, name)

    def temperature(self) -> float | None:
        """The temperature that belongs to the best weights; None where none was fitted to them.

        Raises `RunError` where the file is damaged.
        """
        path = self.path / "temperature.json"
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text())
            value, weights = float(content["temperature"]), content["weights_sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} is damaged; remove it, and roadseg evaluate makes it anew") from error
        return value if weights == self._best_weights() else None

    def save_temperature(self, fit: dict[str, Any]) -> None:
        """Store a temperature, and what is said of it, with the hash of the best weights, to which it belongs."""
        content = {**fit, "weights_sha256": self._best_weights()}
        write_text(self.path / "temperature.json", json.dumps(content, indent=2, allow_nan=False) + "\n")

    def _best_weights(self) -> str:
        return str(self.progress("best")["sha256"]["best.safetensors"])

    def evaluations(self) -> dict[str, dict[str, Any]]:
        """The reports of all splits that were evaluated."""
        found = {}
        for path in sorted(self.evaluation.glob("*.json")):
            try:
                found[path.stem] = json.loads(path.read_text())
            except ValueError as error:
                raise RunError(f"{path} is damaged; remove it and score anew with roadseg evaluate") from error
        return found

    def has_report(self, split: str) -> bool:
        """Whether there is a report of `split`; it is not read."""
        return (self.evaluation / f"{split}.json").exists()

    def evaluated(self, split: str) -> bool:
        """Whether `split` was scored, and its counts and predictions were kept."""
        kept = (self.evaluation / split).is_dir() and (self.evaluation / f"{split}.confusion.npz").exists()
        return kept and split in self.evaluations()


def next_run(root: Path, recipe: str) -> Path:
    """`root/recipe/<n>` with the first number that is free."""
    return root / recipe / str(max(_numbers(root / recipe), default=0) + 1)


def latest_run(root: Path, recipe: str) -> Path:
    """The newest run of a recipe. Raises `RunError` where there is none."""
    numbers = _numbers(root / recipe)
    if not numbers:
        raise RunError(f"no run of {recipe} in {root}; start one without --resume")
    return root / recipe / str(max(numbers))


def _numbers(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
