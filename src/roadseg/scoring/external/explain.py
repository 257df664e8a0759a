"""Explain why a convention's score differs from ours, by changing one choice after the other."""

from typing import NamedTuple

import numpy as np

from roadseg.scoring.external.conventions import OURS, Counts, Rule, hits, parts

LEAST = 0.0005
"""Smaller changes (0.05 points) are not reported."""
MOST_NAMES = 3
"""Classes that a sentence names."""


class Step(NamedTuple):
    """One choice changed: its field in `Rule`, what it does to the score, and in that the part of each class and of
    ignored pixels, (C+1,)."""

    field: str
    change: float
    by_class: np.ndarray


def steps(counts: Counts, rule: Rule) -> list[Step]:
    """The steps from our rule to another one, one field at a time in `Rule`'s order. Their changes sum to the gap.

    The parts of the classes sum to the change of a step. A class's part is the gain of its points minus the gain of its
    weight times the previous score: more weight raises the score if the class is better than that score.
    """
    path, now = [], OURS
    before = parts(counts, now)
    for field in Rule._fields:
        if getattr(rule, field) == getattr(now, field):
            continue
        was, now = now, now._replace(**{field: getattr(rule, field)})
        after = parts(counts, now)
        if field == "absent" and rule.absent in (0, 1):
            gained = after.filled * (float(rule.absent) - before.score)
            by_class = _placed(gained, now, counts)
        else:
            gains = [one.points - one.weights * before.score for one in (before, after)]
            by_class = _placed(gains[1], now, counts) - _placed(gains[0], was, counts)
        path.append(Step(field, after.score - before.score, by_class))
        before = after
    return path


def _placed(values: np.ndarray, rule: Rule, counts: Counts) -> np.ndarray:
    """A rule's values by class as values by row of the counts, (C+1,): every class, then ignored pixels."""
    first = int(rule.background)
    return np.pad(values, (first, counts.shape[1] - first - len(values)))


def because(counts: Counts, rule: Rule, names: list[str]) -> str:
    """The gap between a rule's score and ours in words, with points of percent; what has no effect is left out.

    Args:
        counts: of each image.
        rule: the other one.
        names: of the classes.
    """
    reasons = []
    for step in steps(counts, rule):
        if np.isnan(step.change):
            return _undefined(counts, rule, step.field, names)
        if abs(step.change) >= LEAST or (np.abs(step.by_class) >= LEAST).any():
            reasons.append(
                f"{_what(counts, rule, step.field, names)}: {points(step.change)}{_classes(step, counts, rule, names)}"
            )
    if reasons:
        return "; ".join(reasons)
    if rule == OURS:
        return "the same definition"
    return "another definition that makes no difference on these pictures"


def _undefined(counts: Counts, rule: Rule, field: str, names: list[str]) -> str:
    if field == "void":
        share = counts[:, :-1, -1].sum() / counts[:, :-1].sum()
        return f"{_percent(share)} of the labelled pixels are predicted as no class, which it cannot count"
    kept = names[int(rule.background) :]
    missing = [kept[index] for index in np.flatnonzero(~(hits(counts, rule).union > 0).any(0))]
    verb = "occurs" if len(missing) == 1 else "occur"
    return f"{_listed(missing)} never {verb}: 0/0 makes the mean undefined"


def _what(counts: Counts, rule: Rule, field: str, names: list[str]) -> str:
    ignored = _percent(counts[:, -1].sum() / counts.sum())
    one_each = rule.averaging in ("pairs", "images", "images of classes", "images pooled")
    words = {
        ("ignored", "false alarms"): f"predictions on ignored pixels ({ignored}) are false alarms",
        ("ignored", "a class"): f"ignored pixels ({ignored}) are one more class",
        ("void", "left out"): "pixels predicted as no class are left out",
        ("background", True): f"{names[0]}, class 0, is taken for background and left out",
        ("averaging", "pooled"): "all classes pooled, each as heavy as its pixels",
        ("averaging", "pairs"): "mean over every class of every image",
        ("averaging", "images"): "mean over the images",
        ("averaging", "images of classes"): "each class's mean over the images that have it",
        ("averaging", "images pooled"): "mean over the images, each with all its classes pooled",
        ("absent", 0): f"a class that {'an image lacks' if one_each else 'never occurs'} counts as 0",
        ("absent", 1): f"a class that {'an image lacks' if one_each else 'never occurs'} counts as 1",
        ("absent", "truth only"): "classes that are only predicted, never true, are left out",
    }
    return words[field, getattr(rule, field)]


def _classes(step: Step, counts: Counts, rule: Rule, names: list[str]) -> str:
    """The classes that matter most in a step, in brackets."""
    labels = [*names, "ignored pixels"]
    order = np.argsort(-np.abs(step.by_class), kind="stable")[:MOST_NAMES]
    shown = [int(index) for index in order if abs(step.by_class[index]) >= LEAST]
    if not shown or step.field == "background":
        return ""
    absent = ~(hits(counts, rule._replace(background=False)).union > 0)
    texts = []
    for index in shown:
        lacking = ""
        if step.field == "absent" and rule.averaging == "pairs":
            lacking = f", absent in {_percent(absent[:, index].mean())} of the images,"
        texts.append(f"{labels[index]}{lacking} {points(step.by_class[index])}")
    return f" ({'; '.join(texts)})"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]


def points(change: float) -> str:
    """A change in points of percent with its sign."""
    return f"{100 * change:+.1f}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0095 else f"{100 * share:.1f} %"
