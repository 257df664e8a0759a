"""All that a report says about a study. Page, text, files for programs and the terminal read it from here."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from roadseg.report.comparison import anatomy, confidence, leakage, learning, verdicts as verdicts_of
from roadseg.report.comparison.anatomy import Anatomy, BoundaryScore, Panel
from roadseg.report.comparison.arms import Comparison, Study
from roadseg.report.comparison.confidence import ArmConfidence
from roadseg.report.comparison.contrasts import Contrast
from roadseg.report.comparison.gather import check_pictures, gather_study
from roadseg.report.comparison.leakage import Leakage
from roadseg.report.comparison.learning import Curve
from roadseg.report.comparison.next_steps import NextStep, next_steps
from roadseg.report.comparison.verdicts import Verdict
from roadseg.runs.arms import by_seed, run_names
from roadseg.runs.facts import RunFacts


@dataclass(frozen=True)
class Findings:
    """What follows from a study, each part computed once: when it is first asked for."""

    study: Study

    @property
    def main(self) -> Comparison:
        """The arms that the report compares."""
        return self.study.main

    @cached_property
    def against_first(self) -> list[Contrast]:
        """The arm with the highest mIoU minus every other one, the closest first."""
        return verdicts_of.against_first(self.main)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Which arm is better, or that there is no significant difference."""
        bands = {each.arm.name: each.bands for each in self.anatomies}
        return verdicts_of.verdicts(self.main, self.against_first, bands)

    @cached_property
    def leakage(self) -> Leakage | None:
        """What random folds would have shown; None where there are none."""
        random = self.study.random_folds
        return None if random is None else leakage.measure(self.main, random)

    @cached_property
    def curves(self) -> list[Curve]:
        """The learning curves of the arms that have one."""
        smaller = self.study.smaller_shares
        return [] if smaller is None else learning.curves(self.main, smaller)

    @cached_property
    def learning(self) -> list[Verdict]:
        """Would more labels help: a sentence or two for each curve."""
        return learning.sentences(self.curves)

    @cached_property
    def next_steps(self) -> list[NextStep]:
        """What to try next, the most important first."""
        return next_steps(self.main, self.against_first, self.anatomies, [curve.name for curve in self.curves])

    @cached_property
    def confidences(self) -> list[ArmConfidence | None]:
        """The confidence of each arm; None where it was not counted."""
        return confidence.gathered(self.main)

    @property
    def anatomies(self) -> list[Anatomy]:
        """Where each arm is right; empty where an arm's counts are lacking."""
        return self._anatomy[0]

    @property
    def without_anatomy(self) -> list[str]:
        """The arms whose counts are lacking."""
        return self._anatomy[1]

    @cached_property
    def _anatomy(self) -> tuple[list[Anatomy], list[str]]:
        return anatomy.gather_anatomy(self.main)

    @cached_property
    def panels(self) -> list[Panel]:
        """Scores over parts of the pixels."""
        return anatomy.panels(self.main, self.anatomies)

    @cached_property
    def boundary_scores(self) -> list[BoundaryScore]:
        """Scores at boundaries."""
        return anatomy.boundary_table(self.main, self.anatomies)


def findings_of(runs: Sequence[RunFacts], root: Path | None = None) -> Findings:
    """What follows from runs that need not be of one study; those that differ in their seed alone are one arm.

    Their images are in `root`, or where they were in training. Raises as `run_names`, `gather_study` and, with a root,
    `check_pictures`.
    """
    findings = Findings(gather_study(None, by_seed(runs, run_names(runs)), root))
    if root:
        check_pictures(findings.main, root)
    return findings
