"""The pictures of a report: photos, labels and errors as arrays and as files."""

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from roadseg.inference.visualize import overlay
from roadseg.labels import IGNORE, LabelSpace

Indices = UInt8[np.ndarray, "h w"]
Pixels = UInt8[np.ndarray, "h w 3"]

RIGHT, WRONG_HERE, WRONG_IN_ALL, UNLABELLED = range(4)
ERROR_COLORS = ((14, 16, 20), (255, 225, 60), (176, 180, 188), (58, 61, 68))
"""Yellow, light grey and dark differ in brightness, and for every kind of colour vision; no arm has these colours."""

ERROR_ALPHA = (155, 255, 245, 235)
"""Right pixels let the photo through, dimmed."""

STRIP_SIDE = 480
"""Width in pixels of each picture in a strip."""


def shrunk(photo: Pixels, size: tuple[int, int]) -> UInt8[np.ndarray, "rows columns 3"]:
    """A photo at another (height, width)."""
    return np.asarray(Image.fromarray(photo).resize((size[1], size[0]), Image.Resampling.LANCZOS))


def nearest(indices: Indices, size: tuple[int, int]) -> UInt8[np.ndarray, "rows columns"]:
    """Class indices at another (height, width), each pixel that of the nearest one."""
    return np.asarray(Image.fromarray(indices).resize((size[1], size[0]), Image.Resampling.NEAREST))


def error_maps(truth: Indices, predictions: Sequence[Indices]) -> list[Indices]:
    """For each prediction which pixels are right, wrong here and right in another, wrong in all, or unlabelled."""
    wrong = np.stack([prediction != truth for prediction in predictions])
    in_all = wrong.all(0) & (len(predictions) > 1)
    maps = []
    for here in wrong:
        errors = np.where(here, np.where(in_all, WRONG_IN_ALL, WRONG_HERE), RIGHT).astype(np.uint8)
        errors[truth == IGNORE] = UNLABELLED
        maps.append(errors)
    return maps


def distinct_palette(space: LabelSpace) -> UInt8[np.ndarray, "256 3"]:
    """The label colours, equal ones made to differ by an invisible step, so that a colour names its class."""
    palette = space.palette.copy()
    seen = {tuple(palette[IGNORE].tolist())}
    for index in range(len(space.classes)):
        color = palette[index].tolist()
        step = 1 if color[2] < 128 else -1
        while tuple(color) in seen:
            color[2] += step
        seen.add(tuple(color))
        palette[index] = color
    return palette


def photo_file(pixels: Pixels) -> bytes:
    """A photo as WebP."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="WEBP", quality=82)
    return buffer.getvalue()


def label_file(indices: Indices, space: LabelSpace) -> bytes:
    """Class indices in their colours, as a palette PNG."""
    return _palette_png(indices, distinct_palette(space))


def error_file(errors: Indices) -> bytes:
    """An error map as a palette PNG to be laid over the grey photo."""
    return _palette_png(errors, np.array(ERROR_COLORS, np.uint8), transparency=bytes(ERROR_ALPHA))


def _palette_png(indices: Indices, palette: UInt8[np.ndarray, "n 3"], **options: bytes) -> bytes:
    picture = Image.fromarray(indices)
    picture.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True, **options)
    return buffer.getvalue()


def over_grey(photo: Pixels, errors: Indices) -> Pixels:
    """An error map laid over the photo in grey."""
    grey = photo.mean(-1, keepdims=True)
    alpha = np.array(ERROR_ALPHA)[errors][..., None] / 255
    return np.asarray((alpha * np.array(ERROR_COLORS)[errors] + (1 - alpha) * grey).round().astype(np.uint8))


def strip(
    photo: Pixels, truth: Indices, predictions: Sequence[Indices], errors: Sequence[Indices], space: LabelSpace
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Photo above truth, then a column for each arm: its labels above its errors."""
    columns = [(photo, overlay(photo, truth, space))]
    columns += [
        (overlay(photo, indices, space), over_grey(photo, wrong))
        for indices, wrong in zip(predictions, errors, strict=True)
    ]
    width = min(STRIP_SIDE, photo.shape[1])
    size = (max(1, round(photo.shape[0] * width / photo.shape[1])), width)
    gap = 6
    canvas = np.full((2 * size[0] + gap, len(columns) * (width + gap) - gap, 3), 255, np.uint8)
    for number, column in enumerate(columns):
        left = number * (width + gap)
        for row, picture in enumerate(column):
            top = row * (size[0] + gap)
            canvas[top : top + size[0], left : left + width] = shrunk(picture, size)
    return canvas
