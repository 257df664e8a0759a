"""Where two networks differ on the same images, in a sentence."""

import numpy as np
from jaxtyping import Int64

NEAR_BANDS = 3
"""How many bands lie within `edges.NEAR` pixels of a boundary: what is called boundaries here."""
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
    """How much of what `b` gains on `a`, or loses, lies at boundaries; None where they hardly differ.

    Takes the confusions by band (`band` of `scoring.anatomy`), summed over the same images. They hold numbers of right
    pixels, not which pixels: gains and losses within a band cancel out.
    """
    change = right(b) - right(a)
    total, near = int(change.sum()), int(change[:NEAR_BANDS].sum())
    negligible = SMALLEST_GAIN * max(a.sum(), 1)
    if abs(total) < negligible:
        return None
    net = "net gain" if total > 0 else "net loss"
    share, far = near / total, total - near
    boundaries = 100 * near_share(a)
    if 0 <= share <= 1:
        return f"Boundaries ({boundaries:.0f} % of the pixels) account for {100 * share:.0f} % of the {net}"
    if share > 1:
        rest = "" if abs(far) < negligible else "; farther away the balance is the opposite"
        return f"Boundaries ({boundaries:.0f} % of the pixels) account for all of the {net}{rest}"
    rest = "" if abs(near) < negligible else "; at boundaries the balance is the opposite"
    return f"The {100 - boundaries:.0f} % of the pixels away from boundaries account for all of the {net}{rest}"
