"""Scores of semantic segmentation as pure functions of confusion matrices.

A confusion matrix is int64 (C, C): rows truth, columns prediction, entries pixels. Every function takes any leading
dimensions (..., C, C). To score a split, sum the matrices of its images and divide once; never average images' scores.
A class that occurs neither in the truth nor in the prediction has NaN and is left out of every mean, as in
cityscapesScripts.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, Integer, Shaped
from torch import Tensor

from roadseg.labels import IGNORE

Confusion = Int64[np.ndarray, "*n c c"]
Margins = Int64[np.ndarray, "*n 3 c"] | Float[np.ndarray, "*n 3 c"]


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


def ratio(numerator: np.ndarray | np.number, denominator: np.ndarray | np.number) -> np.ndarray:
    """Shares in float64; NaN where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(denominator > 0, numerator / denominator, np.nan), dtype=np.float64)


def number(value: float | np.ndarray | np.number) -> float | None:
    """A score as JSON has it: None in place of NaN."""
    return None if np.isnan(value) else float(value)


def nanmean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without NaN; NaN where nothing is left."""
    present = ~np.isnan(values)
    return ratio(np.where(present, values, 0).sum(-1), present.sum(-1))


def margins(confusion: Confusion) -> Int64[np.ndarray, "*n 3 c"]:
    """The margins of a confusion matrix, from which all scores follow: correct, true and predicted pixels by class.

    They can be summed like the matrices, and take 3 * C numbers in place of C * C.
    """
    return np.stack([np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1), confusion.sum(-2)], axis=-2)


def _iou(margins: Margins) -> np.ndarray:
    correct, true, predicted = margins[..., 0, :], margins[..., 1, :], margins[..., 2, :]
    return ratio(correct, true + predicted - correct)


def _mean_iou(margins: Margins) -> np.ndarray:
    return nanmean(_iou(margins))


def _recall(margins: Margins) -> np.ndarray:
    return nanmean(ratio(margins[..., 0, :], margins[..., 1, :]))


def _accuracy(margins: Margins) -> np.ndarray:
    return ratio(margins[..., 0, :].sum(-1), margins[..., 1, :].sum(-1))


def _micro_iou(margins: Margins) -> np.ndarray:
    correct, true, predicted = np.moveaxis(margins.sum(-1), -1, 0)
    return ratio(correct, true + predicted - correct)


def _weighted_iou(margins: Margins) -> np.ndarray:
    """As Long et al., CVPR 2015, sec. 5."""
    true = margins[..., 1, :]
    total = true.sum(-1)
    shares = ratio(true, total[..., None])
    return np.where(total > 0, np.where(shares > 0, shares * _iou(margins), 0).sum(-1), np.nan)


class Score(NamedTuple):
    """A score over all classes: as tables call it, what it is in words, and the function from margins (..., 3, C)."""

    title: str
    meaning: str
    of: Callable[[Margins], np.ndarray]


SCORES = {
    "mean_iou": Score(
        "mIoU",
        "mean over the classes of TP / (TP + FP + FN), also called macro IoU; what benchmarks rank by",
        _mean_iou,
    ),
    "micro_iou": Score(
        "micro IoU",
        "sum of TP / sum of (TP + FP + FN); with the pixel accuracy a it is a / (2 - a), so it says no more",
        _micro_iou,
    ),
    "frequency_weighted_iou": Score(
        "freq. weighted IoU",
        "mean of the IoU, weighted by each class's share of the labelled pixels",
        _weighted_iou,
    ),
    "pixel_accuracy": Score(
        "pixel accuracy",
        "share of the labelled pixels whose class is right; guessing the large classes is enough",
        _accuracy,
    ),
    "mean_accuracy": Score(
        "mean accuracy",
        "mean over the classes of TP / (TP + FN): how much of each class is found",
        _recall,
    ),
}
"""The scores of tables, reports and files, by their names in files. A score is one row."""


def scores(margins: Margins) -> Float[np.ndarray, "*n s"]:
    """All of `SCORES`, then the IoU of each class, from margins (or sums of them); NaN for none."""
    return np.concatenate([np.stack([score.of(margins) for score in SCORES.values()], axis=-1), _iou(margins)], axis=-1)


class ByScore(NamedTuple):
    """What belongs to each of `scores`: to those of `SCORES` by name, and to the classes in their order (C, ...)."""

    headline: dict[str, Any]
    per_class: np.ndarray


def by_score(values: Shaped[np.ndarray, " s *k"]) -> ByScore:
    """Values (S, ...) that are in the order of `scores`."""
    return ByScore({name: values[index] for index, name in enumerate(SCORES)}, values[len(SCORES) :])


def in_order(headline: float | np.generic, per_class: Shaped[np.ndarray, " c *k"]) -> Shaped[np.ndarray, " s *k"]:
    """Values (S, ...) in the order of `scores`: the same for all of `SCORES`, and one for each class."""
    return np.concatenate([np.broadcast_to(headline, (len(SCORES), *per_class.shape[1:])), per_class])


def units_of_scores(counts: Margins) -> Int64[np.ndarray, " s"]:
    """For each score of `scores` the number of units that it rests on, from the units' margins (U, 3, C).

    For a class: the units whose truth contains it. For a headline score: the units with any labelled pixel.
    """
    holds = counts[:, 1] > 0
    return in_order(holds.any(-1).sum(), holds.sum(0))


def per_class_iou(confusion: Confusion) -> Float[np.ndarray, "*n c"]:
    """Intersection over union, TP / (TP + FP + FN), for each class; NaN where the class never occurs."""
    return _iou(margins(confusion))


def mean_iou(confusion: Confusion) -> Float[np.ndarray, "*n"]:
    """Mean of the classes' IoU (macro IoU, "mIoU"), over the classes that occur."""
    return _mean_iou(margins(confusion))


def merged(confusion: Confusion, group_of: list[int]) -> Int64[np.ndarray, "*n g g"]:
    """The confusion of groups of classes, for example categories: class i belongs to the group `group_of[i]`."""
    membership = np.eye(max(group_of) + 1, dtype=np.int64)[group_of]
    return np.asarray(np.einsum("...ij,ia,jb->...ab", confusion, membership, membership))
