"""Which arm is better, by how much, and where the gain lies; or that there is no significant difference."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from roadseg.report.comparison.arms import Comparison, ScoredArm
from roadseg.report.comparison.contrasts import Contrast
from roadseg.report.comparison.words import count, interval_words, p_words, signed
from roadseg.scoring.anatomy.words import where_it_differs
from roadseg.scoring.stats import FEWEST_UNITS
from roadseg.system.progress import percent


class Verdict(NamedTuple):
    """A sentence or two: the claim that a reader takes away, and right behind it what it rests on and where it lies."""

    claim: str
    rest: str

    @property
    def text(self) -> str:
        """Both."""
        return self.claim + self.rest


def verdicts(comparison: Comparison, pairs: Sequence[Contrast], bands: Mapping[str, np.ndarray]) -> list[Verdict]:
    """What may be said: the arm with the highest mIoU against every other one, the closest first; or a single arm's
    score.

    `pairs` are those of `against_first`. `bands` are the arms' confusions by distance to a boundary, empty where they
    were not counted: the verdict then does not say where the gain lies.
    """
    first = ranked(comparison)[0]
    if len(comparison.arms) == 1:
        interval = f" (95 % CI {interval_words(first.interval)})" if first.interval else ""
        place = f"{count(len(comparison.ids), 'image')} of the {comparison.split} split"
        return [Verdict(f"{first.name} has a mIoU of {_miou(first)}", f"{interval} on {place}.")]
    few = f"{count(len(comparison.ids), 'image')} of one drive or sequence are too few"
    why = f"; whether it is better cannot be told: {few}."
    unknown = Verdict(f"{first.name} has the highest mIoU, {_miou(first)}", why)
    return [_verdict(comparison, contrast, bands) for contrast in pairs] or [unknown]


def against_first(comparison: Comparison) -> list[Contrast]:
    """The arm with the highest mIoU minus every other one, the closest first."""
    (first, *others), found = ranked(comparison), {}
    for contrast in comparison.contrasts:
        found[contrast.a, contrast.b] = contrast
        found[contrast.b, contrast.a] = contrast.turned()
    pairs = [(first.name, arm.name) for arm in others]
    return [found[pair] for pair in pairs if pair in found]


def ranked(comparison: Comparison) -> list[ScoredArm]:
    """The arms, that with the highest mIoU first."""
    return sorted(comparison.arms, key=lambda arm: -(arm.score("mean_iou").mean or 0.0))


def _verdict(comparison: Comparison, contrast: Contrast, bands: Mapping[str, np.ndarray]) -> Verdict:
    a, b, (low, high) = contrast.a, contrast.b, contrast.interval
    points = f"{100 * abs(contrast.miou):.1f} points of mIoU"
    evidence = f"95 % CI {signed(low)} to {signed(high)}; paired over {_where(comparison)}, {_p(comparison, contrast)}"
    if np.isnan(contrast.miou):
        return Verdict(f"{a} and {b} cannot be compared", ": one of them has no mIoU.")
    if contrast.verdict == "cannot tell":
        claim = f"No significant difference between {a} and {b} on this data: they differ by {points}"
        return Verdict(claim, f" ({evidence}); {_more(comparison, contrast)}.")
    word = "beats" if contrast.verdict == "better" else "loses to"
    lasting = f"; that holds for {_these(comparison)} alone" if _blocks(comparison) else ""
    where = where_it_differs(bands[b], bands[a]) if bands else None
    found = f"{_classes(comparison, contrast)}. {where}" if where else _classes(comparison, contrast)
    return Verdict(f"{a} {word} {b} by {points}", f" ({evidence}){lasting}. {found}.")


def _p(comparison: Comparison, contrast: Contrast) -> str:
    by_t = p_words(contrast.p_t).removeprefix("p ").removeprefix("= ")
    pairs = len(comparison.contrasts)
    corrected = f" corrected for {pairs} pairs" if pairs > 1 else ""
    return f"{p_words(contrast.p_swap)} by swaps and {by_t} by t{corrected}"


def _blocks(comparison: Comparison) -> bool:
    return comparison.units.kind == "block"


def _where(comparison: Comparison) -> str:
    images, units = count(len(comparison.ids), "image"), comparison.units
    if units.count == len(comparison.ids):
        return images
    if units.kind == "group":
        return f"{images} in {units.count} drives"
    drives = "one drive" if comparison.groups == 1 else f"{comparison.groups} drives"
    return f"{images} in {units.count} stretches of {drives}"


def _these(comparison: Comparison) -> str:
    return "this drive" if comparison.groups == 1 else f"these {comparison.groups} drives"


def _classes(comparison: Comparison, contrast: Contrast) -> str:
    names, held, by = np.array(comparison.space.names), contrast.holds, contrast.of_class
    order = np.argsort(-np.abs(np.nan_to_num(by)), kind="stable")
    gains, losses = ([str(names[i]) for i in order if held[i] and sign * by[i] > 0] for sign in (1, -1))
    text = f"Significant gain for: {', '.join(gains)}" if gains else "No single class gains significantly"
    return text + (f"; significant loss for: {', '.join(losses)}" if losses else "")


def _more(comparison: Comparison, contrast: Contrast) -> str:
    noun = "drive" if comparison.groups != len(comparison.ids) else "image"
    if _blocks(comparison):
        return f"more of {_these(comparison)}, or better other drives, might show one"
    few = ""
    if contrast.units < FEWEST_UNITS:
        few = f"with {count(contrast.units, noun)} no difference could be told, however large"
        if contrast.units < 3:
            return f"{few}; at least {count(FEWEST_UNITS - contrast.units, f'more {noun}')} would be needed"
        few += ", and "
    if contrast.more is None:
        return f"{few}if they differ so little, even 1000 more {noun}s would not show it"
    return f"{few}about {count(contrast.more, f'more {noun}')} would show it, if the difference is what it seems"


def listed(names: list[str]) -> str:
    """Names in a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _miou(arm: ScoredArm) -> str:
    return f"{percent(arm.score('mean_iou').mean)}\N{NO-BREAK SPACE}%"
