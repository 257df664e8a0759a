"""How far each pixel is from the next class.

Distances are counted in squares, as the 3x3 erosions of Boundary IoU do (Cheng et al., CVPR 2021): the larger of the
offsets in rows and in columns. Two classes side by side are 1 apart.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from roadseg.labels import IGNORE

CAP = 32


def distance_to_other_class(indices: UInt8[np.ndarray, "h w"], cap: int = CAP) -> UInt8[np.ndarray, "h w"]:
    """Pixels from each labelled pixel to the nearest one of another class: 1 beside it, at most `cap` (up to 255).

    Args:
        indices: class indices (H, W), or `IGNORE`.
        cap: what is as far away or farther gets this value.

    An ignored pixel gets 0 and is no class: where a class ends at ignored pixels there is no boundary, and what counts
    is the labelled pixel of another class beyond them. Nor is the image's frame a boundary.
    """
    assert 1 <= cap <= 255
    ignored = indices == IGNORE
    # Least and greatest class in a growing square around each pixel: they differ once it holds another class.
    least, greatest = indices.copy(), np.where(ignored, 0, indices).astype(np.uint8)
    distance = np.ones_like(indices)
    for _ in range(1, cap):
        _grow(least, np.minimum)
        _grow(greatest, np.maximum)
        distance += least >= greatest
    distance[ignored] = 0
    return distance


def _grow(values: UInt8[np.ndarray, "h w"], extreme: np.ufunc) -> None:
    """Each value becomes the extreme one of the 3x3 pixels around it."""
    for lines in (values, values.T):
        before = lines.copy()
        extreme(lines[1:], before[:-1], out=lines[1:])
        extreme(lines[:-1], before[1:], out=lines[:-1])
