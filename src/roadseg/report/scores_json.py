"""`scores.json`: the scores of a report, for other programs.

title, split, images, groups, and arms, each with
  name
  mean, sd   over the seeds; sd is the standard deviation (n - 1), null with one seed
  seeds      one entry for each, with its number as seed
  ci95       intervals of the mean, over other drives and, with several seeds, other seeds; each low and high, or nulls
  confidence null where it was not counted, or means over the seeds: ece, ece_inside and ece_boundary (expected
             calibration error), aurc (area under the risk-coverage curve), uncalibrated (no temperatures), ci95 of ece,
             temperatures of the runs, and at_least: by promised share of right pixels, with the validation images'
             threshold, the coverage, the share that is right of it, and its ci95; null without a threshold
units: what is resampled: kind (group, block: stretches of few drives, none), count, resamples and seed
comparisons: each pair of arms, a minus b, with
  difference, ci95      of mean_iou (shares of 1)
  p_swap, p_t           of mean_iou, by swaps, and by Student's t with Holm's correction over all pairs of arms
  p, p_holm             the larger one, before and after that correction; the verdict rests on p_holm
  units, exact          how many units were resampled; whether all swaps were made
  verdict               better, worse (a than b) or cannot tell; more_units: about how many more would tell, or null
  with_seeds            whether other training seeds are in the interval and in p
  per_class             by name: difference, ci95, p_holm (null for a class that fewer than 6 units hold), units, holds
sentences: the verdicts in words
next_steps: what to try next, the most important first, each with its advice, the measured reason, and the command
leakage, where a study measured it: one entry for each arm with its name, mean_iou on grouped and on random folds, their
difference, its ci95, and p, corrected for the number of arms
learning, where a study varied the share of the training images: one entry for each curve with its name; points, each
with images (the mean over seeds and folds), mean_iou, its ci95, and seeds with their mean_iou; and ahead, what more
images are expected to bring: images, mean_iou and its ci95 over other drives (null where nothing is known of them), the
gain on the curve since the largest measured number, and gain_ci95
mean, sd and a seed have scores, named as in `evaluation/<split>.json`: mean_iou, micro_iou, frequency_weighted_iou,
pixel_accuracy, mean_accuracy, and per_class with the IoU of each class. All are shares of 1, null where there is none.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from roadseg.report.comparison import leakage, learning
from roadseg.report.comparison.arms import Comparison, ScoredArm, Spread
from roadseg.report.comparison.confidence import of_arm
from roadseg.report.comparison.contrasts import Contrast
from roadseg.report.comparison.findings import Findings
from roadseg.scoring import stats
from roadseg.scoring.metrics import SCORES, number
from roadseg.scoring.scores import intervals_by_name


def scores_file(findings: Findings) -> str:
    """The text of `scores.json`."""
    comparison = findings.main
    content = {
        "title": comparison.title,
        "split": comparison.split,
        "images": len(comparison.ids),
        "groups": comparison.groups,
        "arms": [
            _arm(arm, comparison.space.names) | {"confidence": of_arm(own)}
            for arm, own in zip(comparison.arms, findings.confidences, strict=True)
        ],
        "units": _units(comparison),
        "comparisons": [_contrast(contrast, comparison.space.names) for contrast in comparison.contrasts],
        "sentences": [verdict.text for verdict in findings.verdicts + findings.learning],
        "next_steps": [step._asdict() for step in findings.next_steps],
    }
    if findings.leakage:
        content["leakage"] = leakage.for_programs(findings.leakage)
    if findings.curves:
        content["learning"] = learning.for_programs(findings.curves)
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _arm(arm: ScoredArm, classes: list[str]) -> dict[str, Any]:
    def over_seeds(part: Callable[[Spread], float | None]) -> dict[str, Any]:
        spreads = {name: part(arm.score(name)) for name in SCORES}
        return {**spreads, "per_class": dict(zip(classes, map(part, arm.per_class), strict=True))}

    return {
        "name": arm.name,
        "mean": over_seeds(lambda spread: spread.mean),
        "sd": over_seeds(lambda spread: spread.sd) if len(arm.seeds) > 1 else None,
        "ci95": intervals_by_name(arm.intervals, classes),
        "seeds": [
            {"seed": seed.number, **seed.scores, "per_class": dict(zip(classes, seed.per_class, strict=True))}
            for seed in arm.seeds
        ],
    }


def _units(comparison: Comparison) -> dict[str, Any]:
    units = comparison.units
    return {"kind": units.kind, "count": units.count, "resamples": comparison.resamples, "seed": stats.SEED}


def _contrast(contrast: Contrast, classes: list[str]) -> dict[str, Any]:
    per_class = {
        name: {
            "difference": number(contrast.of_class[i]),
            "ci95": _pair(contrast.intervals_of_class[i]),
            "p_holm": number(contrast.p_of_class[i]),
            "units": int(contrast.units_with_class[i]),
            "holds": bool(contrast.holds[i]),
        }
        for i, name in enumerate(classes)
    }
    return {
        "a": contrast.a, "b": contrast.b,
        "difference": number(contrast.miou), "ci95": _pair(np.array(contrast.interval)),
        "p": number(contrast.p), "p_holm": number(contrast.p_holm),
        "p_swap": number(contrast.p_swap), "p_t": number(contrast.p_t),
        "units": contrast.units, "exact": contrast.exact,
        "verdict": contrast.verdict, "more_units": contrast.more, "with_seeds": contrast.seeds,
        "per_class": per_class,
    }  # fmt: skip


def _pair(ends: np.ndarray) -> list[float | None]:
    return [number(end) for end in ends]
