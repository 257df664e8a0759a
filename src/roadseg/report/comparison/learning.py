"""The learning curve: mIoU against the number of training images, and what more of them would bring.

Arms that differ in nothing but the share of the training images are one curve. The largest share is the arm that the
report compares with others; the smaller ones are seen here alone, because pairs of them say nothing that the curve does
not.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from roadseg.config.overrides import overridden
from roadseg.config.settings import Config
from roadseg.errors import RunError
from roadseg.report.comparison.arms import Comparison, Interval, ScoredArm, unit_margins
from roadseg.report.comparison.verdicts import Verdict, listed
from roadseg.report.comparison.words import interval_words, signed
from roadseg.runs.arms import Arm, settings_of_arm
from roadseg.runs.facts import RunFacts
from roadseg.scoring import metrics, stats
from roadseg.system.progress import percent

AHEAD = (2, 4)
"""How many times the present number of images the curve is carried on to."""

HARDLY = 0.01
"""A gain below one point of mIoU is hardly worth the labelling."""

NOTHING = 0.0005
"""A gain below it is written as 0.0 points."""


@dataclass(frozen=True)
class Point:
    """What was measured with a number of training images (the mean over seeds and folds)."""

    images: float
    arm: ScoredArm


@dataclass(frozen=True)
class Gain:
    """What `times` as many images would bring: mIoU and its gain, as shares of 1, with 95 % intervals."""

    times: int
    images: float
    score: float
    score_interval: Interval | None
    gain: float
    gain_interval: Interval


@dataclass(frozen=True)
class Curve:
    """Points by rising number of images, the fit at finer steps up to the last `AHEAD`, and what that says.

    `number` is the arm's place in the comparison.
    """

    number: int
    name: str
    points: tuple[Point, ...]
    fitted: stats.LearningCurve
    ahead: tuple[Gain, ...]


def divided(arms: Sequence[Arm]) -> tuple[list[Arm], list[Arm]]:
    """The arms to compare, and those on smaller shares of a curve: of `stats.FEWEST_SIZES` sizes or more."""
    of_curve: dict[Config, dict[float, Arm]] = defaultdict(dict)
    shares = [(arm, *_alike(arm.runs[0])) for arm in arms]
    for arm, alike, share in shares:
        of_curve[alike][share] = arm
    twice = {alike for _, alike, _ in shares if [key for _, key, _ in shares].count(alike) > len(of_curve[alike])}
    compared, smaller = [], []
    for arm, alike, share in shares:
        curve = of_curve[alike]
        sizes = {len(each.runs[0].splits.train) for each in curve.values()}
        if len(sizes) < stats.FEWEST_SIZES or alike in twice:
            compared.append(arm)
        elif share == max(curve):
            compared.append(replace(arm, share=None) if share == 1 else arm)
        else:
            smaller.append(arm)
    return compared, smaller


def _alike(run: RunFacts) -> tuple[Config, float]:
    """The settings of the run's arm without fold and share; and its share."""
    undivided = {"data.split.share": 1.0, "data.split.fold": 0}
    return overridden(settings_of_arm(run.settings), undivided), run.settings.data.split.share


def curves(comparison: Comparison, smaller: Comparison) -> list[Curve]:
    """The curves of the arms that have smaller shares. Raises `RunError` where those scored other images or labels."""
    truth = [each.arms[0].seeds[0].confusions.sum(-1) for each in (comparison, smaller)]
    if comparison.ids != smaller.ids or not np.array_equal(*truth):
        raise RunError("smaller shares scored other images or labels than the largest; repeat the study")
    found = []
    for number, arm in enumerate(comparison.arms):
        alike = _alike(arm.arm.runs[0])[0]
        own = [arm, *(other for other in smaller.arms if _alike(other.arm.runs[0])[0] == alike)]
        own.sort(key=lambda each: _alike(each.arm.runs[0])[1])
        if len(own) > 1:
            found.append(_curve(number, [Point(_images(each), each) for each in own], comparison))
    return found


def _images(arm: ScoredArm) -> float:
    return float(np.mean([len(run.splits.train) for run in arm.arm.runs]))


def _curve(number: int, points: Sequence[Point], comparison: Comparison) -> Curve:
    images = np.array([point.images for point in points])
    scores = [np.array([seed.scores["mean_iou"] or 0.0 for seed in point.arm.seeds]) for point in points]
    ahead = np.geomspace(images[-1], AHEAD[-1] * images[-1], 4 * AHEAD[-1] + 1)  # 2 and 4 times are among them
    covariance = _covariance(points, comparison.units, comparison.share_resamples)
    fitted = stats.learning_curve(
        images, scores, np.concatenate([np.geomspace(images[0], images[-1], 17)[:-1], ahead]), covariance,
        comparison.units.count,
    )  # fmt: skip
    gains = tuple(_gain(times, times * float(images[-1]), fitted, covariance is not None) for times in AHEAD)
    return Curve(number, points[-1].arm.name, tuple(points), fitted, gains)


def _gain(times: int, images: float, fitted: stats.LearningCurve, others: bool) -> Gain:
    """What the curve says of a number of images; of the score on other drives only where something is known of them."""
    place = int(np.argmin(np.abs(fitted.images - images)))
    score, gain = (Interval(*map(float, ends[place])) for ends in (fitted.score_interval, fitted.gain_interval))
    return Gain(times, images, float(fitted.score[place]), score if others else None, float(fitted.gain[place]), gain)


def _covariance(points: Sequence[Point], units: stats.Units, resamples: int) -> np.ndarray | None:
    """Of the points' mIoU (the seeds' mean) over other drives; None where nothing is known about others."""
    margins = [unit_margins(point.arm.seeds, units) for point in points]
    known = [each for each in margins if each is not None]
    if len(known) < len(points):
        return None
    starts = np.cumsum([0, *(each.shape[1] for each in known[:-1])])
    numbers = np.array([each.shape[1] for each in known])

    def of_points(sums: np.ndarray) -> np.ndarray:
        return np.asarray(np.add.reduceat(metrics.SCORES["mean_iou"].of(sums), starts, axis=1) / numbers)

    return stats.covariance(np.concatenate(known, axis=1), of_points, resamples)


def sentences(found: Sequence[Curve]) -> list[Verdict]:
    """Would more labels help, by how much, and how sure is that: a sentence for each curve."""
    return [_sentence(curve) for curve in found]


def _sentence(curve: Curve) -> Verdict:
    twice, *more = curve.ahead
    within = gain_words(twice)
    if twice.gain_interval.high < HARDLY:
        return Verdict(
            f"More training images like these would hardly help {curve.name}",
            f": twice as many ({twice.images:.0f}) would change its mIoU by {_about(twice)} points (95 % interval "
            f"{within}).",
        )
    if twice.gain_interval.low < NOTHING:
        further = listed([f"{_times(gain)} ({gain.images:.0f}) by {gain_words(gain)}" for gain in more])
        return Verdict(
            f"These data cannot tell whether more training images would help {curve.name}",
            f": twice as many ({twice.images:.0f}) would change its mIoU by {within} points, {further}.",
        )
    further = listed([f"{_times(gain)} ({gain.images:.0f}) {_about(gain)} ({gain_words(gain)})" for gain in more])
    bring = f"would bring {curve.name} {_about(twice)} points of mIoU more"
    return Verdict(
        f"Twice as many training images ({twice.images:.0f}) {bring}",
        f" (95 % interval {within}), to about {percent(twice.score)}\N{NO-BREAK SPACE}%; {further}.",
    )


def _times(gain: Gain) -> str:
    return {4: "four times as many"}.get(gain.times, f"{gain.times} times as many")


def _about(gain: Gain) -> str:
    return f"about {signed(gain.gain)}"


def gain_words(gain: Gain) -> str:
    """The interval of a gain in points."""
    return f"{signed(gain.gain_interval.low)} to {signed(gain.gain_interval.high)}"


def notes(comparison: Comparison, found: Sequence[Curve]) -> list[str]:
    """What the reader has to know before ordering labels."""
    steps = "what is gained comes from the images, and not from the longer training that would come with them"
    said = [
        "More images are taken to be like those at hand: as many from each new drive, labelled in the same way.",
        f"All trainings took equally many steps, with few images in more rounds: {steps}.",
        "What is expected is the median of many curves; points more count from there, not from the last score.",
    ]
    if any(len(point.arm.seeds) < 2 for curve in found for point in curve.points):
        said.append(
            "With one training for each number of images its luck cannot be seen; it is taken to be about "
            f"{100 * stats.USUAL_DEVIATION:.0f} point of mIoU, or what the curve shows. --seeds 0 1 2 would measure it."
        )
    if comparison.units.kind == "none":
        said.append("The intervals are about these images alone, because nothing is known about other drives.")
    if comparison.units.kind == "block":
        said.append("The intervals are about more of the drives that were scored, not about others.")
    return said


def rows(found: Sequence[Curve]) -> list[dict[str, str]]:
    """The table in percent and points: for each curve its numbers of images, measured and then expected."""
    return [row for curve in found for row in _rows(curve)]


def _rows(curve: Curve) -> list[dict[str, str]]:
    measured = [
        {
            "name": "", "images": f"{point.images:.0f}", "expected": "", "gain": "", "gain_interval": "",
            "score": percent(point.arm.score("mean_iou").mean), "interval": interval_words(point.arm.interval),
        }
        for point in curve.points
    ]  # fmt: skip
    expected = [
        {
            "name": "", "images": f"{gain.images:.0f}", "expected": "expected",
            "gain": signed(gain.gain), "gain_interval": gain_words(gain),
            "score": percent(gain.score), "interval": interval_words(gain.score_interval),
        }
        for gain in curve.ahead
    ]  # fmt: skip
    return [{**measured[0], "name": curve.name}, *measured[1:], *expected]


def for_programs(found: Sequence[Curve]) -> list[dict[str, object]]:
    """The part of `scores.json`: shares of 1."""

    def ends(interval: Interval | None) -> list[float] | None:
        return None if interval is None else [interval.low, interval.high]

    return [
        {
            "name": curve.name,
            "points": [
                {
                    "images": point.images,
                    "mean_iou": point.arm.score("mean_iou").mean,
                    "ci95": ends(point.arm.interval),
                    "seeds": [{"seed": seed.number, "mean_iou": seed.scores["mean_iou"]} for seed in point.arm.seeds],
                }
                for point in curve.points
            ],
            "ahead": [
                {
                    "images": gain.images, "mean_iou": gain.score, "ci95": ends(gain.score_interval),
                    "gain": gain.gain, "gain_ci95": ends(gain.gain_interval),
                }
                for gain in curve.ahead
            ],
        }
        for curve in found
    ]  # fmt: skip
