"""What coarse logits can say: the truth, reduced to a network's stride and brought back by the network's own way.

The coarse scores are those whose bilinear enlargement comes closest, in least squares, to the truth as one map of 0 and
1 for each class; `upsample` and the maximum make them a prediction. A network of that stride could therefore be this
good. It is not the best that the stride allows: gradient descent finds coarse logits for a given image that are better
by several points (benchmarks/stride_reach.py), so it is a lower bound of the limit and not the limit.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from roadseg.labels import IGNORE
from roadseg.models.upsample import Grid, upsample, upsampled_classes
from roadseg.scoring.metrics import confusion_matrix

STRIDES = (8, 16, 32)


def reached_confusions(
    target: UInt8[np.ndarray, "h w"], classes: int, input_size: tuple[int, int]
) -> Int64[np.ndarray, "strides c c"]:
    """Confusions of the truth with what is left of it, for each of `STRIDES`; the network sees images so large."""
    truth = torch.from_numpy(np.ascontiguousarray(target))
    maps = one_hot(truth, classes)
    size = (target.shape[0], target.shape[1])
    found = [reached(coarse_scores(maps, stride, input_size), stride, input_size, size) for stride in STRIDES]
    return np.stack([confusion_matrix(classes_of, truth, classes).numpy() for classes_of in found])


def one_hot(target: UInt8[Tensor, "h w"], classes: int) -> Float[Tensor, "c h w"]:
    """1 at a pixel's class and 0 elsewhere; an ignored pixel is for no class."""
    indices = torch.where(target == IGNORE, classes, target.int()).long()
    return torch.zeros(classes + 1, *target.shape).scatter_(0, indices[None], 1.0)[:classes]


def coarse_scores(
    maps: Float[Tensor, "c h w"], stride: int, input_size: tuple[int, int]
) -> Float[Tensor, "c rows columns"]:
    """Scores on the grid of a network of this stride, whose enlargement to the maps' size is closest to them.

    Enlarging acts on rows and columns one after the other, so its pseudo-inverse does too.
    """
    rows = _reduction(input_size[0], stride, maps.shape[1])
    columns = _reduction(input_size[1], stride, maps.shape[2])
    return rows @ (maps @ columns.T)


def reached(
    scores: Float[Tensor, "c rows columns"], stride: int, input_size: tuple[int, int], size: tuple[int, int]
) -> UInt8[Tensor, "h w"]:
    """The classes that evaluation makes of such scores for labels of `size`."""
    if input_size == size:
        return upsampled_classes(scores[None].contiguous(), Grid(stride), size)[0]
    return upsampled_classes(upsample(scores[None], Grid(stride), input_size, size), Grid(1), size)[0]


@lru_cache(maxsize=64)
def _reduction(input_size: int, stride: int, length: int) -> Tensor:
    """The pseudo-inverse (n, length) of enlarging n coarse scores of a line."""
    cells = torch.eye(-(-input_size // stride), dtype=torch.float64)[None, :, :, None]
    enlarging = upsample(cells, Grid(stride), (input_size, 1), (length, 1))[0, :, :, 0].T
    reduction: Tensor = torch.linalg.pinv(enlarging)
    return reduction.float()
