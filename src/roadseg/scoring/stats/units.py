"""The units of resampling: images that may be alike belong to one unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Shaped

FEWEST_UNITS = 6
"""The least number of units for which a swap test can give p < 0.05: 2 / 2^6 = 0.03."""

FEWEST_FRAMES = 5
"""Least number of images of a stretch; shorter stretches would be too alike (docs/decisions/0013)."""


@dataclass(frozen=True)
class Units:
    """`of[i]` is the unit of image i, 0 to `count` - 1.

    kind: `group` (drives or sequences), `block` (stretches of few drives: nothing is said about others), or `none` (a
    single drive with too few images: nothing can be said).
    """

    kind: Literal["group", "block", "none"]
    of: tuple[int, ...]
    count: int

    def sums(self, counts: Shaped[np.ndarray, " n *k"]) -> Shaped[np.ndarray, " u *k"]:
        """Counts of images, added up for each unit."""
        summed = np.zeros((self.count, *counts.shape[1:]), counts.dtype)
        np.add.at(summed, np.asarray(self.of, dtype=np.int64), counts)
        return summed


def resampling_units(groups: Sequence[str]) -> Units:
    """The units of images, given in the order of their ids, by their groups.

    Images of one drive are alike, so resampling single images would give too narrow intervals. Fewer drives than
    `FEWEST_UNITS` could never tell two networks apart. Then the longest are cut into stretches of consecutive images
    (Künsch 1989, Carlstein 1986) until there are `FEWEST_UNITS` units, if there are enough images.
    """
    names, index, sizes = np.unique(np.asarray(groups, dtype=str), return_inverse=True, return_counts=True)
    if len(names) < FEWEST_UNITS:
        pieces = _pieces(sizes)
        if pieces is not None:
            return Units("block", _stretches(index, sizes, pieces), int(pieces.sum()))
    if len(names) > 1:
        return Units("group", tuple(index.tolist()), len(names))
    return Units("none", (0,) * len(groups), len(names))


def _pieces(sizes: np.ndarray) -> np.ndarray | None:
    """Into how many stretches each drive is cut, `FEWEST_UNITS` in all, the longest first; None with too few images."""
    pieces = np.ones_like(sizes)
    while pieces.sum() < FEWEST_UNITS:
        next_length = np.where(sizes // (pieces + 1) >= FEWEST_FRAMES, sizes / pieces, 0)
        if not next_length.any():
            return None
        pieces[next_length.argmax()] += 1
    return pieces


def _stretches(index: np.ndarray, sizes: np.ndarray, pieces: np.ndarray) -> tuple[int, ...]:
    """The stretch of each image: drive i is cut into `pieces[i]` of nearly equal length."""
    order = np.argsort(index, kind="stable")
    within = np.concatenate([np.arange(size) * count // size for size, count in zip(sizes, pieces, strict=True)])
    of = np.empty(len(index), np.int64)
    of[order] = np.repeat(np.cumsum(pieces) - pieces, sizes) + within
    return tuple(of.tolist())
