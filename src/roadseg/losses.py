"""Pixel-wise cross entropy as a sum and its divisor, so that batches, accumulation and processes add up exactly."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from roadseg.labels import IGNORE


def cross_entropy_sum(
    logits: Float[Tensor, "b c h w"], targets: Int64[Tensor, "b h w"], class_weights: Float[Tensor, " c"] | None = None
) -> Float[Tensor, ""]:
    """Sum over the pixels of -weight[target] * log softmax(logits)[target]; ignored pixels count nothing.

    Half precision is summed in float32.
    """
    logits = logits if logits.dtype == torch.float64 else logits.float()
    weights = None if class_weights is None else class_weights.to(logits.dtype)
    return F.cross_entropy(logits, targets, weights, ignore_index=IGNORE, reduction="sum")


def target_weight(
    targets: Int64[Tensor, "b h w"], class_weights: Float[Tensor, " c"] | None = None
) -> Float[Tensor, ""]:
    """What the sum is divided by: the number of pixels that are not ignored, or the sum of their classes' weights."""
    known = targets != IGNORE
    if class_weights is None:
        return known.sum().float()
    return class_weights[targets[known]].sum()


def cross_entropy(
    logits: Float[Tensor, "b c h w"], targets: Int64[Tensor, "b h w"], class_weights: Float[Tensor, " c"] | None = None
) -> Float[Tensor, ""]:
    """Weighted mean over the pixels that are not ignored; 0 (never NaN) where all are."""
    weight = target_weight(targets, class_weights)
    return cross_entropy_sum(logits, targets, class_weights) / weight.clamp(min=torch.finfo(weight.dtype).tiny)


def log_class_weights(shares: Float[Tensor, " c"]) -> Float[Tensor, " c"]:
    """1 / log(1.1 + share) for each class, float32 (C,): 10.5 for a class that is never seen, 1.3 for one that is all.

    The bounded weighting of Paszke et al. (ENet, 2016) with c = 1.1.
    """
    return (1 / torch.log(1.1 + shares.double())).float()
