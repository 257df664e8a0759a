"""Counts by part of the image and by object."""

import numpy as np
from jaxtyping import Int64, UInt8
from scipy import ndimage

from roadseg.labels import IGNORE

Map = UInt8[np.ndarray, "h w"]

STRIPS = 8
SIDES = (8, 16, 32, 64, 128)
"""Limits between sizes of objects: sides, in pixels, of squares of the same area."""


def cells(prediction: Map, target: Map, classes: int) -> Int64[np.ndarray, "h w"]:
    """Each pixel's cell in a confusion matrix, row by row; -1 where ignored."""
    numbers: np.ndarray = target.astype(np.int64) * classes + prediction
    numbers[target == IGNORE] = -1
    return numbers


def confusion_by(
    part: Map, cells: Int64[np.ndarray, "h w"], parts: int, classes: int
) -> Int64[np.ndarray, "parts c c"]:
    """One confusion matrix for the pixels of each part."""
    known = cells >= 0
    numbers = part[known].astype(np.int64) * classes**2 + cells[known]
    return np.bincount(numbers, minlength=parts * classes**2).reshape(parts, classes, classes).astype(np.int64)


def strip_of(target: Map) -> Map:
    """Each pixel's strip, counted from above."""
    height, width = target.shape
    return np.broadcast_to((np.arange(height) * STRIPS // height).astype(np.uint8)[:, None], (height, width))


def size_counts(prediction: Map, target: Map, classes: int) -> Int64[np.ndarray, "s c 4"]:
    """By size and class: objects, objects with at least half of their pixels right, their pixels, their right pixels.

    Objects are the connected regions of a class in the target, including diagonal neighbours. Objects that touch in the
    image count as one; an occluded object may count as several. A wrongly predicted pixel belongs to no object, so this
    is recall, not IoU.
    """
    counts = np.zeros((len(SIDES) + 1, classes, 4), np.int64)
    for index in np.unique(target[target != IGNORE]):
        numbers, _ = ndimage.label(target == index, np.ones((3, 3)))
        pixels = np.bincount(numbers.ravel())[1:]
        right = np.bincount(numbers[prediction == index], minlength=len(pixels) + 1)[1:]
        size = np.searchsorted(np.square(SIDES), pixels, side="right")
        for column, amounts in enumerate((np.ones_like(pixels), 2 * right >= pixels, pixels, right)):
            counts[:, index, column] = np.bincount(size, amounts, len(SIDES) + 1).round()
    return counts
