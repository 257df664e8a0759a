"""Calibrate a network by a temperature, by which its logits are divided.

Guo et al., On Calibration of Modern Neural Networks (ICML 2017), sec. 4.2. It is fitted on validation images after
training, changes no prediction, and makes all probabilities more or less extreme.
"""

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from scipy.optimize import brentq
from torch import Tensor

from roadseg.labels import IGNORE
from roadseg.models.upsample import Bands, Grid

MOST_VALUES = 2**22
"""Largest number of logits in the fit: 32 MB in float64, or 220,000 pixels with 19 classes."""
RANGE = (0.05, 20.0)
"""Range of temperatures. The ends mean a network that is always right, or no better than chance."""


class Fit(NamedTuple):
    """A temperature, the mean negative log likelihood per pixel without and with it, and of how many pixels."""

    temperature: float
    nll_before: float
    nll_after: float
    pixels: int


def sampled(
    logits: Float[Tensor, "c h w"], grid: Grid, target: UInt8[Tensor, "H W"], most: int, name: str
) -> tuple[Float[Tensor, "most c"], UInt8[Tensor, " most"]]:
    """Logits and classes of labelled pixels of an image, drawn without replacement; always the same for its `name`.

    Where fewer than `most` are labelled, the rest is filled up with ignored ones.
    """
    labelled = np.flatnonzero(target.cpu().numpy() != IGNORE)
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
    drawn = np.random.default_rng(seed).choice(labelled, min(most, len(labelled)), replace=False)
    places = torch.from_numpy(np.sort(drawn)).to(target.device)
    bands = Bands(logits, grid, (target.shape[0], target.shape[1]))
    lines = places // bands.width + bands.above
    found = logits.new_zeros(most, len(logits))
    classes = target.new_full((most,), IGNORE)
    classes[: len(places)] = target.flatten()[places]
    for rows, pixels in bands:
        inside = (lines >= rows.start) & (lines < rows.stop)
        own = (lines[inside] - rows.start) * bands.width + places[inside] % bands.width
        found[: len(places)][inside] = pixels.flatten(1)[:, own].T
    return found, classes


def fit(logits: Float[Tensor, "n c"], target: UInt8[Tensor, " n"]) -> Fit | None:
    """The temperature T with the least negative log likelihood of softmax(logits / T); None without a labelled pixel.

    In b = 1 / T that is convex: with log-sum-exp(b z) - b z[target] the slope is the mean of z expected under
    softmax(b z) less z[target], and never falls. Its zero is found by Brent's method in float64.
    """
    labelled = target != IGNORE
    scores = logits[labelled].double()
    if len(scores) == 0:
        return None
    scores = scores - scores.amax(1, keepdim=True)
    right = scores.gather(1, target[labelled].long()[:, None]).mean().item()

    def slope(sharpness: float) -> float:
        return ((scores * sharpness).softmax(1) * scores).sum(1).mean().item() - right

    def nll(sharpness: float) -> float:
        return (scores * sharpness).logsumexp(1).mean().item() - sharpness * right

    low, high = 1 / RANGE[1], 1 / RANGE[0]
    if slope(low) >= 0:
        best = low
    elif slope(high) <= 0:
        best = high
    else:
        best = float(brentq(slope, low, high, xtol=1e-10))
    return Fit(1 / best, nll(1.0), nll(best), len(scores))
