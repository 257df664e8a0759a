"""Read label pictures of any tool as counts of pairs of values (target, prediction)."""

from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8

from roadseg.data.decode import LABEL_MODES, label_values, open_label, rgb_pixels
from roadseg.errors import DataError
from roadseg.labels import IGNORE, LabelSpace, indices_from_colors, packed_pixels

Coding = Literal["ids", "train-ids", "colors"]
CODINGS: tuple[Coding, ...] = ("ids", "train-ids", "colors")
"""Codings of classes: the data set's official ids, class indices (255 = ignored), or colours."""


class Pair(NamedTuple):
    """A prediction and its target, their common id, and the group of the image."""

    id: str
    prediction: Path
    target: Path
    group: str


class Values(NamedTuple):
    """The values of a label picture, uint8 (H, W). Where it was `colored` they are class indices or 255."""

    values: UInt8[np.ndarray, "h w"]
    colored: bool


class Tally(NamedTuple):
    """The pairs of values of a prediction and its target, as target * 256 + prediction, and the pixels of each."""

    cells: Int64[np.ndarray, " k"]
    pixels: Int64[np.ndarray, " k"]
    colored_prediction: bool
    colored_target: bool


def tally(pair: Pair, space: LabelSpace, codings: tuple[Coding | None, Coding | None]) -> Tally:
    """Count the pairs of values; `codings` of prediction and target, None where unknown.

    Raises `DataError` naming the file that cannot be read, has colours that no class has, or another size.
    """
    prediction, target = (
        read_values(path, space, coding) for path, coding in zip((pair.prediction, pair.target), codings, strict=True)
    )
    if prediction.values.shape != target.values.shape:
        (height, width), (rows, columns) = prediction.values.shape, target.values.shape
        raise DataError(
            f"{pair.prediction} is {width}x{height} pixels but its target {pair.target} is {columns}x{rows}; "
            "predictions must have their target's size: write them at that size (labels are never resized here)"
        )
    both = target.values.astype(np.uint16) << 8 | prediction.values
    counts = np.bincount(both.ravel(), minlength=256 * 256)
    cells = np.flatnonzero(counts)
    return Tally(cells, counts[cells], prediction.colored, target.colored)


def read_values(path: Path, space: LabelSpace, coding: Coding | None) -> Values:
    """A label picture's values. Palette pictures keep their indices unless colours are asked for.

    Raises `DataError` naming the file, what is wrong with it, and how to fix it.
    """
    with open_label(path) as image:
        single = image.mode in LABEL_MODES
        if single and coding != "colors":
            return Values(label_values(image, path), colored=False)
        if not single and coding in ("ids", "train-ids"):
            raise DataError(f"{path} is a {image.mode} picture, not one {coding[:-1]} a pixel; call its coding colors")
        if single and image.mode != "P":
            raise DataError(f"{path} holds one value a pixel, not colours; call its coding ids or train-ids")
        pixels = rgb_pixels(image, path)
    return Values(_indices(pixels, path, space), colored=True)


def _indices(pixels: UInt8[np.ndarray, "h w 3"], path: Path, space: LabelSpace) -> UInt8[np.ndarray, "h w"]:
    found = _color_table(space).take(packed_pixels(pixels))
    if (found == _UNKNOWN).any():
        try:
            return indices_from_colors(pixels, space)
        except ValueError as error:
            grey = (pixels == pixels[..., :1]).all()
            fix = (
                "its three channels are equal: store one of them"
                if grey
                else "fix the file, or choose the label space that it was made with"
            )
            raise DataError(f"{path}: {error}; {fix}") from error
    return found


_UNKNOWN = IGNORE - 1


@lru_cache(maxsize=2)
def _color_table(space: LabelSpace) -> UInt8[np.ndarray, " colors"]:
    """Class index or `IGNORE` by packed RGB; 254 for colours that no class has (or that class 254 has)."""
    table = np.full(1 << 24, _UNKNOWN, np.uint8)
    rows = space.color_to_index[::-1]  # where two labels share a colour, the first of them holds
    table[rows[:, 0]] = rows[:, 1]
    return table
