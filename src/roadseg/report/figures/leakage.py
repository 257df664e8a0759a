"""What random folds would have shown, drawn."""

from functools import partial

from markupsafe import Markup

from roadseg.report.comparison.leakage import Inflation, Leakage, change
from roadseg.report.figures import svg
from roadseg.report.figures.panel import Place, Row, rows
from roadseg.report.figures.svg import element
from roadseg.system.progress import percent


def figure(leakage: Leakage) -> Markup:
    """For each arm a line from its mIoU on grouped folds (filled) to that on random ones (ring)."""
    scores = [score for arm in leakage.arms for score in (arm.grouped, arm.random)]
    ticks = svg.ticks(min(scores), max(scores), 5)
    lines = [Row(arm.name, partial(_track, number, arm), change(arm)) for number, arm in enumerate(leakage.arms)]
    heads = ("mIoU, %: filled on grouped folds, ring on random ones", "points")
    return rows("mIoU on grouped and on random folds", heads, ticks, lines, height=34)


def _track(number: int, arm: Inflation, place: Place, y: float) -> Markup:
    ends = {"x1": place(arm.grouped), "x2": place(arm.random), "y1": y, "y2": y}
    hint = element("title", f"{arm.name}: {percent(arm.grouped)} % grouped, {percent(arm.random)} % random")
    ring = element("circle", hint, class_="ring", cx=place(arm.random), cy=y, r=7)
    return svg.group(number, [element("line", class_="range", **ends), ring, svg.mark(number, place(arm.grouped), y)])
