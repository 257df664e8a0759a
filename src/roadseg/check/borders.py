"""Marks that a smoothing resize, or JPEG, leaves in labels: values between those of two neighbours.

A resize that mixes pixels (bilinear, bicubic, area) turns the border between class 2 and class 7 into 3, 4, 5 or 6.
Each of these is a class, so nothing fails: thin strips of wrong classes are learnt, and scored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from roadseg.check.finding import Finding, plural
from roadseg.check.seen import LabelFacts, Seen

SMOOTHED = 0.15
"""Share of a label's steps from value to value that lead through a value between. Untouched labels of CamVid, KITTI and
the built-in streets have at most 0.06, labels shrunk or enlarged by bilinear resizing at least 0.28
(`benchmarks/data_check.py`)."""


def find(seen: Sequence[Seen]) -> list[Finding]:
    """Labels that were resized with smoothing."""
    labels = [one for one in seen if isinstance(one.label, LabelFacts) and one.label.format not in ("JPEG", "MPO")]
    smoothed = [one for one in labels if isinstance(one.label, LabelFacts) and one.label.between > SMOOTHED]
    if not smoothed:
        return []
    smoothed.sort(key=lambda one: -one.label.between if isinstance(one.label, LabelFacts) else 0)
    kinds = {one.label.kind for one in smoothed if isinstance(one.label, LabelFacts)}
    strips: set[int] = set()
    for one in smoothed:
        assert isinstance(one.label, LabelFacts)
        strips.update(one.label.strips)
    solid = {value for one in labels if isinstance(one.label, LabelFacts) for value in one.label.values} - strips
    what = "colours" if kinds == {"colors"} else "ids"
    only = sorted(strips - solid) if what == "ids" else []
    named = f" (ids {', '.join(map(str, only[:8]))}{' ...' if len(only) > 8 else ''} occur there only)" if only else ""
    return [
        Finding(
            "borders",
            "error",
            f"{plural(len(smoothed), 'label')} with {what} mixed along the borders, as a smoothing resize leaves them"
            f"{named}",
            "export the labels again at the image's size, or resize the originals with nearest neighbour "
            "(Pillow: Image.Resampling.NEAREST, OpenCV: INTER_NEAREST, anti-aliasing off)",
            tuple(str(one.record.label) for one in smoothed),
            "between",
            (("share_of_steps", round(max(_share(one) for one in smoothed), 3)), ("ids_on_borders_only", only)),
        )
    ]


def _share(one: Seen) -> float:
    return one.label.between if isinstance(one.label, LabelFacts) else 0.0


def lies_between(values: np.ndarray) -> np.ndarray:
    """Whether a pixel's value lies strictly between those of its left and right, or upper and lower, neighbours.

    `values` (H, W) ids or (H, W, 3) colours; bool (H, W). Of a colour no channel may lie outside, and one must differ
    from each neighbour's.
    """
    channels = values[..., None] if values.ndim == 2 else values
    found = np.zeros(values.shape[:2], bool)
    found[:, 1:-1] |= _between(channels[:, :-2], channels[:, 1:-1], channels[:, 2:])
    found[1:-1] |= _between(channels[:-2], channels[1:-1], channels[2:])
    return found


def _between(first: np.ndarray, middle: np.ndarray, last: np.ndarray) -> np.ndarray:
    inside = ((first <= middle) & (middle <= last)) | ((last <= middle) & (middle <= first))
    result: np.ndarray = inside.all(-1) & (first != middle).any(-1) & (middle != last).any(-1)
    return result


def steps(values: np.ndarray) -> int:
    """Neighbouring pixels, sideways and downwards, whose values differ."""
    channels = values[..., None] if values.ndim == 2 else values
    sideways = (channels[:, 1:] != channels[:, :-1]).any(-1).sum()
    return int(sideways + (channels[1:] != channels[:-1]).any(-1).sum())


def share_between(values: np.ndarray) -> float:
    """Pixels that lie between two neighbours for each step from value to value; 0 where there are few steps."""
    total = steps(values)
    return float(lies_between(values).sum()) / total if total >= FEWEST_STEPS else 0.0


FEWEST_STEPS = 100
"""With fewer nothing can be said."""
