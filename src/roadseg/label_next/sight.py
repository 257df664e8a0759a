"""What networks make of an image that nobody labelled: how unsure they are, about which classes, what it is like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

TWO_THIRDS = 2 / 3
"""A pixel is called unsure where no class is given this probability: none is twice as likely as all others together."""


class Sight(NamedTuple):
    """An image as the networks see it.

    `doubts` is the entropy of the mean probability, as a share of the most there can be (log C), averaged over the
    pixels, and shared out among the classes by their probability, float (C,). `disagreement` is the part of it that the
    networks do not share, their mutual information (Houlsby et al., "Bayesian Active Learning for Classification and
    Preference Learning", 2011), 0 for a single network. `unsure` is the share of pixels that are unsure, `between` the
    share of those that have each class among their two likeliest. `features` are the means of what the networks' trunks
    make of it, one after the other, together of length 1.
    """

    doubts: Float[np.ndarray, " c"]
    disagreement: float
    unsure: float
    between: Float[np.ndarray, " c"]
    features: Float[np.ndarray, " d"]

    @property
    def doubt(self) -> float:
        """The mean entropy of all classes together."""
        return float(self.doubts.sum())


def sight(probabilities: Sequence[Float[Tensor, "c h w"]], features: Sequence[Tensor]) -> Sight:
    """An image from the probabilities (C, H, W) and the features (K,) of each network: one or more."""
    mean = torch.stack(list(probabilities)).mean(0)
    classes = len(mean)
    alone = [entropy(each) for each in probabilities]
    of_mean = entropy(mean) if len(alone) > 1 else alone[0]
    shared = torch.stack(alone).mean(0)
    most = float(np.log(classes))
    unsure = mean.amax(0) < TWO_THIRDS
    pair = mean[:, unsure].topk(2, dim=0).indices
    between = torch.bincount(pair.flatten(), minlength=classes) / max(int(unsure.sum()), 1)
    scaled = [nn.functional.normalize(each.double(), dim=0) for each in features]
    return Sight(
        doubts=((mean * of_mean).mean((1, 2)) / most).cpu().numpy(),
        disagreement=max(float((of_mean - shared).mean()) / most, 0.0),
        unsure=float(unsure.float().mean()),
        between=between.cpu().numpy(),
        features=(torch.cat(scaled) / len(scaled) ** 0.5).cpu().numpy(),
    )


def entropy(probabilities: Float[Tensor, "c h w"]) -> Float[Tensor, "h w"]:
    """Entropy of each pixel's probabilities (C, H, W), in nats, (H, W)."""
    found: Tensor = -torch.special.xlogy(probabilities, probabilities).sum(0)
    return found


@contextmanager
def trunk_features(network: nn.Module) -> Iterator[list[Tensor]]:
    """While it lasts, the list holds what a network's trunk made of the last image: means over the image, (K,).

    They are the last activations of the trunk's last block, never negative, taken while the network predicts, so that
    no layer is computed twice.
    """
    blocks = network.get_submodule("trunk.blocks")
    last = [layer for layer in blocks[-1].modules() if isinstance(layer, nn.ReLU)][-1]  # type: ignore[index]
    kept: list[Tensor] = []

    def keep(layer: nn.Module, inputs: object, activations: Tensor) -> None:
        kept[:] = [activations[0].float().mean((1, 2))]

    handle = last.register_forward_hook(keep)
    try:
        yield kept
    finally:
        handle.remove()
