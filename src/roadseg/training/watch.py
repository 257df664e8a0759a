"""Look on while a network is trained: curves and pictures for TensorBoard.

Everything lies at the optimizer's step. A resumed run hides what was told after the checkpoint that it continues from,
so that its curves go on without double points.
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

if TYPE_CHECKING:
    from roadseg.training.event_file import EventFile

Predict = Callable[[UInt8[Tensor, "3 h w"]], UInt8[Tensor, "h w"]]
"""From an image to the index of each pixel's class."""

POINTS = 1000
"""As many points of a curve TensorBoard keeps by default; more steps than that are thinned out."""
PICTURES = 4
WIDTH = 640
"""Pixels; at its own size a picture of each image and epoch would soon take more room than the network."""


class Watch:
    """What training tells besides the lines for the terminal. Nobody listens to this one: the default."""

    def begin(self, val: Samples, step: int, steps: int) -> None:
        """Training of `steps` begins or goes on, validated on `val`; of `step` and later all will be told anew."""

    def step(self, step: int, loss: float) -> None:
        """A step of the optimizer is done; `loss` is the mean over its pixels."""

    def epoch(
        self, entry: dict[str, Any], images_per_second: float, ious: Float[np.ndarray, " c"], predict: Predict
    ) -> None:
        """An epoch is done: its entry in metrics.jsonl, its speed, each class's validation IoU, and the network."""

    def close(self) -> None:
        """Nothing more will be told."""


class TensorBoard(Watch):
    """Event files for TensorBoard: training and validation are two of its runs, so that they share a chart.

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
        """Begin the event files."""
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
        """A point of every other curve, and the same few images with their labels and predictions."""
        step, space = entry["step"], self.val.space
        for part in ("train", "val"):
            scores = {"mIoU": entry[part]["mean_iou"], "micro IoU": entry[part]["micro_iou"]}
            self._points(part, step, {"loss": entry[part]["loss"], **scores})
        self._points("train", step, {"learning rate": entry["lr"], "images per second": images_per_second})
        of_class = zip(space.names, ious, strict=True)
        self._points("val", step, {f"IoU/{name}": None if np.isnan(iou) else float(iou) for name, iou in of_class})
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
    """At most `wanted` of the indices 0 to count - 1, evenly apart: neighbours are often of one drive."""
    wanted = min(count, wanted)
    return [index * count // wanted for index in range(wanted)]


def panels(image: Pixels, target: Indices, prediction: Indices, space: LabelSpace) -> UInt8[np.ndarray, "rows width 3"]:
    """Image, labels and prediction (H, W) below each other, `WIDTH` pixels wide, the last two with their legends."""
    height, width = target.shape
    size = (WIDTH, max(1, round(height * WIDTH / width)))
    photo = np.asarray(Image.fromarray(image).resize(size))
    labels = (np.asarray(Image.fromarray(each).resize(size, Image.Resampling.NEAREST)) for each in (target, prediction))
    return np.concatenate([photo, *(with_legend(colorize(each, space), each, space) for each in labels)])
