"""Regions whose label is likely wrong, and how likely.

Confident learning (Northcutt et al., JAIR 2021, sec. 3.1) for pixels: a class has a threshold, the mean probability
that it gets on pixels with its label, and a pixel contradicts its label when another class is the most probable and
reaches its own threshold. Here connected pixels are judged together, because a person corrects an
object, not a pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from roadseg.curation.suspects.held_out import HeldOutPrediction
from roadseg.labels import IGNORE

SMALLEST = 20
"""Least number of pixels of a region. A person cannot judge a smaller one."""
VAGUE = 2
"""Width in pixels of the strip along a class's border where a contradiction is only about the border's place."""


@dataclass(frozen=True)
class Region:
    """Connected pixels of one label for which the networks predict other classes.

    `box`: left, top, right and bottom in pixels, the last two exclusive. `mask`: the region's pixels in the box.
    `label`: the labelled class index; `predicted`: the most frequent predicted one. For each of the n pixels:
    `margins`, log p(predicted) - log p(label); `classes`, the predicted class; `confidence`, its probability.
    """

    image: str
    box: tuple[int, int, int, int]
    mask: Bool[np.ndarray, "h w"]
    label: int
    predicted: int
    margins: Float[np.ndarray, " n"]
    classes: np.ndarray
    confidence: Float[np.ndarray, " n"]

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return len(self.margins)


@dataclass(frozen=True)
class Suspect:
    """A region and its score: 0 and more, without a unit; larger is more suspect."""

    region: Region
    score: float


def contradicted(prediction: HeldOutPrediction, vague: int = VAGUE) -> Bool[np.ndarray, "h w"]:
    """Pixels where the prediction differs from the label, farther than `vague` pixels from the predicted class."""
    target, predicted = prediction.target, prediction.predicted
    wrong = (target != IGNORE) & (predicted != target)
    for index in np.unique(predicted[wrong]) if vague else ():
        near = ndimage.binary_dilation(target == index, np.ones((3, 3)), iterations=vague)
        wrong &= ~(near & (predicted == index))
    return np.asarray(wrong)


def wrong_regions(prediction: HeldOutPrediction, smallest: int = SMALLEST, vague: int = VAGUE) -> list[Region]:
    """The connected regions of `contradicted` with one label and at least `smallest` pixels."""
    target, wrong = prediction.target, contradicted(prediction, vague)
    found = []
    for label in np.unique(target[wrong]):
        parts, _ = ndimage.label(wrong & (target == label))
        for number, place in enumerate(ndimage.find_objects(parts), 1):
            mask = parts[place] == number
            if mask.sum() >= smallest:
                found.append(_region(prediction, int(label), place, mask))
    return found


def _region(
    prediction: HeldOutPrediction, label: int, place: tuple[slice, slice], mask: Bool[np.ndarray, "h w"]
) -> Region:
    rows, columns = place
    classes, log_best = prediction.predicted[place][mask], prediction.log_best[place][mask]
    return Region(
        image=prediction.record.id,
        box=(columns.start, rows.start, columns.stop, rows.stop),
        mask=mask,
        label=label,
        predicted=int(np.bincount(classes).argmax()),
        margins=(log_best - prediction.log_label[place][mask]).astype(np.float32),
        classes=classes,
        confidence=np.exp(log_best).astype(np.float32),
    )


class Thresholds:
    """The mean probability of each class over the pixels with its label, accumulated image by image."""

    def __init__(self, classes: int) -> None:
        self.sums = np.zeros(classes)
        self.pixels = np.zeros(classes, np.int64)

    def add(self, prediction: HeldOutPrediction) -> None:
        """Count one image."""
        labelled = prediction.target != IGNORE
        target = prediction.target[labelled]
        classes = len(self.sums)
        self.sums += np.bincount(target, np.exp(prediction.log_label[labelled]), classes)
        self.pixels += np.bincount(target, minlength=classes)

    def values(self) -> Float[np.ndarray, " classes"]:
        """Float64 (C,); 1 for a class without a pixel, so that it never contradicts a label."""
        means = np.divide(self.sums, self.pixels, out=np.ones_like(self.sums), where=self.pixels > 0)
        return np.asarray(means)


def score(region: Region, thresholds: Float[np.ndarray, " classes"]) -> float:
    """Mean margin of the region's pixels, those below their class's threshold counting 0, times log(pixels).

    A sum over the pixels would put the largest regions first, which are where a network is bad at telling two classes
    apart; the logarithm lets a clear contradiction on a small object stand beside them (docs/decisions/0019).
    """
    confident = region.confidence >= thresholds[region.classes]
    return float((region.margins * confident).mean() * np.log(region.pixels))


def ranked(regions: Sequence[Region], thresholds: Float[np.ndarray, " classes"]) -> list[Suspect]:
    """The suspects, the most suspect first; regions without a confident pixel are none."""
    scored = [Suspect(region, score(region, thresholds)) for region in regions]
    kept = [suspect for suspect in scored if suspect.score > 0]
    return sorted(kept, key=lambda suspect: (-suspect.score, suspect.region.image, suspect.region.box))
