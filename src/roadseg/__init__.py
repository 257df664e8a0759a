"""roadseg: train, compare and ship semantic segmentation of street scenes.

    import roadseg
    run = roadseg.load_run("runs/demo-fcn16s/1")
    answer = roadseg.Predictor(run)(image)                      # uint8 (H, W, 3), or a PIL image
    picture = roadseg.overlay(image, answer.classes, run.labels())

Images are uint8 (H, W, 3) arrays or PIL images, classes uint8 (H, W) arrays of class indices, 255 for ignored pixels.
Bad input raises a `RoadsegError` that says what is wrong, where, and how to fix it. What computes loads torch, the
import does not. `docs/python.md` goes from a folder of photos to a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roadseg.errors import ConfigError, DataError, RoadsegError, RunError, WeightsError, WorkFailed

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from torch import Tensor

    from roadseg.config.settings import Config
    from roadseg.inference.predictor import Prediction, Predictor
    from roadseg.labels import LabelSpace
    from roadseg.report.comparison.findings import Findings
    from roadseg.runs.run_dir import RunDir
    from roadseg.training.interrupt import Interrupted

__version__ = "0.1.0"
__all__ = [
    "ConfigError", "DataError", "Interrupted", "Prediction", "Predictor", "RoadsegError", "RunError", "WeightsError",
    "WorkFailed",
    "compare", "confusion_matrix", "evaluate", "interval",
    "label_space", "load_run", "overlay", "recipe", "scores", "train",
]  # fmt: skip

LAZY = {
    "Interrupted": "roadseg.training.interrupt",
    "Prediction": "roadseg.inference.predictor",
    "Predictor": "roadseg.inference.predictor",
}
"""Classes that are imported when they are first asked for, and where they are."""


def __getattr__(name: str) -> Any:
    """A class that is imported when it is first asked for."""
    if name not in LAZY:
        raise AttributeError(f"module 'roadseg' has no attribute {name!r}; dir(roadseg) lists what it has")
    return getattr(import_module(LAZY[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def recipe(name: str, settings: Mapping[str, Any] | None = None) -> Config:
    """The settings of a recipe, with others laid over it by the names of their flags.

    Raises `ConfigError` for a name, a setting or a value that does not exist, with the closest one.

    >>> settings = roadseg.recipe("demo-fcn16s", {"train.epochs": 2, "transforms.crop": (64, 64), "model.width": 0.05})
    >>> settings.train.epochs, settings.optimizer.name
    (2, 'adamw')
    """
    from roadseg.config import recipes
    from roadseg.config.overrides import overridden

    return overridden(recipes.recipe(name), dict(settings or {}))


def train(
    settings: Config,
    root: str | PathLike[str],
    run: str | PathLike[str] | None = None,
    show: bool = True,
    new_length: bool = False,
) -> RunDir:
    """Train on the data set in `root`, and return the complete run.

    It goes into the folder `run`, by default the next free one below `runs/`. A run that was interrupted there
    continues, with the same settings, to exactly the same end; a complete one is returned as it is. With `new_length` a
    run is trained on with other epochs or another patience. `show` prints progress. Raises `RoadsegError` for bad input
    and for a run with other settings before anything is written, `WorkFailed` where the loss is not finite, and
    `Interrupted` after Ctrl-C, once all so far is saved.

    >>> run = roadseg.train(settings, root="streets", run="runs/mine", show=False)
    >>> run.complete, len(run.metrics())
    (True, 2)
    """
    from roadseg.runs.run_dir import RunDir
    from roadseg.runs.run_files import next_run
    from roadseg.training.train import train as train_into

    directory = RunDir(Path(run) if run is not None else next_run(Path("runs"), settings.recipe))
    settings = settings.model_copy(update={"data": settings.data.at(Path(root))})
    if not (directory.path / "config.json").exists() or not directory.ended(settings, new_length):
        train_into(directory, settings, _display(show), resume=True, new_length=new_length)
    return directory


def load_run(path: str | PathLike[str]) -> RunDir:
    """A run on disk.

    It has `config()`, `labels()`, `splits()`, `metrics()` by epoch, `temperature()`, and `evaluations()` by split.
    Raises `RunError` where there is no run, or where something of it is lost.

    >>> run = roadseg.load_run("runs/demo-fcn16s/1")
    >>> run.config().model.name, len(run.labels().classes)
    ('fcn16s', 19)
    >>> 0 <= run.evaluations()["val"]["mean_iou"] <= 1
    True
    """
    from roadseg.runs.run_dir import RunDir

    run = RunDir(Path(path))
    run.config()
    run.check_whole()
    return run


def evaluate(
    run: RunDir, root: str | PathLike[str] | None = None, split: str | None = None, show: bool = True
) -> dict[str, Any]:
    """The scores of a run on a split, as `evaluation/<split>.json` of the run holds them from then on.

    Scores are shares from 0 to 1; `ci95` are their 95 % intervals, `per_class` the IoU of each class, None where it
    never occurs. Root and split are the run's own, unless given; other data is scored under a name of its own. Raises
    `RoadsegError` for bad data, damaged runs and what is no run.

    >>> report = roadseg.evaluate(run, show=False)
    >>> sorted(report)[:3]
    ['ci95', 'ci95_resampled', 'ci95_resamples']
    """
    from roadseg.runs.arms import named_runs
    from roadseg.scoring.evaluate import evaluate_run

    (member,) = named_runs([run])
    return evaluate_run(member, None if root is None else Path(root), split, _display(show))


def compare(runs: Sequence[RunDir], split: str | None = None, output: str | PathLike[str] | None = None) -> Findings:
    """What follows from runs' scores on the same images: `verdicts`, each with a `text`, and all that a report says.

    The runs were evaluated on `split` (default: test where all were, else val). Runs that differ in their seed alone
    are one arm. With an `output` folder report.html, report.md and scores.json are written there. Raises `RunError`
    without a run, for what is no run, and where the runs were scored on other images or classes.

    >>> findings = roadseg.compare([run])
    >>> findings.verdicts[0].text.startswith("demo-fcn16s has a mIoU of")
    True
    """
    from roadseg.report.comparison.findings import findings_of
    from roadseg.report.write import check_report_place, write_report
    from roadseg.runs.arms import named_runs, read_comparable, same_classes

    members = named_runs(runs)
    same_classes(members)
    place = None if output is None else Path(output)
    if place is not None:
        check_report_place(place)
    findings = findings_of(read_comparable(members, split))
    if place is not None:
        write_report(findings, place, _display(False))
    return findings


def confusion_matrix(prediction: np.ndarray | Tensor, target: np.ndarray | Tensor, classes: int) -> np.ndarray:
    """Counts of pixels whose target is not 255, int64 (C, C): rows truth, columns prediction.

    Both hold class indices, in any shape, the same for both. Counts of images add up; scores do not: sum first.
    Raises `DataError` where shapes differ or a value is no class, as fractions are none.

    >>> import numpy as np
    >>> target = np.array([[0, 0, 1], [1, 1, 255]], np.uint8)
    >>> prediction = np.array([[0, 1, 1], [1, 1, 0]], np.uint8)
    >>> roadseg.confusion_matrix(prediction, target, classes=2)
    array([[1, 1],
           [0, 3]])
    """
    from roadseg.labels import IGNORE
    from roadseg.scoring import metrics

    found, true = _indices("prediction", prediction), _indices("target", target)
    if found.shape != true.shape:
        raise DataError(
            f"prediction {tuple(found.shape)} and target {tuple(true.shape)} differ in shape; give both the same"
        )
    counted = true != IGNORE
    for name, values in (("target", true[counted]), ("prediction", found[counted])):
        wrong = values[(values < 0) | (values >= classes)]
        if len(wrong):
            raise DataError(
                f"{name} {wrong[0].item()} is not a class index (0-{classes - 1}); map ids to indices first"
            )
    return metrics.confusion_matrix(found, true, classes).cpu().numpy()


def scores(confusion: np.ndarray) -> dict[str, Any]:
    """The scores of a confusion matrix (C, C), from 0 to 1: `mean_iou` and others, and `per_class`, each class's IoU.

    None for a score that nothing was counted for; a class that never occurs is left out of the means.

    >>> found = roadseg.scores(np.array([[1, 1], [0, 3]]))
    >>> found["mean_iou"], found["pixel_accuracy"], found["per_class"]
    (0.625, 0.8, [0.5, 0.75])
    """
    from roadseg.scoring import metrics
    from roadseg.scoring.scores import headline

    per_class = metrics.per_class_iou(confusion).tolist()
    return {**headline(confusion), "per_class": [None if iou != iou else iou for iou in per_class]}


def interval(confusions: np.ndarray, groups: Sequence[str], score: str = "mean_iou") -> tuple[float, float] | None:
    """95 % interval of a score of images from their confusion matrices (N, C, C), resampling whole groups (drives).

    `groups` names the drive of each image. None where too few groups say anything. A bootstrap with a correction for
    few groups (docs/decisions/0013). Raises `ConfigError` for an unknown score, `DataError` for other shapes.

    >>> counts = np.array([[[40 + i, 10], [5, 45 - i]] for i in range(8)])
    >>> low, high = roadseg.interval(counts, groups=list("aabbccdd"))
    >>> low < roadseg.scores(counts.sum(0))["mean_iou"] < high
    True
    """
    from roadseg.scoring import metrics, stats
    from roadseg.scoring.scores import intervals

    if score not in metrics.SCORES:
        raise ConfigError(f"no score {score!r}; choose one of {', '.join(metrics.SCORES)}")
    if confusions.ndim != 3 or confusions.shape[1] != confusions.shape[2] or len(confusions) != len(groups):
        raise DataError(
            f"confusions {confusions.shape} of {len(groups)} groups; give a matrix (N, C, C) and a group for each image"
        )
    names = [str(index) for index in range(confusions.shape[-1])]
    found = intervals(metrics.margins(confusions), stats.resampling_units(list(groups)), names)["ci95"]
    low, high = found[score]
    return None if low is None or high is None else (low, high)


def overlay(image: np.ndarray | Image, classes: np.ndarray, labels: LabelSpace) -> np.ndarray:
    """The image with its classes in colour over it, uint8 (H, W, 3); 255 stays uncoloured.

    It is taken as `Predictor` takes it, a JPEG as it was opened turned upright. Raises `DataError` for what is no
    image, and for classes of another shape.

    >>> roadseg.overlay(np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8), run.labels()).shape
    (4, 6, 3)
    """
    from roadseg.inference import visualize
    from roadseg.inference.predictor import image_tensor

    pixels = image_tensor(image).permute(1, 2, 0).numpy()
    if classes.shape != pixels.shape[:2]:
        raise DataError(f"classes {classes.shape} of an image {pixels.shape}; give one for each pixel, (H, W)")
    return visualize.overlay(pixels, classes, labels)


def label_space(name: str) -> LabelSpace:
    """The classes of a data set by its name, or of a `roadseg.yaml`. Raises `ConfigError` with the names there are.

    >>> roadseg.label_space("camvid").names[:4]
    ['sky', 'building', 'pole', 'road']
    """
    from roadseg.scoring.external.run import label_space as named

    return named(name)


def _indices(name: str, values: np.ndarray | Tensor) -> Tensor:
    """Class indices as a tensor."""
    import numpy as np
    import torch

    indices = values if isinstance(values, torch.Tensor) else torch.as_tensor(np.array(values, order="C"))
    if indices.is_floating_point():
        raise DataError(f"{name} holds {indices.dtype}, but class indices are whole numbers; round or convert it first")
    return indices if indices.dtype == torch.uint8 else indices.long()


def _display(show: bool) -> Any:
    """Where progress goes."""
    from rich.console import Console

    from roadseg.system.progress import Display, Plain

    return Plain(Console()) if show else Display()
