"""What is resampled: images that may be alike are drawn together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Shaped

BLOCKS = 6
"""Into how many stretches a single drive is cut; more of them would be more alike (docs/decisions/0013)."""

FEWEST_FRAMES = 30
"""With fewer images a single drive has stretches that are too short to differ."""


@dataclass(frozen=True)
class Units:
    """`of[i]` is the unit of image i, 0 to `count` - 1.

    kind: `group` (drives or sequences), `block` (stretches of the only drive: nothing is said about other drives), or
    `none` (a single drive with too few images: nothing can be said).
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

    Images of one drive are alike, so resampling images would give intervals that are too narrow. A single drive is cut
    into `BLOCKS` stretches of consecutive images (Künsch 1989, Carlstein 1986), which differ more than its frames do.
    """
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) > 1:
        return Units("group", tuple(index.tolist()), len(names))
    if len(groups) < FEWEST_FRAMES:
        return Units("none", (0,) * len(groups), min(len(groups), 1))
    blocks = np.arange(len(groups)) * BLOCKS // len(groups)
    return Units("block", tuple(blocks.tolist()), BLOCKS)
