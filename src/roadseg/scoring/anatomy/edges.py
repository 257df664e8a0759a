"""Counts near boundaries.

Distances are those of `scoring.boundary`, in squares. All functions take class indices uint8 (H, W) in which ignored
pixels are `IGNORE` in both maps, and the distances of both, 0 where ignored.
"""

import numpy as np
from jaxtyping import Int64, UInt8

from roadseg.labels import IGNORE
from roadseg.scoring.boundary import spread

Map = UInt8[np.ndarray, "h w"]

BANDS = ("1", "2–3", "4–7", "8–15", "16–31", "32+")
"""Distances in pixels, each band twice as wide as the one before."""
NEAR = 7
"""`pair` counts pixels at most this far from another class: the three innermost bands."""
IOU_SHARES = (0.005, 0.02)
"""Widths of the zone of boundary IoU, as shares of the diagonal: for large and small images (Cheng et al., 2021)."""
F_SHARE = 0.0075
"""Tolerance of the boundary F-score as a share of the diagonal (Csurka et al., BMVC 2013)."""
F_PIXELS = 2
"""Tolerance of the boundary F-score in pixels."""


def band_of(distance: Map) -> Map:
    """The number of each pixel's band; `IGNORE` where ignored."""
    bands = np.minimum(np.log2(np.maximum(np.arange(256), 1)).astype(np.uint8), len(BANDS) - 1)
    bands[0] = IGNORE
    return np.asarray(bands[distance])


def from_frame(size: tuple[int, ...]) -> Map:
    """Pixels from each pixel to the outside of the image: 1 at the frame, at most 255."""
    rows, columns = (np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)).clip(max=255) for n in size)
    return np.asarray(np.minimum(rows[:, None], columns).astype(np.uint8))


def boundary_iou_counts(
    prediction: Map, target: Map, distance_predicted: Map, distance: Map, width: int, classes: int
) -> Int64[np.ndarray, "c 3"]:
    """For each class its pixels at most `width` from its own border: of both maps, of the target, of the prediction.

    Boundary IoU is both / (target + prediction - both) (Cheng et al., CVPR 2021, eq. 3). As in the authors' program the
    image's frame is a border too.
    """
    frame = from_frame(target.shape) <= width
    true = (target != IGNORE) & ((distance <= width) | frame)
    predicted = (target != IGNORE) & ((distance_predicted <= width) | frame)
    both = true & predicted & (prediction == target)
    return np.stack([_by_class(target[both], classes), _by_class(target[true], classes),
                     _by_class(prediction[predicted], classes)], axis=1)  # fmt: skip


def boundary_f_counts(
    prediction: Map, target: Map, distance_predicted: Map, distance: Map, tolerance: int, classes: int
) -> Int64[np.ndarray, "c 4"]:
    """For each class: boundary pixels of the target, and those matched by the prediction (recall); boundary pixels of
    the prediction, and those matched by the target (precision).

    A boundary pixel is next to another class. It is matched by a boundary pixel of its class in the other map, at most
    `tolerance` pixels away (Csurka et al., BMVC 2013, sec. 3.2; they average over images, here counts are summed).
    """
    true, predicted = distance == 1, distance_predicted == 1
    return np.concatenate(
        [_met(target, true, prediction, predicted, tolerance, classes),
         _met(prediction, predicted, target, true, tolerance, classes)], axis=1,
    )  # fmt: skip


def _met(
    indices: Map, edge: np.ndarray, other: Map, other_edge: np.ndarray, tolerance: int, classes: int
) -> np.ndarray:
    """Boundary pixels of each class (C, 2): all, and those matched by the other map's boundary of that class."""
    own = indices[edge]
    met = np.zeros(len(own), bool)
    for first in range(0, classes, 32):
        nearby = spread(_bits(np.where(other_edge, other, IGNORE), first), tolerance)[edge]
        met |= _has(nearby, own, first)
    return np.stack([_by_class(own, classes), _by_class(own[met], classes)], axis=1)


def pair_counts(prediction: Map, target: Map, distance: Map, near: int, classes: int) -> Int64[np.ndarray, "2 c c"]:
    """Pixels of class a (row) at most `near` from class b (column), and how many of them are predicted as b."""
    close = (distance > 0) & (distance <= near)
    own, called = target[close], prediction[close]
    pairs = np.zeros((2, classes, classes), np.int64)
    for first in range(0, classes, 32):
        nearby = spread(_bits(target, first), near)[close]
        for index in range(first, min(first + 32, classes)):
            pairs[0, :, index] = _by_class(own[(nearby >> np.uint32(index - first)) & np.uint32(1) == 1], classes)
        gone = _has(nearby, called, first)
        cells = own[gone].astype(np.int64) * classes + called[gone]
        pairs[1] += np.bincount(cells, minlength=classes * classes).reshape(classes, classes)
    for plane in pairs:
        np.fill_diagonal(plane, 0)
    return pairs


def _bits(indices: np.ndarray, first: int) -> np.ndarray:
    """One bit for each of 32 classes from `first` on, uint32 (H, W); none for the others."""
    table = np.zeros(256, np.uint32)
    count = min(32, IGNORE - first)
    table[first : first + count] = np.uint32(1) << np.arange(count, dtype=np.uint32)
    return np.asarray(table[indices])


def _has(sets: np.ndarray, indices: np.ndarray, first: int) -> np.ndarray:
    """Whether each set holds the class at its side."""
    return np.asarray(sets & _bits(indices, first)) > 0


def _by_class(indices: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(indices, minlength=classes)[:classes].astype(np.int64)
