"""Confidence: how often the arms are right where they are so sure, before and after their temperatures."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from roadseg.report.comparison.arms import Comparison, ScoredArm, Seed
from roadseg.runs.facts import RunFacts
from roadseg.scoring import confidence, stats
from roadseg.scoring.calibration import LEVELS, threshold
from roadseg.scoring.confidence import AS_SAID, CALIBRATED, NEAR
from roadseg.system.progress import percent

REGIONS = {"all": "All pixels", "inside": "Inside objects", "boundary": "At boundaries"}
HONEST = 0.005
"""Claims that are nearer to the truth than this are called so."""

Span = tuple[float, float] | None


@dataclass(frozen=True)
class SelectivePrediction:
    """What is left where pixels below the validation images' threshold for `level` are left out, over the seeds."""

    level: float
    coverage: float
    right: float
    interval: Span


@dataclass(frozen=True)
class ArmConfidence:
    """An arm's confidence: counts (S, N, 2, 2, 3, BINS) of its seeds, groups of the images, and kept pixels
    by level.

    `kept` has for each of `LEVELS` wrong, right and all pixels, int64 (S, N, 3), or None where a run has no threshold.
    """

    number: int
    name: str
    counts: np.ndarray
    groups: tuple[str, ...]
    temperatures: tuple[float | None, ...]
    kept: tuple[np.ndarray | None, ...]
    resamples: int = stats.SHARE_RESAMPLES

    @cached_property
    def total(self) -> np.ndarray:
        """All images of all seeds, int64 (2, 2, 3, BINS)."""
        return np.asarray(self.counts.sum((0, 1)))

    def part(self, region: str, calibration: int) -> np.ndarray:
        """The seeds' counts of one region, int64 (S, 3, BINS)."""
        return confidence.regions(self.counts.sum(1)[:, calibration])[region]

    def error(self, region: str, calibration: int) -> float:
        """Expected calibration error, the mean over the seeds."""
        return float(confidence.calibration_error(confidence.merged(self.part(region, calibration))).mean())

    @cached_property
    def intervals(self) -> dict[str, Span]:
        """95 % bootstrap intervals of the calibrated error for these seeds, by region."""
        return {
            region: self._resampled(confidence.merged(counts), lambda sums: confidence.calibration_error(sums).mean(-1))
            for region, counts in confidence.regions(self.counts[:, :, CALIBRATED]).items()
        }

    def _resampled(self, counts: np.ndarray, statistic: Any) -> Span:
        """The interval of a statistic of counts (S, N, ...)."""
        low, high = stats.share_interval(np.swapaxes(counts, 0, 1), self.groups, statistic, self.resamples)
        return None if np.isnan(low) else (low, high)

    @cached_property
    def promises(self) -> list[SelectivePrediction | None]:
        """For each of `LEVELS`, what the validation images' threshold does on these images."""

        def right(sums: np.ndarray) -> np.ndarray:
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray((sums[..., 1] / sums[..., :2].sum(-1)).mean(-1))

        found: list[SelectivePrediction | None] = []
        for level, kept in zip(LEVELS, self.kept, strict=True):
            sums = None if kept is None else kept.sum(1)
            if kept is None or sums is None or not sums[:, :2].sum(-1).all():
                found.append(None)
                continue
            coverage = float((sums[:, :2].sum(-1) / sums[:, 2]).mean())
            found.append(SelectivePrediction(level, coverage, float(right(sums)), self._resampled(kept, right)))
        return found


def gathered(comparison: Comparison) -> list[ArmConfidence | None]:
    """The confidence of each arm; None where a run of it has no counts of these images."""
    return [_of_arm(number, arm, comparison) for number, arm in enumerate(comparison.arms)]


def _of_arm(number: int, arm: ScoredArm, comparison: Comparison) -> ArmConfidence | None:
    parts = [_of_seed(seed, comparison.ids) for seed in arm.seeds]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    counts = np.stack([of_images for of_images, _ in known])
    kept = [[of_level[index] for _, of_level in known] for index in range(len(LEVELS))]
    joined = tuple(None if any(each is None for each in of) else np.stack(of) for of in kept)  # type: ignore[arg-type]
    temperatures = tuple(run.temperature for run in arm.arm.runs)
    resamples = comparison.share_resamples
    return ArmConfidence(number, arm.name, counts, comparison.group_of, temperatures, joined, resamples)


def _of_seed(seed: Seed, ids: tuple[str, ...]) -> tuple[np.ndarray, list[np.ndarray | None]] | None:
    """Counts (N, 2, 2, 3, BINS) of the comparison's images, and by level what each run's own threshold keeps (N, 3)."""
    counts: dict[str, np.ndarray] = {}
    kept: list[dict[str, np.ndarray] | None] = [{} for _ in LEVELS]
    for run in dict.fromkeys(seed.run_of):
        found = run.confidence
        if found is None:
            return None
        counts |= dict(zip(*found, strict=True))
        for index, of_images in enumerate(_kept(run, found[1])):
            own = kept[index]
            if own is None or of_images is None:
                kept[index] = None
            else:
                own.update(zip(found[0], of_images, strict=True))
    if not counts.keys() >= set(ids):
        return None
    ordered = [None if own is None else np.stack([own[name] for name in ids]) for own in kept]
    return np.stack([counts[name] for name in ids]), ordered


def _kept(run: RunFacts, counts: np.ndarray) -> list[np.ndarray | None]:
    """Wrong, right and all pixels (N, 3) of the images, with the run's own thresholds for each of `LEVELS`."""
    of_val = run.confidence_of_val
    whole = confidence.regions(counts[:, CALIBRATED])["all"]
    least = [None if of_val is None else threshold(of_val[1], level) for level in LEVELS]
    return [None if each is None else confidence.kept(whole, each.confidence) for each in least]


def section(comparison: Comparison, arms: Sequence[ArmConfidence | None]) -> dict[str, Any]:
    """What the templates show of confidence."""
    known = [arm for arm in arms if arm is not None]
    lacking = [arm for arm, sure in zip(comparison.arms, arms, strict=True) if sure is None]
    return {
        "known": known,
        "rows": [_row(sure) for sure in known],
        "regions": REGIONS,
        "levels": [f"{100 * level:g}" for level in LEVELS],
        "near": NEAR,
        "says": [words(sure) for sure in known],
        "notes": notes(comparison, known),
        "lacking": [
            f"roadseg evaluate {shlex.quote(str(run.path))} --data.root DIR --split {comparison.split}"
            for arm in lacking
            for run in arm.arm.runs
        ],
    }


def _row(sure: ArmConfidence) -> dict[str, Any]:
    known = [f"{value:.2f}" for value in sure.temperatures if value is not None]
    return {
        "number": sure.number,
        "temperature": ", ".join(dict.fromkeys(known)) or "–",
        "errors": [
            {"before": sure.error(region, AS_SAID), "after": sure.error(region, CALIBRATED),
             "interval": _span(sure.intervals[region])}
            for region in REGIONS
        ],
        "promises": sure.promises,
        "intervals": [_span(promise.interval) if promise else "" for promise in sure.promises],
    }  # fmt: skip


def _span(interval: Span) -> str:
    return "" if interval is None else f"{percent(interval[0])}–{percent(interval[1])}"


def words(sure: ArmConfidence) -> str:
    """How sure an arm is and how often it is right, in sentences."""
    said, calibrated = (_claim(sure, "all", calibration) for calibration in (AS_SAID, CALIBRATED))
    found = f"{sure.name} is {percent(said[0])} % sure on average and right at {percent(said[1])} % of the pixels: "
    found += f"{_judged(said)}."
    if any(value is not None for value in sure.temperatures):
        found += f" Corrected by its temperature it is {percent(calibrated[0])} % sure"
        for where, region in (("inside objects", "inside"), ("at boundaries", "boundary")):
            claim = _claim(sure, region, CALIBRATED)
            found += f"; {where} {_judged(claim)} ({percent(claim[0])} % sure, {percent(claim[1])} % right)"
        found += "."
    return found


def _claim(sure: ArmConfidence, region: str, calibration: int) -> tuple[float, float]:
    """Mean confidence and accuracy over all seeds."""
    counts = confidence.regions(sure.total[calibration])[region]
    return float(confidence.mean_confidence(counts)), float(confidence.accuracy(counts))


def _judged(claim: tuple[float, float]) -> str:
    gap = claim[0] - claim[1]
    return "honest on average" if abs(gap) < HONEST else "overconfident" if gap > 0 else "underconfident"


def notes(comparison: Comparison, arms: Sequence[ArmConfidence]) -> list[str]:
    """On what the temperatures and thresholds rest, and whether what they promise came true."""
    if not arms:
        return []
    found = []
    if comparison.split == "val":
        found.append(
            "Temperatures and thresholds were fitted to these very images, as was the choice of the epoch: what they "
            "promise holds here by construction and says little about other images."
        )
    else:
        found.append(
            "Temperatures and thresholds come from the validation images, not from those that are scored here."
        )
        promises = [(arm, promise) for arm in arms for promise in arm.promises if promise]
        broken = [(arm, promise) for arm, promise in promises if promise.right < promise.level]
        if broken:
            arm, worst = max(broken, key=lambda pair: pair[1].level - pair[1].right)
            found.append(
                f"{len(broken)} of {len(promises)} promises were not kept; {arm.name} with “at least "
                f"{100 * worst.level:g} %” is the farthest off: {percent(worst.right)} % of what it kept was right. "
                "A threshold promises nothing where images are unlike the validation images."
            )
        elif promises:
            found.append(f"All {len(promises)} promises were kept on these images.")
    if any(run.settings.crf.iterations for arm in comparison.arms for run in arm.arm.runs):
        found.append(
            "Where a CRF acts, confidence is the softmax of what it makes of the logits, not the network's own."
        )
    return found


def of_arm(sure: ArmConfidence | None) -> dict[str, Any] | None:
    """What `scores.json` says of an arm's confidence."""
    if sure is None:
        return None
    figures = {
        name: {("ece" if region == "all" else f"ece_{region}"): sure.error(region, calibration) for region in REGIONS}
        for name, calibration in (("calibrated", CALIBRATED), ("uncalibrated", AS_SAID))
    }
    interval = sure.intervals["all"]
    whole = sure.part("all", CALIBRATED)
    return {
        **figures["calibrated"],
        "ci95": {"ece": list(interval) if interval else None},
        "aurc": float(confidence.area_under_risk_coverage(whole).mean()),
        "uncalibrated": figures["uncalibrated"],
        "temperatures": list(sure.temperatures),
        "at_least": {
            str(level): promise
            and {
                "coverage": promise.coverage,
                "right": promise.right,
                "ci95": {"right": list(promise.interval) if promise.interval else None},
            }
            for level, promise in zip(LEVELS, sure.promises, strict=True)
        },
    }
