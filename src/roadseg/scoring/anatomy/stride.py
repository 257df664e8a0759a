"""What coarse logits can represent: the truth, reduced to a network's stride and upsampled as the network does.

The coarse scores minimise the squared error between their bilinear upsampling and the one-hot truth. `upsample` and the
maximum turn them into a prediction, so a network of that stride can be this good. It may even be better: gradient
descent on the coarse logits of one image gains several points more (benchmarks/stride_reach.py). The result is thus a
lower bound of what the stride allows.
"""

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
    """Confusions of the truth with its reduced form for each of `STRIDES`; `input_size` is the network's."""
    truth = torch.from_numpy(np.ascontiguousarray(target))
    maps = one_hot(truth, classes)
    size = (target.shape[0], target.shape[1])
    found = [reached(coarse_scores(maps, stride, input_size), stride, input_size, size) for stride in STRIDES]
    return np.stack([confusion_matrix(classes_of, truth, classes).numpy() for classes_of in found])


def one_hot(target: UInt8[Tensor, "h w"], classes: int) -> Float[Tensor, "c h w"]:
    """1 at a pixel's class and 0 elsewhere; 0 for all classes at an ignored pixel."""
    indices = torch.where(target == IGNORE, classes, target.int()).long()
    return torch.zeros(classes + 1, *target.shape).scatter_(0, indices[None], 1.0)[:classes]


def coarse_scores(
    maps: Float[Tensor, "c h w"], stride: int, input_size: tuple[int, int]
) -> Float[Tensor, "c rows columns"]:
    """Scores on the grid of a network of this stride whose upsampling is closest to the maps, in least squares.

    Upsampling acts on rows and columns separately, and so does its pseudo-inverse.
    """
    rows = _reduction(input_size[0], stride, maps.shape[1])
    columns = _reduction(input_size[1], stride, maps.shape[2])
    return rows @ (maps @ columns.T)


def reached(
    scores: Float[Tensor, "c rows columns"], stride: int, input_size: tuple[int, int], size: tuple[int, int]
) -> UInt8[Tensor, "h w"]:
    """The predicted classes (H, W) for labels of `size`, from coarse scores as in evaluation."""
    if input_size == size:
        return upsampled_classes(scores[None].contiguous(), Grid(stride), size)[0]
    return upsampled_classes(upsample(scores[None], Grid(stride), input_size, size), Grid(1), size)[0]


@lru_cache(maxsize=64)
def _reduction(input_size: int, stride: int, length: int) -> Tensor:
    """The pseudo-inverse (n, length) of upsampling a line of n coarse scores."""
    cells = torch.eye(-(-input_size // stride), dtype=torch.float64)[None, :, :, None]
    enlarging = upsample(cells, Grid(stride), (input_size, 1), (length, 1))[0, :, :, 0].T
    reduction: Tensor = torch.linalg.pinv(enlarging)
    return reduction.float()
