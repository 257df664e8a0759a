"""The scores of images by name, with their intervals: what `evaluation/<split>.json` says of confusion matrices."""

import hashlib
from typing import Any

import numpy as np

from roadseg.data.records import Record
from roadseg.labels import LabelSpace
from roadseg.scoring import metrics, stats
from roadseg.scoring.metrics import number


def headline(confusion: np.ndarray) -> dict[str, float | None]:
    """The scores of one confusion matrix by name; None where nothing was counted."""
    margins = metrics.margins(confusion)
    return {name: number(score.of(margins)) for name, score in metrics.SCORES.items()}


def report(confusions: np.ndarray, records: list[Record], space: LabelSpace) -> dict[str, Any]:
    """The scores in `evaluation/<split>.json`, from the images' confusions (N, C, C) and their records."""
    total = confusions.sum(0)
    groups = [record.group for record in records]
    result: dict[str, Any] = dict(headline(total))
    result["per_class"] = dict(zip(space.names, map(number, metrics.per_class_iou(total)), strict=True))
    categories = [label.category for label in space.classes]
    if all(categories):
        names = list(dict.fromkeys(categories))
        merged = metrics.merged(total, [names.index(category) for category in categories])
        result["per_category"] = dict(zip(names, map(number, metrics.per_class_iou(merged)), strict=True))
    result["images"] = len(confusions)
    result["groups"] = len(set(groups))
    result["pixels"] = int(total.sum())
    result |= intervals(metrics.margins(confusions), stats.resampling_units(groups), space.names)
    result["targets_sha256"] = fingerprint(confusions, records)
    return result


def intervals(margins: np.ndarray, units: stats.Units, names: list[str]) -> dict[str, Any]:
    """95 % intervals of every score of images from their margins (N, 3, C), and what they rest on.

    Null where too few units say anything.
    """
    counts = units.sums(margins)
    units_with_class = metrics.units_of_scores(counts)
    ends = stats.estimate(counts, metrics.scores, units_with_class).interval_of_shares()
    of_class = dict(zip(names, metrics.by_score(units_with_class).per_class.tolist(), strict=True))
    return {
        "ci95": intervals_by_name(ends, names),
        "ci95_resampled": units.kind,
        "ci95_units": units.count,
        "ci95_resamples": stats.RESAMPLES,
        "ci95_seed": stats.SEED,
        "units_of_class": of_class,
        "too_few_units": [name for name, number in of_class.items() if number < stats.FEWEST_UNITS],
    }


def intervals_by_name(ends: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Intervals (S, 2) of `metrics.scores` as files have them: low and high by score and, in `per_class`, by class."""
    found = metrics.by_score(ends)
    headline = {name: list(map(number, pair)) for name, pair in found.headline.items()}
    of_class = {name: list(map(number, pair)) for name, pair in zip(names, found.per_class, strict=True)}
    return {**headline, "per_class": of_class}


def fingerprint(confusions: np.ndarray, records: list[Record]) -> str:
    """SHA-256 of the images' ids and of how many pixels of each class their labels hold: which labels were scored."""
    digest = hashlib.sha256("\n".join(record.id for record in records).encode())
    digest.update(np.ascontiguousarray(confusions.sum(-1), dtype="<i8").tobytes())
    return digest.hexdigest()
