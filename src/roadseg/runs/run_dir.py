"""The run directory: all that training leaves behind, and all that anything after it reads.

config.json  environment.json  labels.json  splits.json  metrics.jsonl  train.lock  tensorboard/ (if asked for)
checkpoints/{last,best}.safetensors + .json (epoch, step, sha256)   last.trainer (optimizer, progress)
temperature.json (of the best weights, fitted on the validation images)
evaluation/<split>.json   evaluation/<split>.confusion.npz   evaluation/<split>/<id>.png (predicted label ids)
evaluation/<split>.confidence.npz (confidence.py)   evaluation/<split>.anatomy.npz (roadseg.scoring.anatomy)
COMPLETE (written last)
"""

from __future__ import annotations

import io
import json
import platform
import sys
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from roadseg import __version__, models
from roadseg.config import settings as config
from roadseg.config.settings import Config
from roadseg.data.splits import Splits
from roadseg.errors import RunError
from roadseg.labels import LabelSpace
from roadseg.models import SegmentationModel
from roadseg.runs import checkpoints
from roadseg.runs.run_files import RunFiles
from roadseg.scoring.confidence import STARTS
from roadseg.system.files import write_bytes, write_text


class Confusions(NamedTuple):
    """The ids of the images that were scored, their confusions int64 (N, C, C), and groups; older files hold none."""

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

    def save_evaluation(
        self, split: str, report: dict[str, Any], confusions: np.ndarray, ids: list[str], groups: list[str]
    ) -> None:
        """Write `evaluation/<split>.json` and the images' confusion matrices (N, C, C), ids and groups beside it."""
        self.evaluation.mkdir(exist_ok=True)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, confusions=confusions, ids=np.array(ids), groups=np.array(groups))
        write_bytes(self.evaluation / f"{split}.confusion.npz", buffer.getvalue())
        write_text(self.evaluation / f"{split}.json", json.dumps(report, indent=2, allow_nan=False) + "\n")

    def confusions(self, split: str) -> Confusions:
        """What `save_evaluation` wrote of each image. Raises `RunError` where that is missing or damaged."""
        path = self.evaluation / f"{split}.confusion.npz"
        try:
            with np.load(path) as content:
                ids, groups = ([str(name) for name in content.get(key, ())] for key in ("ids", "groups"))
                return Confusions(ids, np.asarray(content["confusions"]), groups)
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise RunError(f"{path} is missing or damaged; make it with roadseg evaluate") from error

    def save_anatomy(self, split: str, counts: dict[str, np.ndarray], ids: list[str]) -> None:
        """Write `evaluation/<split>.anatomy.npz`: where pixels are right (`roadseg.scoring.anatomy`)."""
        self.evaluation.mkdir(exist_ok=True)
        buffer = io.BytesIO()
        small = {name: part.astype(np.uint32) for name, part in counts.items()}  # pixels of one image
        np.savez_compressed(buffer, allow_pickle=False, **small, ids=np.array(ids))
        write_bytes(self.evaluation / f"{split}.anatomy.npz", buffer.getvalue())

    def anatomy(self, split: str) -> tuple[list[str], dict[str, np.ndarray]] | None:
        """What `save_anatomy` wrote, int64; None where the run was evaluated without. Raises `RunError` if damaged."""
        path = self.evaluation / f"{split}.anatomy.npz"
        if not path.exists():
            return None
        try:
            with np.load(path) as content:
                parts = {name: content[name].astype(np.int64) for name in content.files if name != "ids"}
                return [str(name) for name in content["ids"]], parts
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise RunError(f"{path} is damaged; make it anew with roadseg evaluate") from error

    def save_confidence(self, split: str, counts: np.ndarray, ids: list[str]) -> None:
        """Write `evaluation/<split>.confidence.npz`: the images' counts (N, 2, 2, 3, BINS), as in `confidence.py`."""
        self.evaluation.mkdir(exist_ok=True)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, counts=counts, ids=np.array(ids), starts=STARTS)
        write_bytes(self.evaluation / f"{split}.confidence.npz", buffer.getvalue())

    def confidence(self, split: str) -> tuple[list[str], np.ndarray] | None:
        """The ids of the images of `split` and their counts (N, 2, 2, 3, BINS); None where they were not kept so.

        Raises `RunError` where the file is damaged.
        """
        path = self.evaluation / f"{split}.confidence.npz"
        if not path.exists():
            return None
        try:
            with np.load(path) as content:
                fits = np.array_equal(content["starts"], STARTS)
                ids = [str(name) for name in content["ids"]]
                return (ids, np.asarray(content["counts"])) if fits else None
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise RunError(f"{path} is damaged; remove it and score anew with roadseg evaluate") from error

    def prediction_file(self, split: str, image_id: str) -> Path:
        """Where the predicted label ids of an image of `split` are: a PNG of one byte a pixel."""
        return self.evaluation / split / f"{image_id}.png"

    def save_predictions(self, split: str, pictures: dict[str, bytes]) -> None:
        """Write the label PNGs of images of `split`, by id."""
        for image_id, content in pictures.items():
            path = self.prediction_file(split, image_id)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content)


def next_run(root: Path, recipe: str) -> Path:
    """`root/recipe/<n>` with the first number that is free."""
    numbers = [int(path.name) for path in (root / recipe).glob("*") if path.name.isdigit()]
    return root / recipe / str(max(numbers, default=0) + 1)


def latest_run(root: Path, recipe: str) -> Path:
    """The newest run of a recipe. Raises `RunError` where there is none."""
    numbers = [int(path.name) for path in (root / recipe).glob("*") if path.name.isdigit()]
    if not numbers:
        raise RunError(f"no run of {recipe} in {root}; start one without --resume")
    return root / recipe / str(max(numbers))


def load_model(run: RunDir, checkpoint: str = "best") -> SegmentationModel:
    """The run's network with the weights of a checkpoint, in evaluation mode on the CPU."""
    settings = run.config()
    model = models.build(settings.model, len(run.labels().classes))
    try:
        model.load_state_dict(run.weights(checkpoint))
    except RuntimeError as error:
        raise RunError(f"weights of {run.path} do not fit its config.json; restore both from one copy") from error
    return model.eval()


def environment() -> dict[str, Any]:
    """What produced a run: versions, machine, command."""
    return {
        "roadseg": __version__,
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
