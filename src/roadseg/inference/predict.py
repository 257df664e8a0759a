"""Label pictures with a trained network."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from roadseg.config.settings import Config
from roadseg.data.decode import read_image
from roadseg.errors import DataError, WorkFailed
from roadseg.inference.crf import refine
from roadseg.inference.visualize import Indices, Pixels, colorize, confidence_map, overlay, png, with_legend
from roadseg.labels import IGNORE, LabelSpace
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.calibration import promised
from roadseg.scoring.evaluate import Ready, predict_logits, ready
from roadseg.system.files import write_bytes
from roadseg.system.hardware import cpu_count
from roadseg.system.progress import Display

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm"}
COMPRESSION = {"labels": 6, "color": 6, "overlay": 1, "confidence": 1}
"""zlib's levels. Of what varies from pixel to pixel, 6 makes files a seventh smaller in five times the time."""
WRITERS = min(8, cpu_count())
"""Images whose pictures are made and written at once."""
VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"}

Item = TypeVar("Item")
Result = TypeVar("Result")


class Labelled(NamedTuple):
    """An image, the index of each pixel's class, and the class's probability, float32 (H, W)."""

    name: str
    image: Pixels
    indices: Indices
    confidence: np.ndarray


def find_images(inputs: Sequence[str], output: Path) -> dict[str, Path]:
    """Image files by the name (without ending) that their pictures get.

    An input is a file, a folder (searched through, sub-folders kept in the name; what lies in `output` is passed over)
    or a glob pattern (named from its first folder without a wildcard). Raises `DataError` for an input that matches
    nothing, an output that is an input, and two files of one name.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        if given and Path(given).resolve() == output.resolve():
            raise DataError(f"{given} is the output too; choose another --output")
        if Path(given).suffix.lower() in VIDEOS:
            raise DataError(f"{given} is a video; take frames first, such as ffmpeg -i {given} frames/%06d.png")
        named = _named_images(given, output)
        if not named:
            raise DataError(f"no image in {given!r}; give a picture, a folder of pictures, or a quoted glob pattern")
        for name, file in named:
            if found.setdefault(name, file) != file:
                raise DataError(f"{found[name]} and {file} would both be written as {name}; give each its own --output")
    return found


def _named_images(given: str, output: Path) -> list[tuple[str, Path]]:
    path = Path(given)
    if not given:
        return []
    if path.is_file():
        return [(path.stem, path)]
    if path.is_dir():
        return _named(path.rglob("*"), path, output)
    fixed = Path(*takewhile(lambda part: not has_magic(part), path.parts))
    matches = map(Path, glob(given, recursive=True))  # noqa: PTH207  Path.glob refuses '**.png'
    return _named(matches, fixed, output)


def _named(files: Iterable[Path], top: Path, output: Path) -> list[tuple[str, Path]]:
    own = output.resolve()
    images = [file for file in sorted(files) if _is_image(file) and not file.resolve().is_relative_to(own)]
    return [(file.relative_to(top).with_suffix("").as_posix(), file) for file in images]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.is_file()


def predict(run: RunDir, inputs: Sequence[str], output: Path, display: Display, at_least: float | None = None) -> int:
    """Write labels (official ids), colours, overlay with legend and confidence (255 = sure) for every image, as PNG.

    Confidence is after the run's temperature, if it has one. With `at_least` the pixels below the run's threshold for
    that share of right ones (`calibration.promised`) are left unlabelled, and how many those are is told.

    All pictures but the overlay, which has its legend below, have the input's own size. An image that cannot be read is
    told and passed over. Returns the number of images; raises `DataError` as `find_images`, and `WorkFailed` at the end
    where images were passed over.

    While the network sees an image, the next one is decoded and the pictures of those before are written.
    """
    settings, space = run.config(), run.labels()
    images = find_images(inputs, output)
    least = None if at_least is None else promised(run, at_least)
    opened: list[tuple[int, int]] = []
    network = ready(run)
    write = partial(write_pictures, output=output, space=space)
    display.begin("predicting", len(images))
    written = 0
    with worker_threads(WRITERS + 1) as threads:
        readings = zip(images, begun(threads, read_image, images.values(), 1), strict=True)
        labelled = label(network, settings, readings, display, run.temperature() or 1.0)
        if least is not None:
            labelled = with_unsure_open(labelled, least.confidence, opened)
        for writing in begun(threads, write, labelled, WRITERS):
            writing.result()
            written += 1
            display.advance()
    if at_least is not None and least is not None and written:
        unsure, pixels = map(sum, zip(*opened, strict=True))
        display.say(
            f"left open: {100 * unsure / pixels:.1f} % of the pixels, with a confidence below "
            f"{least.confidence:.3f}; on the validation images {100 * (1 - least.coverage):.1f} % were, and "
            f"{100 * least.right:.1f} % of the others were right"
        )
    if written < len(images):
        unread = len(images) - written
        others = f"the others are labelled in {output}" if written else "nothing was written"
        raise WorkFailed(f"{unread} of {len(images)} images could not be read; {others}")
    return written


@contextmanager
def worker_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that finish what they have begun, and drop the rest, when an error or Ctrl-C ends the context."""
    threads = ThreadPoolExecutor(count)
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


def begun(
    threads: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Future[Result]]:
    """`function` of each item, in order; when one is handed out, up to `ahead` more have been begun."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(threads.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft()
    yield from waiting


def decoded(readings: Iterable[tuple[str, Future[Tensor]]], display: Display) -> Iterator[tuple[str, Tensor]]:
    """The images that could be read; the others are told and passed over."""
    for name, reading in readings:
        try:
            image = reading.result()
        except DataError as error:
            display.say(str(error))
            continue
        yield name, image


def label(
    ready: Ready,
    settings: Config,
    readings: Iterable[tuple[str, Future[Tensor]]],
    display: Display,
    temperature: float = 1.0,
) -> Iterator[Labelled]:
    """What the network says to each image that could be read; the others are told and passed over."""
    for name, image in decoded(readings, display):
        with torch.inference_mode():
            pixels = image.to(ready.accelerator.device)
            logits = predict_logits(ready.network, ready.grid, pixels, settings.transforms, ready.memory_format)
            indices, confidence = decide(refine(logits, pixels, settings.crf), temperature)
        yield Labelled(name, image.permute(1, 2, 0).numpy(), indices, confidence)


def with_unsure_open(labelled: Iterable[Labelled], least: float, opened: list[tuple[int, int]]) -> Iterator[Labelled]:
    """The same with `IGNORE` where the confidence is below `least`; `opened` gets how many, of how many."""
    for each in labelled:
        unsure = each.confidence < least
        opened.append((int(unsure.sum()), unsure.size))
        yield each._replace(indices=np.where(unsure, IGNORE, each.indices).astype(np.uint8))


def decide(logits: Tensor, temperature: float = 1.0) -> tuple[Indices, np.ndarray]:
    """Class indices uint8 (H, W) and their probabilities float32 (H, W) from logits (1, C, H, W) / temperature."""
    confidence, indices = nn.functional.softmax(logits[0] / temperature, 0).max(0)
    return indices.to(torch.uint8).cpu().numpy(), confidence.cpu().numpy()


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
