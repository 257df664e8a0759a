"""What random folds would have shown, drawn."""

from __future__ import annotations

from markupsafe import Markup

from roadseg.report.comparison.leakage import Leakage, change
from roadseg.report.figures import svg
from roadseg.report.figures.scores import CHARACTER, axis, grid, pixels
from roadseg.report.figures.svg import arm_class, drawing, element, mark, text
from roadseg.system.progress import percent

ROW = 34.0


def figure(leakage: Leakage) -> Markup:
    """For each arm a line from its mIoU on grouped folds (filled) to that on random ones (ring)."""
    scores = [score for arm in leakage.arms for score in (arm.grouped, arm.random)]
    ticks = svg.ticks(min(scores), max(scores), 5)
    left, width, top = 24 + CHARACTER * max(len(arm.name) for arm in leakage.arms), 380.0, 44.0
    place = pixels(ticks, left, width)
    bottom = top + ROW * len(leakage.arms)
    parts = [text("mIoU, %: filled on grouped folds, ring on random ones", left, 16, "tick")]
    parts += [grid(ticks, place, top, bottom), axis(ticks, place, top - 6)]
    for number, arm in enumerate(leakage.arms):
        y, color = top + ROW * (number + 0.5), arm_class(number)
        ends = {"x1": place(arm.grouped), "x2": place(arm.random), "y1": y, "y2": y}
        hint = element("title", f"{arm.name}: {percent(arm.grouped)} % grouped, {percent(arm.random)} % random")
        parts += [text(arm.name, 8, y + 4, "name"), element("line", class_=f"range {color}", **ends)]
        parts.append(element("circle", hint, class_=f"ring {color}", cx=place(arm.random), cy=y, r=7))
        parts.append(mark(number, place(arm.grouped), y))
        parts.append(text(change(arm), left + width + 14, y + 4, "value"))
    return drawing("mIoU on grouped and on random folds", Markup("").join(parts), left + width + 64, bottom + 10)
