"""The run directory: all that training leaves behind, and all that anything after it reads.

config.json  environment.json  labels.json  splits.json  metrics.jsonl  train.lock  tensorboard/ (if asked for)
checkpoints/{last,best}.safetensors + .json (epoch, step, sha256)   last.trainer (optimizer, progress)
temperature.json (of the best weights, fitted on the validation images)
evaluation/<split>.json   evaluation/<split>.confusion.npz   evaluation/<split>/<id>.png (predicted label ids)
evaluation/<split>.confidence.npz (confidence.py)   evaluation/<split>.anatomy.npz (roadseg.scoring.anatomy)
COMPLETE (written last)
"""

import io
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes, save as tensors_to_bytes
from torch import Tensor

from roadseg.config import settings as config
from roadseg.config.settings import Config
from roadseg.data.splits import Splits
from roadseg.errors import RunError
from roadseg.labels import LabelSpace
from roadseg.runs import checkpoints
from roadseg.runs.run_files import RunFiles
from roadseg.system.files import write_bytes, write_text


class Confusions(NamedTuple):
    """The ids of the images that were scored, their confusions int64 (N, C, C), and their groups."""

    ids: list[str]
    confusions: np.ndarray
    groups: list[str]


class RunDir(RunFiles):
    """One run on disk, its tensors included. Making the object touches nothing; `create` makes the directory."""

    def create(self, settings: Config, space: LabelSpace, splits: Splits) -> None:
        """Make the directory with what does not change during the run. Raises `RunError` as `check_free`."""
        self.check_free()
        self.checkpoints.mkdir(parents=True, exist_ok=True)
        self.evaluation.mkdir(exist_ok=True)
        write_text(self.path / "environment.json", json.dumps(environment(), indent=2) + "\n")
        write_text(self.path / "labels.json", space.model_dump_json(indent=2) + "\n")
        splits.save(self.path / "splits.json")
        write_text(self.path / "config.json", config.to_json(settings))

    def splits(self) -> Splits:
        """The ids that the run trained, validated and tested on. Raises `RunError` without, and as `Splits.load`."""
        path = self.path / "splits.json"
        if not path.is_file():
            raise RunError(f"{path} is missing; restore it from a copy of the run, or train anew")
        return Splits.load(path)

    def save_checkpoint(
        self, name: str, weights: dict[str, Tensor], progress: dict[str, Any], trainer: dict[str, Any] | None = None
    ) -> None:
        """Write weights, `progress` and the trainer's state as one: a reader sees all of the old or all of the new."""
        files = {"safetensors": tensors_to_bytes({key: tensor.contiguous() for key, tensor in weights.items()})}
        if trainer is not None:
            buffer = io.BytesIO()
            torch.save(trainer, buffer)
            files["trainer"] = buffer.getvalue()
        checkpoints.save(self.checkpoints, name, files, progress)

    def settle(self) -> None:
        """Finish or drop what a cut-off commit left; for the process that trains."""
        for name in ("best", "last"):
            checkpoints.settle(self.checkpoints, name)

    def weights(self, name: str) -> dict[str, Tensor]:
        """The weights of a checkpoint. Raises `RunError` where the file does not match its hash."""
        data = checkpoints.read(self.checkpoints, name, "safetensors")
        try:
            return tensors_from_bytes(data)
        except SafetensorError as error:
            raise RunError(f"{self.checkpoints / name}.safetensors is damaged ({error}); restore it") from error

    def trainer(self) -> dict[str, Any]:
        """Optimizer and progress of `last`; there is no random state (docs/decisions/0003-exact-resume.md)."""
        data = checkpoints.read(self.checkpoints, "last", "trainer")
        state: dict[str, Any] = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
        return state

    def save_evaluation(self, split: str, report: dict[str, Any]) -> None:
        """Write `evaluation/<split>.json`; what the report was made from is saved before."""
        self.evaluation.mkdir(exist_ok=True)
        write_text(self.evaluation / f"{split}.json", json.dumps(report, indent=2, allow_nan=False) + "\n")

    def save_counts(self, split: str, kind: str, ids: list[str], arrays: dict[str, np.ndarray]) -> None:
        """Write `evaluation/<split>.<kind>.npz`: arrays with the images first, in the order of their ids."""
        self.evaluation.mkdir(exist_ok=True)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays, ids=np.array(ids))
        write_bytes(self.evaluation / f"{split}.{kind}.npz", buffer.getvalue())

    def counts(self, split: str, kind: str) -> tuple[list[str], dict[str, np.ndarray]] | None:
        """The images' ids and what `save_counts` wrote of them, numbers as int64; None where there is nothing.

        Raises `RunError` where the file is damaged.
        """
        path = self.evaluation / f"{split}.{kind}.npz"
        if not path.exists():
            return None
        try:
            with np.load(path) as content:
                arrays = {name: content[name] for name in content.files}
            ids = [str(name) for name in arrays.pop("ids")]
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            raise RunError(f"{path} is damaged; remove it and score anew with roadseg evaluate") from error
        return ids, {name: part if part.dtype.kind == "U" else part.astype(np.int64) for name, part in arrays.items()}

    def confusions(self, split: str) -> Confusions:
        """What was counted of each image of a split. Raises `RunError` where that is missing or damaged."""
        found = self.counts(split, "confusion")
        if found is None:
            path = self.evaluation / f"{split}.confusion.npz"
            raise RunError(f"{path} is missing; make it with roadseg evaluate")
        ids, arrays = found
        return Confusions(ids, arrays["confusions"], [str(group) for group in arrays["groups"]])

    def anatomy(self, split: str) -> tuple[list[str], dict[str, np.ndarray]] | None:
        """The images' ids and where their pixels are right (`roadseg.scoring.anatomy`); None where not counted."""
        return self.counts(split, "anatomy")

    def confidence(self, split: str) -> tuple[list[str], np.ndarray] | None:
        """The images' ids and their counts of confidence (N, 2, 2, 3, BINS), as in `roadseg.scoring.confidence`.

        None where not counted.
        """
        found = self.counts(split, "confidence")
        return None if found is None else (found[0], found[1]["counts"])

    def prediction_file(self, split: str, image_id: str) -> Path:
        """Where the predicted label ids of an image of `split` are: a PNG of one byte a pixel."""
        return self.evaluation / split / f"{image_id}.png"

    def save_predictions(self, split: str, pictures: dict[str, bytes]) -> None:
        """Write the label PNGs of images of `split`, by id."""
        for image_id, content in pictures.items():
            path = self.prediction_file(split, image_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content)


def environment() -> dict[str, Any]:
    """What produced a run: versions, machine, command."""
    return {
        "roadseg": version("roadseg"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "command": sys.argv,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
