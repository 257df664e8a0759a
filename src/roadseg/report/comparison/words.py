"""What the figures of a comparison say, in sentences that claim no more than they show."""

from dataclasses import dataclass

import numpy as np

from roadseg.report.comparison.arms import Comparison, Interval
from roadseg.scoring.stats import FEWEST_UNITS, SEED
from roadseg.system.progress import percent

SMALLEST_SHARE = 0.0005
"""Classes below this share of the labelled pixels are left out of the list of confusions."""


@dataclass(frozen=True)
class Mistake:
    """`share` of the pixels of the class `truth` are called `prediction`."""

    truth: str
    prediction: str
    share: float


def signed(value: float) -> str:
    """A difference in points."""
    points = round(100 * value, 1) + 0.0  # -0.0 is 0.0
    return "–" if np.isnan(value) else f"{points:.1f}".replace("-", "\N{MINUS SIGN}")


def p_words(p: float) -> str:
    """A p as it stands in a sentence."""
    return "p unknown" if np.isnan(p) else "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


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


def facts(comparison: Comparison) -> list[str]:
    """What was compared on which data, in a few words each."""
    run = comparison.first_run
    data = run.settings.data
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
    if comparison.neighbours and not comparison.neighbours.drives_known:
        found.append("no drives known")
    else:
        found.append(f"{comparison.groups} {'drive or sequence' if comparison.groups == 1 else 'drives or sequences'}")
    found.append(f"{classes} classes" + (f", {occurring} in the labels" if occurring < classes else ""))
    if data.root is not None:
        found.append(f"{data.name} data in “{data.root.name}”")
    if comparison.folds:
        return [*found, f"{comparison.folds} folds, {run.splits.scheme}"]
    return [*found, f"{run.splits.scheme} division {run.splits.sha256[:8]}"]


SCHEMES = {
    "official": "The data set's own division.",
    "alone": "No drives or sequences are known, so that images were divided one by one and neighbours may be apart.",
    "grouped": "Whole drives or sequences are in one part, so that no image was trained on with its neighbours.",
    "random": "Image by image, so that frames of one drive may be in training and in the scored part.",
}
"""How the images were divided."""


def scored_size(comparison: Comparison) -> str:
    """At which size pixels were counted."""
    transforms = comparison.first_run.settings.transforms
    if transforms.score_at == "input" and transforms.resize is not None:
        height, width = transforms.resize
        return f"{width}x{height} pixels, to which the labels were brought"
    return "the labels' own size"


def method(comparison: Comparison) -> list[tuple[str, str]]:
    """How the figures came about, as headings and sentences."""
    splits, folds = comparison.first_run.splits, comparison.folds
    known = comparison.neighbours is None or comparison.neighbours.drives_known
    division = SCHEMES["alone" if splits.scheme == "grouped" and not known else splits.scheme]
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
        *([("Verdicts", _paired_method(comparison))] if comparison.contrasts else []),
        ("Seeds", seeds),
        ("Unlabelled pixels", unlabelled),
        ("Weights", "Those of the epoch with the highest mIoU on the validation images."),
    ]


def _interval_method(comparison: Comparison) -> str:
    units = comparison.units
    if units.kind == "none":
        return "None: the images are of one drive or sequence, and too few to be cut into stretches."
    what = "whole drives or sequences"
    if units.kind == "block":
        what = "stretches of consecutive images"
    text = f"95 % bootstrap: {comparison.resamples:,} times (seed {SEED}) as many {what} as there are get drawn "
    text += "with replacement. "
    text += "The interval is Wilson's for a share, with Student's t and the bootstrap's standard error, corrected for "
    text += "their number; plain percentiles are too narrow with few drives."
    if comparison.seeds > 1:
        text += " Where an arm has several seeds, the interval is of their mean and "
        text += "holds for other drives and other seeds: "
        text += "the variance of the mean over seeds is added."
    return text


def _paired_method(comparison: Comparison) -> str:
    blocks = comparison.units.kind == "block"
    return (
        "The difference of two arms is taken in each resample of the same images; its interval is not corrected. There "
        "are two p: Student's t of that difference, and a test that swaps the two arms within "
        f"{'stretches' if blocks else 'drives'}, in all ways or in {comparison.resamples:,} random ones. An arm beats "
        "another one if "
        "both are at most 0.05, that of t with Holm's correction over all pairs of arms. A class is named if the "
        "larger of its two is, corrected (Holm; Westfall and Young) over the classes that at least "
        f"{FEWEST_UNITS} drives or stretches hold; so its interval may leave out 0 and it is not named. With "
        f"{FEWEST_UNITS} the least p by swaps is {2 / 2**FEWEST_UNITS:.3f}, and fewer never give 0.05."
    )
