"""`scores.json`: the scores of a report, for other programs.

title, split, images, groups (null where they are not known), and arms, each with
  name
  mean, sd   over the seeds; sd is the standard deviation (n - 1), null with one seed
  seeds      one entry for each, with its number as seed
  ci95       interval of the mean's mean_iou, for these seeds, or null; ci95_resampled: group or image
  confidence null where it was not counted, or means over the seeds: ece, ece_inside and ece_boundary (expected
             calibration error), aurc (area under the risk-coverage curve), uncalibrated (no temperatures), ci95 of ece,
             temperatures of the runs, and at_least: by promised share of right pixels, with the validation images'
             threshold, the coverage, the share that is right of it, and its ci95; null without a threshold
leakage, where a study measured it: one entry for each arm with its name, mean_iou on grouped and on random folds, their
difference, and its ci95
mean, sd and a seed have scores, named as in `evaluation/<split>.json`: mean_iou, micro_iou, frequency_weighted_iou,
pixel_accuracy, mean_accuracy, and per_class with the IoU of each class. All are shares of 1, null where there is none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from roadseg.report import leakage
from roadseg.report.confidence import Sure, of_arm
from roadseg.report.gather import Comparison, ScoredArm, Spread
from roadseg.tables import SCORES


def scores_file(comparison: Comparison, sure: Sequence[Sure | None]) -> str:
    """The text of `scores.json`; `sure` is the arms' confidence."""
    content = {
        "title": comparison.title,
        "split": comparison.split,
        "images": len(comparison.ids),
        "groups": comparison.groups,
        "arms": [
            _arm(arm, comparison.space.names) | {"confidence": of_arm(own)}
            for arm, own in zip(comparison.arms, sure, strict=True)
        ],
    }
    if comparison.random:
        content["leakage"] = leakage.for_programs(leakage.measure(comparison, comparison.random))
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _arm(arm: ScoredArm, classes: list[str]) -> dict[str, Any]:
    def over_seeds(part: Callable[[Spread], float | None]) -> dict[str, Any]:
        spreads = {name: part(arm.score(name)) for name in SCORES}
        return {**spreads, "per_class": dict(zip(classes, map(part, arm.per_class), strict=True))}

    interval = arm.interval
    return {
        "name": arm.name,
        "mean": over_seeds(lambda spread: spread.mean),
        "sd": over_seeds(lambda spread: spread.sd) if len(arm.seeds) > 1 else None,
        "ci95": {"mean_iou": [interval.low, interval.high]} if interval else None,
        "ci95_resampled": interval.unit if interval else None,
        "seeds": [
            {"seed": seed.number, **seed.scores, "per_class": dict(zip(classes, seed.per_class, strict=True))}
            for seed in arm.seeds
        ],
    }
