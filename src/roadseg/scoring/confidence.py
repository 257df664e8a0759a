"""Confidence of each pixel, and how often predictions of that confidence are right.

A pixel's confidence is the probability of its predicted class, the largest softmax value. `count` puts the pixels of an
image into narrow bins of it; counts of images add up, and calibration error, reliability, risk and coverage, and
thresholds all follow from their sums. All labelled pixels have the same weight, as in the pixel accuracy.

Counts are int64 (..., 2, 2, 3, BINS) by
  calibration  0: the network's own confidence, 1: after division by a temperature (temperature.py)
  region       0: inside objects, 1: at most `NEAR` pixels from another class of the labels
  what         `WRONG` pixels, `RIGHT` pixels, and `CONFIDENCE`, the sum of their confidences in units of 1 / `UNIT`
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, Shaped, UInt8
from torch import Tensor

from roadseg.labels import IGNORE
from roadseg.scoring.metrics import ratio

NEAR = 4
"""Pixels at most this far from another class are at a boundary. Neighbours of that class have distance 1."""
EQUAL_BINS = 15
"""Bins of equal width for calibration error and reliability diagrams, as in Guo et al. (ICML 2017, sec. 4)."""

WRONG, RIGHT, CONFIDENCE = range(3)
AS_SAID, CALIBRATED = range(2)

LEVELS = 2**16
UNIT = 2 * LEVELS
"""A confidence is rounded down to one of `LEVELS` steps. Sums take the middle of the step, in units of 1 / `UNIT`."""


def _starts() -> Int64[np.ndarray, " bins"]:
    """The lowest level of each bin: steps of 1/60 up to 0.95, then ever finer ones, where most pixels are."""
    even = np.arange(57) / 60
    fine = 1 - 0.05 * 0.01 ** (np.arange(60) / 59)
    return np.asarray(np.rint(LEVELS * np.concatenate([even, fine])), np.int64)


STARTS = _starts()
BINS = len(STARTS)
LOWEST = STARTS / LEVELS
"""The lowest confidence in each bin."""
_MERGED = np.searchsorted(STARTS, np.rint(LEVELS * np.arange(EQUAL_BINS) / EQUAL_BINS))

Counts = Int64[np.ndarray, "*n 3 bins"]


class Threshold(NamedTuple):
    """Pixels with at least this confidence were right at the rate `right`; they are the share `coverage` of all."""

    confidence: float
    coverage: float
    right: float


def count(
    confidences: Float[Tensor, "2 H W"],
    prediction: UInt8[Tensor, "H W"],
    target: UInt8[Tensor, "H W"],
    at_boundary: Bool[Tensor, "H W"],
) -> Int64[np.ndarray, "2 2 3 bins"]:
    """The counts of one image from its confidence, as the network says it and after the temperature.

    `at_boundary` marks its pixels at most `NEAR` from another class.
    """
    group = torch.where(target == IGNORE, 4, 2 * at_boundary.to(torch.int32) + (prediction == target)) * LEVELS
    return np.stack([_binned(group, values) for values in confidences])


def _binned(group: Shaped[Tensor, "H W"], values: Float[Tensor, "H W"]) -> Int64[np.ndarray, "2 3 bins"]:
    level = (values * LEVELS).to(torch.int32).clamp_(0, LEVELS - 1)
    found = torch.bincount((group + level).flatten(), minlength=5 * LEVELS)[: 4 * LEVELS].cpu().numpy()
    levels = found.reshape(2, 2, LEVELS)
    sums = levels.sum(1, keepdims=True) * np.arange(1, UNIT, 2)
    return np.asarray(np.add.reduceat(np.concatenate([levels, sums], 1), STARTS, axis=-1))


def regions(counts: Int64[np.ndarray, "*n 2 3 bins"]) -> dict[str, Counts]:
    """The counts of all pixels, of those inside objects and of those at boundaries, int64 (..., 3, BINS)."""
    return {"all": counts.sum(-3), "inside": counts[..., 0, :, :], "boundary": counts[..., 1, :, :]}


def merged(counts: Counts) -> Int64[np.ndarray, "*n 3 15"]:
    """The counts in `EQUAL_BINS` bins of equal width."""
    return np.asarray(np.add.reduceat(counts, _MERGED, axis=-1))


def calibration_error(counts: Int64[np.ndarray, "*n 3 b"]) -> Float[np.ndarray, "*n"]:
    """Expected calibration error of counts in equal bins: |share that is right - mean confidence|, over the pixels.

    Naeini et al. (AAAI 2015); NaN without pixels. It depends on the bins: pass `merged` counts.
    """
    gaps = np.abs(counts[..., RIGHT, :] - counts[..., CONFIDENCE, :] / UNIT).sum(-1)
    return ratio(gaps, _pixels(counts).sum(-1))


def accuracy(counts: Int64[np.ndarray, "*n 3 b"]) -> Float[np.ndarray, "*n"]:
    """Share of the pixels that are right."""
    return ratio(counts[..., RIGHT, :].sum(-1), _pixels(counts).sum(-1))


def mean_confidence(counts: Int64[np.ndarray, "*n 3 b"]) -> Float[np.ndarray, "*n"]:
    """Mean confidence of the pixels; a network whose mean is above its accuracy is overconfident."""
    return ratio(counts[..., CONFIDENCE, :].sum(-1) / UNIT, _pixels(counts).sum(-1))


def reliability(counts: Int64[np.ndarray, "3 b"]) -> Float[np.ndarray, "3 b"]:
    """Of each bin its mean confidence, its share of right pixels (NaN without any) and its share of all pixels."""
    pixels = _pixels(counts)
    right = ratio(counts[RIGHT], pixels)
    return np.stack([ratio(counts[CONFIDENCE] / UNIT, pixels), right, ratio(pixels, pixels.sum())])


def risk_coverage(counts: Counts) -> tuple[Float[np.ndarray, "*n bins"], Float[np.ndarray, "*n bins"]]:
    """Coverage and risk when the pixels from the i-th bin up are kept: their share of all, and their share of errors.

    El-Yaniv and Wiener (JMLR 2010), Geifman and El-Yaniv (NeurIPS 2017). The risk of nothing is NaN.
    """
    kept = _from_above(_pixels(counts))
    return ratio(kept, kept[..., :1]), ratio(_from_above(counts[..., WRONG, :]), kept)


def area_under_risk_coverage(counts: Counts) -> Float[np.ndarray, "*n"]:
    """AURC: mean risk over all coverages (Geifman et al., ICLR 2019), with the pixels of a bin in random order.

    Let a bin have m pixels with error rate r, and the bins above it n pixels with e errors. With t pixels of the bin
    kept, the risk is (e + r t) / (n + t). Its integral over t is r m + (e - r n) log(1 + m / n).
    """
    own, wrong = _pixels(counts), counts[..., WRONG, :]
    surer, errors = _from_above(own) - own, _from_above(wrong) - wrong
    rate = np.where(own > 0, wrong / np.maximum(own, 1), 0.0)
    bend = np.where(surer > 0, (errors - rate * surer) * np.log1p(own / np.maximum(surer, 1)), 0.0)
    return ratio((rate * own + bend).sum(-1), own.sum(-1))


def threshold(counts: Int64[np.ndarray, "3 bins"], level: float) -> Threshold | None:
    """The lowest bin from which on at least the share `level` of the pixels is right; None where there is none."""
    coverage, risk = risk_coverage(counts)
    good = np.flatnonzero(risk <= 1 - level + 1e-12)
    if len(good) == 0:
        return None
    first = good[0]
    return Threshold(float(LOWEST[first]), float(coverage[first]), float(1 - risk[first]))


def kept(counts: Counts, confidence: float | None) -> Int64[np.ndarray, "*n 3"]:
    """Wrong and right pixels with at least this confidence (a bin's lowest; None: above all), and the number of all."""
    start = BINS if confidence is None else int(np.searchsorted(LOWEST, confidence - 1e-9))
    above = counts[..., start:]
    return np.stack([above[..., WRONG, :].sum(-1), above[..., RIGHT, :].sum(-1), _pixels(counts).sum(-1)], -1)


def _pixels(counts: np.ndarray) -> np.ndarray:
    return np.asarray(counts[..., WRONG, :] + counts[..., RIGHT, :])


def _from_above(values: np.ndarray) -> np.ndarray:
    """Sums over the i-th and all later bins."""
    return np.flip(np.flip(values, -1).cumsum(-1), -1)
