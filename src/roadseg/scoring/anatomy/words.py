"""Where two networks differ on the same images, in a sentence."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from roadseg.scoring.anatomy.edges import NEAR

NEAR_BANDS = 3
"""How many bands lie within `NEAR` of a boundary."""
SMALLEST_GAIN = 0.0005
"""A smaller difference, as a share of all pixels, is not described."""


def right(bands: Int64[np.ndarray, "b c c"]) -> Int64[np.ndarray, " b"]:
    """The right pixels of each band."""
    return np.asarray(np.trace(bands, axis1=-2, axis2=-1))


def near_share(bands: Int64[np.ndarray, "b c c"]) -> float:
    """The share of the labelled pixels that lie near a boundary."""
    pixels = bands.sum((-2, -1))
    return float(pixels[:NEAR_BANDS].sum() / max(pixels.sum(), 1))


def where_it_differs(a: Int64[np.ndarray, "b c c"], b: Int64[np.ndarray, "b c c"]) -> str | None:
    """Where `b` has more or fewer right pixels than `a`; None where they hardly differ.

    Takes the confusions by band (`band` of `scoring.anatomy`), summed over the same images. They hold numbers of right
    pixels, not which pixels: gains and losses within a band cancel out.
    """
    change = right(b) - right(a)
    total, near = int(change.sum()), int(change[:NEAR_BANDS].sum())
    negligible = SMALLEST_GAIN * max(a.sum(), 1)
    if abs(total) < negligible:
        return None
    kind = "gained" if total > 0 else "lost"
    share, far = near / total, total - near
    there = f"within {NEAR} pixels of a boundary, where {100 * near_share(a):.0f} % of all pixels are"
    if 0 <= share <= 1:
        return f"{100 * share:.0f} % of the pixels {kind} on balance are {there}"
    if share > 1:
        rest = "" if abs(far) < negligible else "; farther away the balance is the opposite"
        return f"the pixels {kind} on balance are {there}{rest}"
    rest = "" if abs(near) < negligible else "; closer the balance is the opposite"
    return f"the pixels {kind} on balance are more than {NEAR} pixels from a boundary{rest}"
