"""What the figures of a comparison say, in sentences that claim no more than they show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from roadseg.progress import percent
from roadseg.report.gather import Comparison, Interval, ScoredArm
from roadseg.tables import ENOUGH_GROUPS

SMALLEST_SHARE = 0.0005
"""Classes below this share of the labelled pixels are left out of the list of confusions."""


@dataclass(frozen=True)
class Mistake:
    """`share` of the pixels of the class `truth` are called `prediction`."""

    truth: str
    prediction: str
    share: float


def verdict(comparison: Comparison) -> str:
    """The result in one sentence."""
    ranked = sorted(comparison.arms, key=lambda arm: -(arm.score("mean_iou").mean or 0.0))
    first = ranked[0]
    place = f"{count(len(comparison.ids), 'image')} of the {comparison.split} split"
    if len(ranked) == 1:
        return f"{first.name} has a mIoU of {_miou(first)} on {place}."
    level = [arm.name for arm in ranked[1:] if _miou(arm) == _miou(first)]
    if level:
        return f"{', '.join([first.name, *level[:-1]])} and {level[-1]} have the same mIoU, {_miou(first)}, on {place}."
    follows = f"{ranked[1].name} follows with {_miou(ranked[1])}"
    return f"{first.name} has the highest mIoU, {_miou(first)} on {place}; {follows}."


def _miou(arm: ScoredArm) -> str:
    return f"{percent(arm.score('mean_iou').mean)}\N{NO-BREAK SPACE}%"


def caveats(comparison: Comparison) -> list[str]:
    """What the reader has to know before believing more than the figures show."""
    arms = comparison.arms
    found = []
    if len(arms) > 1:
        found.append(
            "Highest does not mean better. All arms were scored on the same images and rise and fall together, so "
            "neither the order nor overlapping intervals decide; a paired test would, and none was made here."
        )
    if comparison.split == "val":
        found.append("The epoch was chosen by the score on these very images, which flatters every score a little.")
    if comparison.split in ("train", "all"):
        found.append("Images that are scored here were trained on: the scores say little about other images.")
    run = arms[0].arm.runs[0]
    if run.splits().scheme == "random":
        found.append("Images were divided one by one; frames of a drive may be on both sides, which flatters scores.")
    interval = arms[0].interval
    if interval is None:
        found.append("There are no intervals, because the drives of the images are not known without the data.")
    elif interval.unit == "image":
        found.append("All images are of one drive or sequence, so the intervals resample images and are too narrow.")
    elif interval.groups < ENOUGH_GROUPS:
        found.append(f"The intervals rest on only {interval.groups} drives or sequences and are too narrow.")
    seeds = {len(arm.seeds) for arm in arms}
    if seeds == {1}:
        each = "Each arm" if len(arms) > 1 else "The network"
        found.append(f"{each} was trained with one seed; how far another seed would move the score is not known.")
    elif len(seeds) > 1:
        found.append("The arms have different numbers of seeds: the more, the wider their range tends to be.")
    return found


def interval_words(interval: Interval | None) -> str:
    """As it stands beside a score."""
    return "" if interval is None else f"{percent(interval.low)}–{percent(interval.high)}"


def top_mistakes(confusion: np.ndarray, names: list[str], most: int = 6) -> list[Mistake]:
    """The largest shares of a class's pixels that go to another class, of classes that are not very rare."""
    pixels = confusion.sum(1)
    shares = confusion / np.maximum(pixels, 1)[:, None]
    np.fill_diagonal(shares, 0)
    shares[pixels < SMALLEST_SHARE * pixels.sum()] = 0
    order = np.argsort(-shares, axis=None, kind="stable")[:most]
    rows, columns = np.unravel_index(order, shares.shape)
    return [
        Mistake(names[row], names[column], float(shares[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if shares[row, column] >= 0.005
    ]


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


DEFINITIONS = (
    ("mIoU", "mean over the classes of TP / (TP + FP + FN), also called macro IoU; what benchmarks rank by"),
    ("micro IoU", "sum of TP / sum of (TP + FP + FN); with the pixel accuracy a it is a / (2 - a), so it says no more"),
    ("freq. weighted IoU", "mean of the IoU, weighted by each class's share of the labelled pixels"),
    ("pixel accuracy", "share of the labelled pixels whose class is right; guessing the large classes is enough"),
    ("mean accuracy", "mean over the classes of TP / (TP + FN): how much of each class is found"),
)
"""What the scores of the headline mean."""


def facts(comparison: Comparison) -> list[str]:
    """What was compared on which data, in a few words each."""
    run = comparison.arms[0].arm.runs[0]
    data = run.config().data
    occurring = int((comparison.shares > 0).sum())
    classes = len(comparison.space.classes)
    seeds = sorted({len(arm.seeds) for arm in comparison.arms})
    found = [
        f"{len(comparison.arms)} configurations (arms)" if len(comparison.arms) > 1 else "1 configuration",
        f"{count(seeds[0], 'seed')}{' each' if len(comparison.arms) > 1 else ''}"
        if len(seeds) == 1
        else f"{seeds[0]} to {seeds[-1]} seeds",
        f"{count(len(comparison.ids), 'image')} of the {comparison.split} split",
    ]
    if comparison.groups is not None:
        found.append(f"{comparison.groups} {'drive or sequence' if comparison.groups == 1 else 'drives or sequences'}")
    found.append(f"{classes} classes" + (f", {occurring} in the labels" if occurring < classes else ""))
    if data.root is not None:
        found.append(f"{data.name} data in “{data.root.name}”")
    if comparison.folds:
        return [*found, f"{comparison.folds} folds, {run.splits().scheme}"]
    return [*found, f"{run.splits().scheme} division {run.splits().sha256[:8]}"]


SCHEMES = {
    "official": "The data set's own division.",
    "grouped": "Whole drives or sequences are in one part, so that no image was trained on with its neighbours.",
    "random": "Image by image, so that frames of one drive may be in training and in the scored part.",
}
"""How the images were divided."""


def scored_size(comparison: Comparison) -> str:
    """At which size pixels were counted."""
    transforms = comparison.arms[0].arm.runs[0].config().transforms
    if transforms.score_at == "input" and transforms.resize is not None:
        height, width = transforms.resize
        return f"{width}x{height} pixels, to which the labels were brought"
    return "the labels' own size"


def method(comparison: Comparison) -> list[tuple[str, str]]:
    """How the figures came about, as headings and sentences."""
    run = comparison.arms[0].arm.runs[0]
    splits, folds = run.splits(), comparison.folds
    division = SCHEMES[splits.scheme]
    if folds:
        division += f" {folds} folds: each image is scored once, by the run that was not trained on it, and the folds' "
        division += "confusions are put together before any score is taken."
    else:
        sizes = ", ".join(f"{len(ids)} {name}" for name, ids in splits.parts.items() if ids)
        division += f" {sizes}; SHA-256 of the ids {splits.sha256[:16]}."
    numbers = sorted({seed.number for arm in comparison.arms for seed in arm.seeds})
    seeds = f"Training seeds {', '.join(map(str, numbers))}."
    if comparison.seeds > 1:
        seeds += " A score is taken for each seed; shown are their mean, the lowest and the highest, and "
        seeds += "their standard deviation (SD; divisor n - 1), itself hardly known from few seeds."
    unlabelled = "They count nowhere: not in training, not in a score, not in a share of pixels."
    return [
        ("Division", division),
        ("Intervals", _interval_method(comparison)),
        ("Seeds", seeds),
        ("Unlabelled pixels", unlabelled),
        ("Weights", "Those of the epoch with the highest mIoU on the validation images."),
    ]


def _interval_method(comparison: Comparison) -> str:
    interval = comparison.arms[0].interval
    if interval is None:
        return "None: the drives of the images are not known without the data."
    unit = "drives or sequences" if interval.unit == "group" else "images"
    text = f"95 % percentile bootstrap of mIoU: 2000 times as many {unit} as there are get drawn with replacement."
    if comparison.seeds > 1:
        text += " Each draw is scored by every seed and the mean taken; what other seeds would add is not in it."
    return text
