"""Curves and pictures of a training for TensorBoard.

Every point has the optimizer's step. A resumed run hides the points that were written after its checkpoint, so that no
point appears twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from roadseg.data.loading import Samples
from roadseg.errors import ConfigError
from roadseg.inference.visualize import Indices, Pixels, colorize, with_legend
from roadseg.labels import LabelSpace
from roadseg.scoring.metrics import number

if TYPE_CHECKING:
    from roadseg.training.event_file import EventFile

Predict = Callable[[UInt8[Tensor, "3 h w"]], UInt8[Tensor, "h w"]]
"""From an image to the index of each pixel's class."""

POINTS = 1000
"""Largest number of points of a curve, which is TensorBoard's own default. Longer trainings skip steps."""
PICTURES = 4
WIDTH = 640
"""Width of pictures in pixels. At full size they would soon take more space than the network."""


class Watch:
    """An observer of the training. This one, the default, ignores everything."""

    def begin(self, val: Samples, step: int, steps: int) -> None:
        """Training of `steps` steps starts or resumes, validated on `val`; points from `step` on will be reported."""

    def step(self, step: int, loss: float) -> None:
        """An optimizer step is done; `loss` is the mean over its pixels."""

    def epoch(
        self, entry: dict[str, Any], images_per_second: float, ious: Float[np.ndarray, " c"], predict: Predict
    ) -> None:
        """An epoch is done: its entry in metrics.jsonl, its speed, each class's validation IoU, and the network."""

    def close(self) -> None:
        """The training ends; nothing more will be reported."""


class TensorBoard(Watch):
    """Writes event files for TensorBoard. Training and validation are two runs of it, so that they share charts.

    Raises `ConfigError` where the package is missing. Nothing is written before `begin`.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from roadseg.training.event_file import EventFile
        except ImportError as error:
            raise ConfigError(
                f"--tensorboard needs the package tensorboard ({error}); pip install tensorboard, or leave out the flag"
            ) from error
        self.folder = folder
        self.begin_file = EventFile.begin
        self.files: dict[str, EventFile] = {}

    def begin(self, val: Samples, step: int, steps: int) -> None:
        """Open the event files."""
        self.val = val
        self.every = math.ceil(steps / POINTS)
        for part in ("train", "val"):
            self.files[part] = self.begin_file(self.folder / part, step)

    def step(self, step: int, loss: float) -> None:
        """A point of the loss, at most `POINTS` in the whole training."""
        if step % self.every == 0:
            self._points("train", step, {"loss of a step": loss})

    def epoch(
        self, entry: dict[str, Any], images_per_second: float, ious: Float[np.ndarray, " c"], predict: Predict
    ) -> None:
        """Add a point to every other curve, and pictures of the same few images with labels and predictions."""
        step, space = entry["step"], self.val.space
        for part in ("train", "val"):
            scores = {"mIoU": entry[part]["mean_iou"], "micro IoU": entry[part]["micro_iou"]}
            self._points(part, step, {"loss": entry[part]["loss"], **scores})
        self._points("train", step, {"learning rate": entry["lr"], "images per second": images_per_second})
        of_class = zip(space.names, ious, strict=True)
        self._points("val", step, {f"IoU/{name}": number(iou) for name, iou in of_class})
        for index in spread(len(self.val), PICTURES):
            image, target = self.val[index]
            picture = panels(image.permute(1, 2, 0).numpy(), target.numpy(), predict(image).numpy(), space)
            self.files["val"].picture(f"image, labels, prediction/{self.val.records[index].id}", step, picture)

    def _points(self, part: str, step: int, values: dict[str, float | None]) -> None:
        for tag, value in values.items():
            if value is not None:
                self.files[part].point(tag, step, value)

    def close(self) -> None:
        """Close the files."""
        for file in self.files.values():
            file.close()


def spread(count: int, wanted: int) -> list[int]:
    """At most `wanted` of the indices 0 to count - 1, evenly spaced, because neighbours are often of one drive."""
    wanted = min(count, wanted)
    return [index * count // wanted for index in range(wanted)]


def panels(image: Pixels, target: Indices, prediction: Indices, space: LabelSpace) -> UInt8[np.ndarray, "rows width 3"]:
    """Image, labels and prediction (H, W) below each other, `WIDTH` pixels wide, the last two with their legends."""
    height, width = target.shape
    size = (WIDTH, max(1, round(height * WIDTH / width)))
    photo = np.asarray(Image.fromarray(image).resize(size))
    labels = (np.asarray(Image.fromarray(each).resize(size, Image.Resampling.NEAREST)) for each in (target, prediction))
    return np.concatenate([photo, *(with_legend(colorize(each, space), each, space) for each in labels)])
