"""Scores from the counts of `roadseg.scoring.anatomy`, summed over images; NaN where nothing was counted.

All functions take any leading dimensions.
"""

import numpy as np
from jaxtyping import Float, Int64

from roadseg.scoring.metrics import nanmean, ratio


def boundary_iou(counts: Int64[np.ndarray, "*n c 3"]) -> Float[np.ndarray, "*n c"]:
    """Boundary IoU of each class: both / (target + prediction - both)."""
    both, true, predicted = np.moveaxis(counts, -1, 0)
    return ratio(both, true + predicted - both)


def boundary_f(counts: Int64[np.ndarray, "*n c 4"]) -> Float[np.ndarray, "*n c"]:
    """Boundary F-score of each class: 2 P R / (P + R) with precision P and recall R; NaN for one without a boundary.

    A class with a boundary in only one of the two maps has 0.
    """
    true, found, predicted, right = np.moveaxis(counts, -1, 0)
    recall, precision = found / np.maximum(true, 1), right / np.maximum(predicted, 1)
    score = 2 * recall * precision / np.maximum(recall + precision, 1e-12)
    return np.where(true + predicted > 0, score, np.nan)


def size_recall(counts: Int64[np.ndarray, "*n c 4"]) -> Float[np.ndarray, "*n"]:
    """Mean over the classes of the share of their objects' pixels that are right."""
    return nanmean(ratio(counts[..., 3], counts[..., 2]))


def share_called(pairs: Int64[np.ndarray, "*n 2 c c"]) -> Float[np.ndarray, "*n c c"]:
    """Of the pixels of a class (row) near another (column), the share that is called the other."""
    return ratio(pairs[..., 1, :, :], pairs[..., 0, :, :])
