"""Label pictures with a trained network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from roadseg.atomic import write_bytes
from roadseg.crf import refine
from roadseg.data.decode import read_image
from roadseg.errors import DataError, WorkFailed
from roadseg.evaluate import predict_logits, ready
from roadseg.labels import LabelSpace
from roadseg.progress import Display
from roadseg.runs import RunDir
from roadseg.visualize import Indices, Pixels, colorize, confidence_map, overlay, png, with_legend

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm"}
VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"}


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


def predict(run: RunDir, inputs: Sequence[str], output: Path, display: Display) -> int:
    """Write labels (official ids), colours, overlay with legend and confidence (255 = sure) for every image, as PNG.

    All pictures but the overlay, which has its legend below, have the input's own size. An image that cannot be read is
    told and passed over. Returns the number of images; raises `DataError` as `find_images`, and `WorkFailed` at the end
    where images were passed over.
    """
    settings, space = run.config(), run.labels()
    images = find_images(inputs, output)
    network, grid, accelerator, memory_format = ready(run)
    display.begin("predicting", len(images))
    unread = 0
    for name, path in images.items():
        try:
            image = read_image(path)
        except DataError as error:
            unread += 1
            display.say(str(error))
            continue
        with torch.inference_mode():
            pixels = image.to(accelerator.device)
            logits = predict_logits(network, grid, pixels, settings.transforms, memory_format)
            indices, confidence = decide(refine(logits, pixels, settings.crf))
        for kind, picture in pictures(image.permute(1, 2, 0).numpy(), indices, confidence, space).items():
            target = output / kind / f"{name}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, png(picture))
        display.advance()
    if unread:
        raise WorkFailed(f"{unread} of {len(images)} images could not be read; the others are labelled in {output}")
    return len(images)


def decide(logits: Tensor) -> tuple[Indices, np.ndarray]:
    """Class indices uint8 (H, W) and their probabilities float32 (H, W) from logits (1, C, H, W)."""
    confidence, indices = nn.functional.softmax(logits[0], 0).max(0)
    return indices.to(torch.uint8).cpu().numpy(), confidence.cpu().numpy()


def pictures(image: Pixels, indices: Indices, confidence: np.ndarray, space: LabelSpace) -> dict[str, np.ndarray]:
    """What is written for an image, by folder."""
    return {
        "labels": space.index_to_id[indices],
        "color": colorize(indices, space),
        "overlay": with_legend(overlay(image, indices, space), indices, space),
        "confidence": confidence_map(confidence),
    }
