"""Scores of semantic segmentation as pure functions of confusion matrices.

A confusion matrix is int64 (C, C): rows truth, columns prediction, entries pixels. Every function takes any leading
dimensions (..., C, C). To score a split, sum the matrices of its images and divide once; never average images' scores.
A class that occurs neither in the truth nor in the prediction has NaN and is left out of every mean, as in
cityscapesScripts.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64, Integer
from torch import Tensor

from roadseg.labels import IGNORE

Confusion = Int64[np.ndarray, "*n c c"]


def confusion_matrix(
    prediction: Integer[Tensor, "*shape"], target: Integer[Tensor, "*shape"], classes: int
) -> Int64[Tensor, "c c"]:
    """Counts of (truth, prediction) over the pixels whose target is not `IGNORE`, int64 (C, C), on the inputs' device.

    The caller sees to it that both hold class indices there, 0 to C-1: a network's maximum and `read_target` do.
    Fastest with bytes.
    """
    # One count for each pair of bytes, then a look at the counts: several times as fast as looking at the pixels first.
    cells = _bytes(target, IGNORE - 1).to(torch.int32) * 256 + _bytes(prediction, IGNORE)
    counts = torch.bincount(cells.flatten(), minlength=256 * 256).reshape(256, 256)
    confusion = counts[:classes, :classes]
    if confusion.sum() + counts[IGNORE].sum() != target.numel():
        beyond = (target != IGNORE) & ((prediction < 0) | (prediction >= classes))
        assert not beyond.any(), f"prediction {prediction[beyond][0].item()} is not a class index (0-{classes - 1})"
        raise AssertionError(f"a target is not 0-{classes - 1} or {IGNORE}")
    return confusion


def _bytes(indices: Tensor, no_class: int) -> Tensor:
    """Indices as uint8; what does not fit becomes `no_class`."""
    if indices.dtype == torch.uint8:
        return indices
    return torch.where((indices < 0) | (indices > IGNORE), no_class, indices).to(torch.uint8)


def _ratio(numerator: np.ndarray | np.number, denominator: np.ndarray | np.number) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(denominator > 0, numerator / denominator, np.nan), dtype=np.float64)


def _nanmean(values: np.ndarray) -> np.ndarray:
    present = ~np.isnan(values)
    return _ratio(np.where(present, values, 0).sum(-1), present.sum(-1))


def _correct(confusion: Confusion) -> np.ndarray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def per_class_iou(confusion: Confusion) -> Float[np.ndarray, "*n c"]:
    """Intersection over union, TP / (TP + FP + FN), for each class; NaN where the class never occurs."""
    correct = _correct(confusion)
    return _ratio(correct, confusion.sum(-1) + confusion.sum(-2) - correct)


def per_class_accuracy(confusion: Confusion) -> Float[np.ndarray, "*n c"]:
    """Recall, TP / (TP + FN), for each class; NaN where the truth does not hold it."""
    return _ratio(_correct(confusion), confusion.sum(-1))


def mean_iou(confusion: Confusion) -> Float[np.ndarray, "*n"]:
    """Mean of the classes' IoU (macro IoU, "mIoU"), over the classes that occur."""
    return _nanmean(per_class_iou(confusion))


def mean_accuracy(confusion: Confusion) -> Float[np.ndarray, "*n"]:
    """Mean of the classes' recall, over the classes that the truth holds."""
    return _nanmean(per_class_accuracy(confusion))


def pixel_accuracy(confusion: Confusion) -> Float[np.ndarray, "*n"]:
    """Share a of the pixels whose class is right."""
    return _ratio(_correct(confusion).sum(-1), confusion.sum((-2, -1)))


def micro_iou(confusion: Confusion) -> Float[np.ndarray, "*n"]:
    """IoU of all classes' pixels pooled, sum TP / sum (TP + FP + FN) = a / (2 - a) with the pixel accuracy a."""
    correct, total = _correct(confusion).sum(-1), confusion.sum((-2, -1))
    return _ratio(correct, 2 * total - correct)


def frequency_weighted_iou(confusion: Confusion) -> Float[np.ndarray, "*n"]:
    """Sum over the classes of their share of the true pixels times their IoU (Long et al., CVPR 2015, sec. 5)."""
    shares = _ratio(confusion.sum(-1), confusion.sum((-2, -1))[..., None])
    weighted = np.where(shares > 0, shares * per_class_iou(confusion), 0).sum(-1)
    return np.where(confusion.sum((-2, -1)) > 0, weighted, np.nan)


def merged(confusion: Confusion, group_of: list[int]) -> Int64[np.ndarray, "*n g g"]:
    """The confusion of groups of classes, for example categories: class i belongs to the group `group_of[i]`."""
    membership = np.eye(max(group_of) + 1, dtype=np.int64)[group_of]
    return np.asarray(np.einsum("...ij,ia,jb->...ab", confusion, membership, membership))
