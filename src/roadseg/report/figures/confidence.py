"""Reliability diagrams and risk by coverage, drawn."""

from collections.abc import Sequence

from markupsafe import Markup

from roadseg.report.comparison.confidence import REGIONS, ArmConfidence
from roadseg.report.figures import svg
from roadseg.report.figures.panel import Panel, percents, side_by_side
from roadseg.report.figures.svg import text
from roadseg.scoring import confidence
from roadseg.scoring.calibration import LEVELS
from roadseg.scoring.confidence import AS_SAID, CALIBRATED

SMALLEST_SHARE = 0.0005
"""Bins with a smaller share of the pixels are not drawn: their rate of right pixels is hardly known."""
LEAST_COVERAGE = 0.02
"""With fewer pixels than this share kept, the rate of errors is hardly known."""
TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def panels(arms: Sequence[ArmConfidence]) -> list[tuple[str, Markup]]:
    """Titles and drawings: reliability inside objects and at boundaries, and risk by coverage."""
    if not arms:
        return []
    reliable = [(REGIONS[region], _reliability(arms, region)) for region in ("inside", "boundary")]
    return [*reliable, ("Leaving out the unsure", _risk(arms))]


def _reliability(arms: Sequence[ArmConfidence], region: str) -> Markup:
    panel = Panel.of((0, 1), (0, 1))
    parts = [panel.axes(percents(TICKS), percents(TICKS), "confidence, %", "right, %")]
    parts.append(panel.line([(0, 0), (1, 1)], "ideal"))
    for arm in arms:
        own = []
        for calibration, kind in ((AS_SAID, "train"), (CALIBRATED, "val")):
            counts = confidence.merged(confidence.regions(arm.total[calibration])[region])
            bins = zip(*(values.tolist() for values in confidence.reliability(counts)), strict=True)
            shown = [(sure, right) for sure, right, share in bins if share >= SMALLEST_SHARE]
            own.append(panel.line(shown, f"line {kind}"))
        own += [panel.mark(arm.number, point) for point in shown]
        parts.append(svg.group(arm.number, own))
    return Markup("").join(parts)


def _risk(arms: Sequence[ArmConfidence]) -> Markup:
    curves = []
    for arm in arms:
        coverage, risk = confidence.risk_coverage(confidence.regions(arm.total[CALIBRATED])["all"])
        known = coverage >= LEAST_COVERAGE
        curves.append(list(zip(coverage[known].tolist(), risk[known].tolist(), strict=True)))
    worst = max((risk for curve in curves for _, risk in curve), default=0.0)
    rows = svg.ticks(0, max(worst, 0.02), 6)
    panel = Panel.of((0, 1), (0, rows[-1]))
    parts = [panel.axes(percents(rows), percents(TICKS), "pixels kept, %", "wrong among them, %")]
    for level in (level for level in LEVELS if panel.y.holds(1 - level)):
        parts.append(panel.line([(0, 1 - level), (1, 1 - level)], "ideal"))
        parts.append(text(f"{100 * level:g} % right", panel.right, panel.y(1 - level) - 4, "tick halo", "end"))
    for arm, curve in zip(arms, curves, strict=True):
        kept = [(promise.coverage, 1 - promise.right) for promise in arm.promises if promise]
        parts.append(svg.group(arm.number, [panel.line(curve), *(panel.mark(arm.number, point) for point in kept)]))
    return Markup("").join(parts)


def file(arms: Sequence[ArmConfidence | None], drawn: Sequence[tuple[str, Markup]]) -> str | None:
    """The three panels as a drawing of its own; None without counts."""
    if not drawn:
        return None
    names = {arm.number: arm.name for arm in arms if arm is not None}
    return svg.standalone(side_by_side("Confidence", drawn, names))
