"""The definitions of mean IoU in other tools, as functions of the counts of each image.

A convention makes four choices: how ignored pixels count, which classes count, what the mean is taken over, and the
score of a class that does not occur. `CONVENTIONS` has one row for each tool, and one function computes them all.
Sources and versions: docs/conventions.md.
"""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from roadseg.scoring.metrics import ratio

Counts = Int64[np.ndarray, "n k k"]
"""Pixels of each image by truth (rows) and prediction (columns), (N, C+1, C+1).

The last row holds ignored pixels of the truth, the last column predictions that are no class.
"""


class Rule(NamedTuple):
    """The choices of a tool. The defaults are roadseg's own.

    ignored: ignored pixels are left out, or predictions on them are false positives, or they are one more class.
    void: pixels predicted as no class are misses of the true class, or left out, or the tool refuses them.
    background: whether class 0 is background and not counted.
    averaging: over the classes of the summed counts; all classes pooled; over all pairs of an image and a class; over
        images, each the mean of its classes; over classes, each the mean of its images; over images, each pooled.
    absent: an IoU of 0/0 is left out of the mean, counts as 0 or 1, or makes the mean undefined; or classes that do not
        occur in the truth are left out, predicted or not.
    """

    ignored: Literal["left out", "false alarms", "a class"] = "left out"
    void: Literal["missed", "left out", "refused"] = "missed"
    background: bool = False
    averaging: Literal["classes", "pooled", "pairs", "images", "images of classes", "images pooled"] = "classes"
    absent: Literal["left out", "truth only", "undefined", 0, 1] = "left out"


OURS = Rule()


class Convention(NamedTuple):
    """A tool's score: its name, the Python package and version it was compared with, and its rule."""

    name: str
    package: str
    version: str
    rule: Rule


CONVENTIONS = (
    Convention("cityscapesScripts", "cityscapesscripts", "2.3.0", OURS),
    Convention("mmsegmentation IoUMetric", "mmsegmentation", "1.2.2", OURS),
    Convention("torchmetrics JaccardIndex macro", "torchmetrics", "1.9.0", Rule(void="refused")),
    Convention("torchmetrics JaccardIndex micro", "torchmetrics", "1.9.0", Rule(void="refused", averaging="pooled")),
    Convention("torchmetrics MeanIoU one-hot", "torchmetrics", "1.9.0", Rule(averaging="pairs")),
    Convention("torchmetrics MeanIoU index", "torchmetrics", "1.9.0", Rule("a class", averaging="pairs")),
    Convention("scikit-learn macro, known pixels", "scikit-learn", "1.9.1", Rule(absent=0)),
    Convention("scikit-learn macro, all pixels", "scikit-learn", "1.9.1", Rule("a class")),
    Convention("scikit-learn micro, known pixels", "scikit-learn", "1.9.1", Rule(averaging="pooled")),
    Convention("scikit-learn micro, all pixels", "scikit-learn", "1.9.1", Rule("a class", averaging="pooled")),
    Convention("SMP macro", "segmentation-models-pytorch", "0.6.0", Rule(absent=1)),
    Convention("SMP macro, no ignore_index", "segmentation-models-pytorch", "0.6.0", Rule("false alarms", absent=1)),
    Convention("SMP micro", "segmentation-models-pytorch", "0.6.0", Rule(averaging="pooled")),
    Convention("SMP macro-imagewise", "segmentation-models-pytorch", "0.6.0", Rule(averaging="pairs", absent=1)),
    Convention("SMP micro-imagewise", "segmentation-models-pytorch", "0.6.0", Rule(averaging="images pooled", absent=1)),  # noqa: E501
    Convention("Ultralytics SemanticMetrics", "ultralytics", "8.4.190", Rule(void="left out", absent="truth only")),
    Convention("PaddleSeg", "paddleseg", "2.8.0", Rule(absent=0)),
    Convention(
        "torchvision references", "torchvision", "references", Rule(void="refused", absent="undefined")
    ),
    Convention(
        "nnU-Net foreground mean", "nnunetv2", "2.8.1",
        Rule(background=True, averaging="images of classes", absent="undefined"),
    ),
    Convention("mean of each image's mIoU", "", "", Rule(averaging="images")),
)  # fmt: skip


class Parts(NamedTuple):
    """A score by class, (K,) each. The score is the sum of `points`.

    points: the contribution of each class. weights: its contribution with an IoU of 1 everywhere; they sum to 1.
    filled: the part of the weight from images or data in which the class does not occur.
    """

    points: Float[np.ndarray, " k"]
    weights: Float[np.ndarray, " k"]
    filled: Float[np.ndarray, " k"]

    @property
    def score(self) -> float:
        """The score; NaN where it is undefined."""
        return float(self.points.sum())


class Hits(NamedTuple):
    """Pixels of each image and class (N, K): correct, in the union of truth and prediction, and in the truth."""

    correct: Int64[np.ndarray, "n k"]
    union: Int64[np.ndarray, "n k"]
    truth: Int64[np.ndarray, "n k"]


def hits(counts: Counts, rule: Rule) -> Hits:
    """The pixels that a rule counts. K is C, C+1 with ignored pixels as a class, or C-1 without class 0."""
    counts = counts.copy()
    if rule.ignored == "left out":
        counts[:, -1] = 0
    if rule.void == "left out":
        counts[:, :, -1] = 0
    correct = np.diagonal(counts, axis1=1, axis2=2)
    truth, predicted = counts.sum(2), counts.sum(1)
    kept = slice(int(rule.background), counts.shape[1] - (rule.ignored != "a class"))
    return Hits(correct[:, kept], (truth + predicted - correct)[:, kept], truth[:, kept])


def parts(counts: Counts, rule: Rule) -> Parts:
    """The score of a rule by class; NaN where the rule has nothing to average, or refuses the pixels."""
    found = hits(counts, rule)
    if rule.averaging in ("classes", "pooled"):
        found = Hits(*(array.sum(0, keepdims=True) for array in found))
    if rule.void == "refused" and counts[:, :-1, -1].any():
        undefined = np.full(found.union.shape[1], np.nan)
        return Parts(undefined, undefined, undefined)
    if rule.averaging in ("pooled", "images pooled"):
        return _pooled(found, rule)
    occurs = (found.truth if rule.absent == "truth only" else found.union) > 0
    fills = rule.absent in (0, 1)
    iou = ratio(found.correct, found.union)
    weights = _weights(np.ones_like(occurs) if fills else occurs, rule)
    filled = np.where(occurs, 0, weights)
    points = np.where(occurs, weights * iou, filled * (float(rule.absent) if fills else np.nan))
    points = np.where(weights == 0, 0, points)
    return Parts(points.sum(0), weights.sum(0), filled.sum(0))


def _weights(kept: np.ndarray, rule: Rule) -> Float[np.ndarray, "n k"]:
    """The weight of each image's class in the mean; 0 where it is not kept. The weights sum to 1."""
    if rule.averaging == "images":
        each = np.nan_to_num(ratio(kept, kept.sum(1, keepdims=True)))
        return ratio(each, np.float64(kept.any(1).sum()))
    if rule.averaging == "images of classes" or rule.absent == "undefined":
        each = np.where(kept.any(0), ratio(kept, kept.sum(0)), np.nan)
        return np.asarray(each / kept.shape[1])
    return ratio(kept, np.float64(kept.sum()))


def _pooled(found: Hits, rule: Rule) -> Parts:
    """Correct pixels over the union of all classes; an image without any counted pixel as `absent` says."""
    total = found.union.sum(1, keepdims=True)
    empty, fills = total == 0, rule.absent in (0, 1)
    images = len(total) if fills else int((~empty).sum())
    even = np.full(found.union.shape, 1 / found.union.shape[1])
    share = np.where(empty, even if fills else 0, ratio(found.union, total))
    iou = np.where(empty, float(rule.absent) if fills else 0, ratio(found.correct, found.union))
    weights = ratio(share, np.float64(images))
    points = np.where(weights == 0, 0, weights * iou)
    return Parts(points.sum(0), weights.sum(0), np.where(empty, weights, 0).sum(0))
