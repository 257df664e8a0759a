"""Distance of each pixel to the nearest other class.

Distances are counted in squares, as the 3x3 erosions of Boundary IoU do (Cheng et al., CVPR 2021): the larger of the
offsets in rows and in columns. Two classes side by side are 1 apart.
"""

import numpy as np
from jaxtyping import UInt, UInt8, UInt32

from roadseg.labels import IGNORE

CAP = 32


def distance_to_other_class(indices: UInt8[np.ndarray, "h w"], cap: int = CAP) -> UInt8[np.ndarray, "h w"]:
    """Pixels from each labelled pixel to the nearest one of another class: 1 beside it, at most `cap` (up to 255).

    Args:
        indices: class indices (H, W), or `IGNORE`.
        cap: larger distances get this value.

    An ignored pixel gets 0. It is no class: where a class ends at ignored pixels there is no boundary, and the distance
    is that to another class beyond them. The image's frame is no boundary either.
    """
    assert 1 <= cap <= 255
    ignored = indices == IGNORE
    # Least and greatest class in a growing square around each pixel: they differ once it holds another class.
    least, greatest = _framed(indices, 255), _framed(np.where(ignored, 0, indices), 0)
    distance = np.ones_like(least)
    for _ in range(1, cap):
        least, greatest = _grown(least, np.minimum, 255), _grown(greatest, np.maximum, 0)
        distance += least >= greatest
    distance = distance[:-1, :-1].copy()
    distance[ignored] = 0
    return distance


def spread(sets: UInt32[np.ndarray, "h w"], radius: int) -> UInt32[np.ndarray, "h w"]:
    """For each pixel the union of the sets of all pixels at most `radius` away; sets are coded as bits."""
    framed = np.pad(sets, ((0, 1), (0, 1)))
    for _ in range(radius):
        framed = _grown(framed, np.bitwise_or, 0)
    return framed[:-1, :-1]


def _framed(values: np.ndarray, neutral: int) -> UInt8[np.ndarray, "h1 w1"]:
    """The values with one more row below and column to the right, which separate the lines in memory."""
    return np.pad(values.astype(np.uint8), ((0, 1), (0, 1)), constant_values=neutral)


def _grown(framed: UInt[np.ndarray, "h1 w1"], extreme: np.ufunc, neutral: int) -> UInt[np.ndarray, "h1 w1"]:
    """For each value the extreme one of the 3x3 around it.

    Lines are contiguous in memory, so a shift of the whole array by 1 or by a line is the fastest way.
    """
    for step in (1, framed.shape[1]):
        flat = framed.reshape(-1)
        pairs = extreme(flat[step:], flat[:-step])
        threes = np.empty_like(flat)
        extreme(pairs[step:], pairs[:-step], out=threes[step:-step])
        threes[:step], threes[-step:] = pairs[:step], pairs[-step:]
        framed = threes.reshape(framed.shape)
        framed[-1], framed[:, -1] = neutral, neutral
    return framed
