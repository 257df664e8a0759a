"""Label pictures with a trained network."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from roadseg.data.decode import read_image
from roadseg.errors import WorkFailed
from roadseg.inference.images import WRITERS, decoded, find_images
from roadseg.inference.predictor import Predictor
from roadseg.inference.visualize import Indices, Pixels, colorize, confidence_map, overlay, png, with_legend
from roadseg.labels import IGNORE, LabelSpace
from roadseg.runs.run_dir import RunDir
from roadseg.system.files import write_bytes
from roadseg.system.progress import Display
from roadseg.system.threads import begun, worker_threads

COMPRESSION = {"labels": 6, "color": 6, "overlay": 1, "confidence": 1}
"""zlib's levels. Of what varies from pixel to pixel, 6 makes files a seventh smaller in five times the time."""


class Labelled(NamedTuple):
    """An image, the index of each pixel's class, and the class's probability, float32 (H, W)."""

    name: str
    image: Pixels
    indices: Indices
    confidence: np.ndarray


def predict(run: RunDir, inputs: Sequence[str], output: Path, display: Display, least: float = 0.0) -> int:
    """Write labels (official ids), colours, overlay with legend and confidence (255 = sure) for every image, as PNG.

    Confidence is after the run's temperature, if it has one. Pixels with less than `least` are left unlabelled, and how
    many those are is reported.

    All pictures but the overlay, which has its legend below, have the input's own size. An image that cannot be read is
    reported and skipped. Returns the number of images; raises `DataError` as `find_images`, and `WorkFailed` at the end
    where images were skipped.

    While the network sees an image, the next one is decoded and the pictures of those before are written.
    """
    run.config()  # says first where there is no run at all
    images = find_images(inputs, output)
    predictor = Predictor(run)
    write = partial(write_pictures, output=output, space=predictor.space)
    opened: list[tuple[int, int]] = []
    display.begin("predicting", len(images))
    written = 0
    with worker_threads(WRITERS + 1) as threads:
        readings = zip(images, begun(threads, read_image, images.values(), 1), strict=True)
        labelled = label(predictor, readings, display)
        if least > 0:
            labelled = with_unsure_open(labelled, least, opened)
        for writing in begun(threads, write, labelled, WRITERS):
            writing.result()
            written += 1
            display.advance()
    if opened:
        unsure, pixels = map(sum, zip(*opened, strict=True))
        display.say(f"left open: {100 * unsure / pixels:.1f} % of the pixels, with a confidence below {least:.3f}")
    if written < len(images):
        unread = len(images) - written
        others = f"the others are labelled in {output}" if written else "nothing was written"
        raise WorkFailed(f"{unread} of {len(images)} images could not be read; {others}")
    return written


def label(predictor: Predictor, readings: Iterable[tuple[str, Future[Tensor]]], display: Display) -> Iterator[Labelled]:
    """What the network says to each image that could be read; the others are reported and skipped."""
    for name, image in decoded(readings, display):
        pixels = image.permute(1, 2, 0).numpy()
        yield Labelled(name, pixels, *predictor(pixels))


def with_unsure_open(labelled: Iterable[Labelled], least: float, opened: list[tuple[int, int]]) -> Iterator[Labelled]:
    """The same with `IGNORE` where the confidence is below `least`; `opened` gets how many, of how many."""
    for each in labelled:
        unsure = each.confidence < least
        opened.append((int(unsure.sum()), unsure.size))
        yield each._replace(indices=np.where(unsure, IGNORE, each.indices).astype(np.uint8))


def write_pictures(labelled: Labelled, output: Path, space: LabelSpace) -> None:
    """Write an image's four pictures, each whole or not at all."""
    for kind, picture in pictures(labelled, space).items():
        target = output / kind / f"{labelled.name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, png(picture, COMPRESSION[kind]))


def pictures(labelled: Labelled, space: LabelSpace) -> dict[str, np.ndarray]:
    """What is written for an image, by folder."""
    _, image, indices, confidence = labelled
    return {
        "labels": space.index_to_id[indices],
        "color": colorize(indices, space),
        "overlay": with_legend(overlay(image, indices, space), indices, space),
        "confidence": confidence_map(confidence),
    }
