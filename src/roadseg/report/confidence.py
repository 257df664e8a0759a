"""Confidence: how often the arms are right where they are so sure, before and after their temperatures."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from markupsafe import Markup

from roadseg import confidence, stats
from roadseg.calibration import LEVELS, threshold
from roadseg.confidence import AS_SAID, CALIBRATED, NEAR
from roadseg.progress import percent
from roadseg.report import svg
from roadseg.report.curves import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from roadseg.report.gather import Comparison, ScoredArm, Seed
from roadseg.report.svg import element, text
from roadseg.runs import RunDir

PLACES = {"all": "All pixels", "inside": "Inside objects", "boundary": "At boundaries"}
SMALLEST_SHARE = 0.0005
"""Bins with a smaller share of the pixels are not drawn: their rate of right pixels is hardly known."""
HONEST = 0.005
"""Claims that are nearer to the truth than this are called so."""

Span = tuple[float, float] | None


@dataclass(frozen=True)
class Promise:
    """What is left where pixels below the validation images' threshold for `level` are left out, over the seeds."""

    level: float
    coverage: float
    right: float
    interval: Span


@dataclass(frozen=True)
class Sure:
    """An arm's confidence: counts (S, N, 2, 2, 3, BINS) of its seeds, units of resampling, and kept pixels by level.

    `kept` has for each of `LEVELS` wrong, right and all pixels, int64 (S, N, 3), or None where a run has no threshold.
    """

    number: int
    name: str
    counts: np.ndarray
    units: list[str] | None
    temperatures: tuple[float | None, ...]
    kept: tuple[np.ndarray | None, ...]

    @cached_property
    def total(self) -> np.ndarray:
        """All images of all seeds, int64 (2, 2, 3, BINS)."""
        return np.asarray(self.counts.sum((0, 1)))

    def part(self, place: str, calibration: int) -> np.ndarray:
        """The seeds' counts of one place, int64 (S, 3, BINS)."""
        return confidence.places(self.counts.sum(1)[:, calibration])[place]

    def error(self, place: str, calibration: int) -> float:
        """Expected calibration error, the mean over the seeds."""
        return float(confidence.calibration_error(confidence.merged(self.part(place, calibration))).mean())

    def interval(self, place: str) -> Span:
        """95 % bootstrap interval of the calibrated error for these seeds."""
        counts = confidence.merged(confidence.places(self.counts[:, :, CALIBRATED])[place])
        return self._resampled(counts, lambda sums: confidence.calibration_error(sums).mean(-1))

    def _resampled(self, counts: np.ndarray, statistic: Any) -> Span:
        """The interval of a statistic of counts (S, N, ...)."""
        if self.units is None:
            return None
        low, high = stats.bootstrap_interval(np.swapaxes(counts, 0, 1), self.units, statistic)
        return None if np.isnan(low) else (low, high)

    @cached_property
    def promises(self) -> list[Promise | None]:
        """For each of `LEVELS`, what the validation images' threshold does on these images."""

        def right(sums: np.ndarray) -> np.ndarray:
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray((sums[..., 1] / sums[..., :2].sum(-1)).mean(-1))

        found: list[Promise | None] = []
        for level, kept in zip(LEVELS, self.kept, strict=True):
            sums = None if kept is None else kept.sum(1)
            if kept is None or sums is None or not sums[:, :2].sum(-1).all():
                found.append(None)
                continue
            coverage = float((sums[:, :2].sum(-1) / sums[:, 2]).mean())
            found.append(Promise(level, coverage, float(right(sums)), self._resampled(kept, right)))
        return found


def gathered(comparison: Comparison) -> list[Sure | None]:
    """The confidence of each arm; None where a run of it has no counts of these images."""
    records = comparison.records
    groups = [records[name].group for name in comparison.ids] if records else None
    units = stats.resampled_groups(groups)[1] if groups else None
    return [_sure(number, arm, comparison, units) for number, arm in enumerate(comparison.arms)]


def _sure(number: int, arm: ScoredArm, comparison: Comparison, units: list[str] | None) -> Sure | None:
    parts = [_of_seed(seed, comparison) for seed in arm.seeds]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    counts = np.stack([of_images for of_images, _ in known])
    kept = [[of_level[index] for _, of_level in known] for index in range(len(LEVELS))]
    joined = tuple(None if any(each is None for each in of) else np.stack(of) for of in kept)  # type: ignore[arg-type]
    return Sure(number, arm.name, counts, units, tuple(run.temperature() for run in arm.arm.runs), joined)


def _of_seed(seed: Seed, comparison: Comparison) -> tuple[np.ndarray, list[np.ndarray | None]] | None:
    """Counts (N, 2, 2, 3, BINS) of the comparison's images, and by level what each run's own threshold keeps (N, 3)."""
    counts: dict[str, np.ndarray] = {}
    kept: list[dict[str, np.ndarray] | None] = [{} for _ in LEVELS]
    for run in dict.fromkeys(seed.run_of):
        found = run.confidence(comparison.split)
        if found is None:
            return None
        counts |= dict(zip(*found, strict=True))
        for index, of_images in enumerate(_kept(run, found[1])):
            own = kept[index]
            if own is None or of_images is None:
                kept[index] = None
            else:
                own.update(zip(found[0], of_images, strict=True))
    if not counts.keys() >= set(comparison.ids):
        return None
    ordered = [None if own is None else np.stack([own[name] for name in comparison.ids]) for own in kept]
    return np.stack([counts[name] for name in comparison.ids]), ordered


def _kept(run: RunDir, counts: np.ndarray) -> list[np.ndarray | None]:
    """Wrong, right and all pixels (N, 3) of the images, with the run's own thresholds for each of `LEVELS`."""
    of_val = run.confidence("val")
    whole = confidence.places(counts[:, CALIBRATED])["all"]
    least = [None if of_val is None else threshold(of_val[1], level) for level in LEVELS]
    return [None if each is None else confidence.kept(whole, each.confidence) for each in least]


def section(comparison: Comparison, arms: Sequence[Sure | None]) -> dict[str, Any]:
    """What the templates show of confidence."""
    known = [arm for arm in arms if arm is not None]
    lacking = [arm for arm, sure in zip(comparison.arms, arms, strict=True) if sure is None]
    return {
        "known": known,
        "rows": [_row(sure) for sure in known],
        "places": PLACES,
        "levels": [f"{100 * level:g}" for level in LEVELS],
        "near": NEAR,
        "says": [words(sure) for sure in known],
        "notes": notes(comparison, known),
        "panels": panels(known),
        "lacking": [
            f"roadseg evaluate {shlex.quote(str(run.path))} --data.root DIR --split {comparison.split}"
            for arm in lacking
            for run in arm.arm.runs
        ],
    }


def _row(sure: Sure) -> dict[str, Any]:
    known = [f"{value:.2f}" for value in sure.temperatures if value is not None]
    return {
        "number": sure.number,
        "temperature": ", ".join(dict.fromkeys(known)) or "–",
        "errors": [
            {"before": sure.error(place, AS_SAID), "after": sure.error(place, CALIBRATED),
             "interval": _span(sure.interval(place))}
            for place in PLACES
        ],
        "promises": sure.promises,
        "intervals": [_span(promise.interval) if promise else "" for promise in sure.promises],
    }  # fmt: skip


def _span(interval: Span) -> str:
    return "" if interval is None else f"{percent(interval[0])}–{percent(interval[1])}"


def words(sure: Sure) -> str:
    """What an arm claims and what is true, in sentences."""
    said, calibrated = (_claim(sure, "all", calibration) for calibration in (AS_SAID, CALIBRATED))
    found = f"{sure.name} claims {percent(said[0])} % on average and is right at {percent(said[1])} % of the pixels"
    found += f": {_judged(said)}."
    if any(value is not None for value in sure.temperatures):
        found += f" After its temperature it claims {percent(calibrated[0])} %"
        inside, boundary = (_claim(sure, place, CALIBRATED) for place in ("inside", "boundary"))
        found += (
            f"; inside objects it is then {_judged(inside)} ({percent(inside[0])} % claimed, {percent(inside[1])} % "
        )
        found += f"right), at boundaries {_judged(boundary)} ({percent(boundary[0])} %, {percent(boundary[1])} %)."
    return found


def _claim(sure: Sure, place: str, calibration: int) -> tuple[float, float]:
    """Mean confidence and accuracy over all seeds."""
    counts = confidence.places(sure.total[calibration])[place]
    return float(confidence.mean_confidence(counts)), float(confidence.accuracy(counts))


def _judged(claim: tuple[float, float]) -> str:
    gap = claim[0] - claim[1]
    return "honest on average" if abs(gap) < HONEST else "overconfident" if gap > 0 else "underconfident"


def notes(comparison: Comparison, arms: Sequence[Sure]) -> list[str]:
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
    if any(run.config().crf.iterations for arm in comparison.arms for run in arm.arm.runs):
        found.append(
            "Where a CRF acts, confidence is the softmax of what it makes of the logits, not the network's own."
        )
    return found


def panels(arms: Sequence[Sure]) -> list[tuple[str, Markup]]:
    """Reliability inside objects and at boundaries, and risk by coverage, as titles and drawings."""
    if not arms:
        return []
    drawn = [(PLACES[place], _reliability(arms, place)) for place in ("inside", "boundary")]
    drawn.append(("Leaving out the unsure", _risk(arms)))
    return [(title, svg.drawing(title, content, WIDTH, HEIGHT)) for title, content in drawn]


def _place(x: float, y: float, top: float = 1.0) -> tuple[float, float]:
    """Pixels of shares x of 1 and y of `top`."""
    return LEFT + x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)


def _axes(across: str, up: str, rows: Sequence[float]) -> list[Markup]:
    """A grid up to the last row's value, and what the axes are."""
    parts = []
    for value in rows:
        _, y = _place(0, value, rows[-1])
        parts += [
            element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y),
            text(f"{100 * value:g} %", LEFT - 6, y + 4, "tick", "end"),
        ]
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(text(f"{100 * share:g} %", _place(share, 0)[0], HEIGHT - BOTTOM + 17, "tick", "middle"))
    parts.append(text(across, WIDTH - RIGHT, HEIGHT - 4, "tick", "end"))
    parts.append(text(up, LEFT + 6, TOP + 12, "tick"))
    return parts


def _line(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return element("polyline", points=places, class_=class_)


def _reliability(arms: Sequence[Sure], place: str) -> Markup:
    parts = _axes("confidence", "right", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
    parts.append(_line([_place(0, 0), _place(1, 1)], "ideal"))
    for arm in arms:
        own = []
        for calibration, kind in ((AS_SAID, "train"), (CALIBRATED, "val")):
            counts = confidence.merged(confidence.places(arm.total[calibration])[place])
            sure, right, share = confidence.reliability(counts)
            points = [_place(float(x), float(y)) for x, y in zip(sure, right, strict=True)]
            shown = [point for point, enough in zip(points, share >= SMALLEST_SHARE, strict=True) if enough]
            own.append(_line(shown, f"line {kind}"))
        own += [svg.mark(arm.number, x, y, "mark small") for x, y in shown]
        parts.append(element("g", *own, class_=f"arm {svg.arm_class(arm.number)}", data_arm=arm.number))
    return Markup("").join(parts)


def _risk(arms: Sequence[Sure]) -> Markup:
    curves = [confidence.risk_coverage(confidence.places(arm.total[CALIBRATED])["all"]) for arm in arms]
    worst = max(float(np.nanmax(np.where(coverage >= 0.02, risk, 0))) for coverage, risk in curves)
    rows = svg.ticks(0, max(worst, 0.02), 6)
    top = rows[-1]
    parts = _axes("share of the pixels that is kept", "wrong among them", rows)
    for level in LEVELS:
        if 1 - level <= top:
            parts.append(_line([_place(0, 1 - level, top), _place(1, 1 - level, top)], "ideal"))
            parts.append(text(f"{100 * level:g} % right", LEFT + 6, _place(0, 1 - level, top)[1] - 4, "tick"))
    for arm, (coverage, risk) in zip(arms, curves, strict=True):
        points = [_place(float(x), float(y), top) for x, y in zip(coverage, risk, strict=True) if x >= 0.02]
        own = [_line(points, "line val")]
        for promise in filter(None, arm.promises):
            own.append(svg.mark(arm.number, *_place(promise.coverage, 1 - promise.right, top), "mark small"))
        parts.append(element("g", *own, class_=f"arm {svg.arm_class(arm.number)}", data_arm=arm.number))
    return Markup("").join(parts)


def file(arms: Sequence[Sure | None]) -> str | None:
    """The three panels as a drawing of its own; None without counts."""
    drawn = panels([arm for arm in arms if arm is not None])
    if not drawn:
        return None
    content, step = Markup(""), WIDTH + 20
    for position, (title, panel) in enumerate(drawn):
        head = text(title, LEFT, 16, "heading")
        content += element("g", head, panel_content(panel), transform=f"translate({position * step:g} 24)")
    return svg.standalone(svg.drawing("Confidence", content, 3 * step, HEIGHT + 30))


def panel_content(panel: Markup) -> Markup:
    """A drawing's inside, shifted below its heading."""
    inside = panel.split("</title>", 1)[1].rsplit("</svg>", 1)[0]
    return element("g", Markup(inside), transform="translate(0 10)")


def of_arm(sure: Sure | None) -> dict[str, Any] | None:
    """What `scores.json` says of an arm's confidence."""
    if sure is None:
        return None
    figures = {
        name: {("ece" if place == "all" else f"ece_{place}"): sure.error(place, calibration) for place in PLACES}
        for name, calibration in (("calibrated", CALIBRATED), ("uncalibrated", AS_SAID))
    }
    interval = sure.interval("all")
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
