"""How training went: loss and scores by epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from roadseg.report.comparison.arms import Comparison
from roadseg.report.comparison.provenance import best_epoch
from roadseg.report.figures import svg
from roadseg.report.figures.panel import Panel, Point, percents

MOST_MARKS = 8

Line = list[Point]
History = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Curve:
    """What is drawn over the epochs: its key in `metrics.jsonl`, and the unit of its axis."""

    key: str
    title: str
    unit: str


CURVES = (Curve("loss", "Loss", ""), Curve("mean_iou", "mIoU (macro IoU)", "%"), Curve("micro_iou", "Micro IoU", "%"))


def panels(comparison: Comparison) -> list[tuple[str, Markup]]:
    """Titles and drawings: of every arm training (dotted) and validation; its runs thin, their mean thick."""
    histories = [[run.history for run in arm.arm.runs] for arm in comparison.arms]
    return [(curve.title, _panel(histories, curve)) for curve in CURVES]


def _panel(histories: Sequence[Sequence[History]], curve: Curve) -> Markup:
    of_runs = [history for runs in histories for history in runs]
    values = [value for history in of_runs for part in ("train", "val") for _, value in line(history, part, curve.key)]
    epochs = max(map(len, of_runs), default=1)
    marks = svg.ticks(0, max(values, default=1.0), 6)
    panel = Panel.of((1, epochs), (0, marks[-1]))
    rows = percents(marks) if curve.unit else {mark: f"{mark:g}" for mark in marks}
    axes = panel.axes(rows, {epoch: epoch for epoch in epoch_ticks(epochs)}, "epoch", curve.unit)
    return Markup("").join([axes, *(_arm(number, runs, curve.key, panel) for number, runs in enumerate(histories))])


def line(history: History, part: str, key: str) -> Line:
    """(epoch, value) of the epochs that have a value."""
    return [(float(entry["epoch"]), entry[part][key]) for entry in history if entry[part][key] is not None]


def mean_line(lines: Sequence[Line]) -> Line:
    """The mean over the runs at the epochs that all of them have."""
    tables = [dict(points) for points in lines]
    shared = sorted(set.intersection(*map(set, tables))) if tables else []
    return [(epoch, sum(table[epoch] for table in tables) / len(tables)) for epoch in shared]


def epoch_ticks(epochs: int) -> list[int]:
    """The first epoch, and round ones after it."""
    inner = [round(value) for value in svg.ticks(0, epochs, 6) if 1 < value <= epochs and value == round(value)]
    return [1, *dict.fromkeys(inner)]


def _arm(number: int, runs: Sequence[History], key: str, panel: Panel) -> Markup:
    parts = []
    for part in ("train", "val"):
        lines = [line(history, part, key) for history in runs]
        if len(lines) > 1:
            parts += [panel.line(points, f"line run {part}") for points in lines]
        mean = mean_line(lines)
        parts.append(panel.line(mean, f"line {part}"))
    step = -(-len(mean) // MOST_MARKS) or 1  # some points, others for each arm, so that marks do not cover each other
    parts += [panel.mark(number, point) for point in mean[number % step :: step]]
    if key == "mean_iou":
        parts += [panel.circle(point, 8, "ring") for point in _scored(runs)]
    return svg.group(number, parts)


def _scored(runs: Sequence[History]) -> Line:
    """The epoch of each run whose weights are scored, and its mIoU."""
    bests = [(dict(line(history, "val", "mean_iou")), float(best_epoch(list(history)))) for history in runs if history]
    return [(best, values[best]) for values, best in bests if best in values]
