"""Reliability diagrams and risk by coverage, drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from roadseg.report.comparison.confidence import PLACES, Sure
from roadseg.report.figures import svg
from roadseg.report.figures.curves import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from roadseg.report.figures.svg import element, text
from roadseg.scoring import confidence
from roadseg.scoring.calibration import LEVELS
from roadseg.scoring.confidence import AS_SAID, CALIBRATED

SMALLEST_SHARE = 0.0005
"""Bins with a smaller share of the pixels are not drawn: their rate of right pixels is hardly known."""


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
            counts = confidence.merged(confidence.regions(arm.total[calibration])[place])
            sure, right, share = confidence.reliability(counts)
            points = [_place(float(x), float(y)) for x, y in zip(sure, right, strict=True)]
            shown = [point for point, enough in zip(points, share >= SMALLEST_SHARE, strict=True) if enough]
            own.append(_line(shown, f"line {kind}"))
        own += [svg.mark(arm.number, x, y, "mark small") for x, y in shown]
        parts.append(element("g", *own, class_=f"arm {svg.arm_class(arm.number)}", data_arm=arm.number))
    return Markup("").join(parts)


def _risk(arms: Sequence[Sure]) -> Markup:
    curves = [confidence.risk_coverage(confidence.regions(arm.total[CALIBRATED])["all"]) for arm in arms]
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
