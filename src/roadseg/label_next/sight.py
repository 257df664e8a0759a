"""What networks make of an image that nobody labelled: how unsure they are, about which classes, and what they see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

CELLS = (4, 8)
"""Rows and columns of the coarse map by which images are compared."""
HALF = 0.5
"""A pixel is called unsure where no class is given this probability: none is likelier than not."""


class Sight(NamedTuple):
    """An image as the networks see it.

    `doubts` is the entropy of the mean probability, as a share of the most there can be (log C), averaged over the
    pixels, and shared out among the classes by their probability, float (C,). `disagreement` is the part of it that the
    networks do not share, their mutual information (Houlsby et al., "Bayesian Active Learning for Classification and
    Preference Learning", 2011), 0 for a single network. `unsure` is the share of pixels that are unsure, `between` the
    share of those that have each class among their two likeliest. `layout` is the mean probability of each class in
    each cell of a coarse map, float (C * rows * columns), which sums up to 1 over the classes of a cell.
    """

    doubts: Float[np.ndarray, " c"]
    disagreement: float
    unsure: float
    between: Float[np.ndarray, " c"]
    layout: Float[np.ndarray, " d"]

    @property
    def doubt(self) -> float:
        """The mean entropy of all classes together."""
        return float(self.doubts.sum())


def sight(probabilities: Sequence[Float[Tensor, "c h w"]]) -> Sight:
    """An image as the networks see it, from the probabilities (C, H, W) that each of them gives: one or more."""
    mean = torch.stack(list(probabilities)).mean(0)
    classes = len(mean)
    alone = [entropy(each) for each in probabilities]
    of_mean = entropy(mean) if len(alone) > 1 else alone[0]
    shared = torch.stack(alone).mean(0)
    most = float(np.log(classes))
    unsure = mean.amax(0) < HALF
    pair = mean[:, unsure].topk(2, dim=0).indices
    between = torch.bincount(pair.flatten(), minlength=classes) / max(int(unsure.sum()), 1)
    return Sight(
        doubts=((mean * of_mean).mean((1, 2)) / most).cpu().numpy(),
        disagreement=max(float((of_mean - shared).mean()) / most, 0.0),
        unsure=float(unsure.float().mean()),
        between=between.cpu().numpy(),
        layout=adaptive_avg_pool2d(mean[None], CELLS)[0].flatten().cpu().numpy(),
    )


def entropy(probabilities: Float[Tensor, "c h w"]) -> Float[Tensor, "h w"]:
    """Entropy of each pixel's probabilities (C, H, W), in nats, (H, W)."""
    found: Tensor = -torch.special.xlogy(probabilities, probabilities).sum(0)
    return found
