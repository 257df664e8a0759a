"""Measure what smoothing leaves in a label: pixels whose value lies between those of two neighbours."""

import numpy as np

FEWEST_STEPS = 100
"""Least number of steps for which `share_between` is measured."""


def lies_between(values: np.ndarray) -> np.ndarray:
    """Whether a pixel's value lies strictly between those of its left and right, or upper and lower, neighbours.

    `values` (H, W) ids or (H, W, 3) colours; bool (H, W). Of a colour, no channel may lie outside, and at least
    one must differ from each neighbour's.
    """
    channels = values[..., None] if values.ndim == 2 else values
    found = np.zeros(values.shape[:2], bool)
    found[:, 1:-1] |= _between(channels[:, :-2], channels[:, 1:-1], channels[:, 2:])
    found[1:-1] |= _between(channels[:-2], channels[1:-1], channels[2:])
    return found


def _between(first: np.ndarray, middle: np.ndarray, last: np.ndarray) -> np.ndarray:
    inside = ((first <= middle) & (middle <= last)) | ((last <= middle) & (middle <= first))
    result: np.ndarray = inside.all(-1) & (first != middle).any(-1) & (middle != last).any(-1)
    return result


def steps(values: np.ndarray) -> int:
    """Neighbouring pixels, sideways and downwards, whose values differ."""
    channels = values[..., None] if values.ndim == 2 else values
    sideways = (channels[:, 1:] != channels[:, :-1]).any(-1).sum()
    return int(sideways + (channels[1:] != channels[:-1]).any(-1).sum())


def share_between(values: np.ndarray) -> float:
    """Pixels that lie between two neighbours, per step from value to value; 0 with fewer than `FEWEST_STEPS` steps."""
    total = steps(values)
    return float(lies_between(values).sum()) / total if total >= FEWEST_STEPS else 0.0
