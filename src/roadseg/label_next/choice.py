"""Which images to label next: a few that stand for what networks are unsure about in all of them.

Like CLUE (Prabhu et al., "Active Domain Adaptation via Clustering Uncertainty-weighted Embeddings", ICCV 2021): images
are grouped by what the trunk makes of them, weighted by how unsure the networks are. Here the centres are images, found
greedily (weighted k-medians), and what is labelled already are the first of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

ROWS = 512
"""Images that are compared with all others at a time: 80 MB for 20,000 images."""
DIGITS = 9
"""Of a cosine; what comes after them is rounding, and would make copies differ."""


class Chosen(NamedTuple):
    """The position of an image, its weight, and the share of all doubt that it stands for besides those before it."""

    position: int
    weight: float
    share: float


def worth(doubts: Float[np.ndarray, "n c"]) -> Float[np.ndarray, " n"]:
    """How much the doubt in each image weighs: 1 on average, from how much of it is about each class, (N, C).

    Every class counts the same, however many pixels it has, as in mIoU: what is counted is an image's share of all the
    doubt there is about a class, added up over the classes.
    """
    totals = doubts.sum(0)
    shares = np.divide(doubts, totals, out=np.zeros(doubts.shape), where=totals > 0)
    return np.asarray(shares.sum(1) * len(doubts) / max(int((totals > 0).sum()), 1))


def distances(features: Float[np.ndarray, "n d"], others: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n m"]:
    """How different each image is from each of the others: 0 to 1, from features of length 1 that are not negative.

    The root of 1 less their cosine, which is in proportion to how far apart they are.
    """
    return np.asarray(np.sqrt(np.maximum(0, 1 - np.round(features @ others.T, DIGITS))))


def choose(
    weights: Float[np.ndarray, " n"], features: Float[np.ndarray, "n d"], count: int, labelled: Float[np.ndarray, "m d"]
) -> list[Chosen]:
    """`count` of the images, or all there are, the first first.

    Each image has as much doubt left as its weight times its distance from the nearest that is labelled or chosen; the
    next one is the one that leaves the least doubt in all of them, and of equal ones the first. What an image gains
    only shrinks as others are chosen (it is submodular), so that few need to be looked at again in each step: the lazy
    greedy algorithm of Minoux, 1978.
    """
    apart = np.ones(len(weights))
    blocks = [slice(start, start + ROWS) for start in range(0, len(weights), ROWS)]
    for block in blocks if len(labelled) else ():
        apart[block] = distances(features[block], labelled).min(1)
    total = max(float(weights @ apart), np.finfo(float).tiny)

    def gains(rows: slice) -> np.ndarray:
        return np.asarray(np.maximum(0, apart - distances(features[rows], features)) @ weights)

    gain = np.concatenate([gains(block) for block in blocks]) if blocks else np.zeros(0)
    seen = np.zeros(len(weights), np.int64)
    chosen: list[Chosen] = []
    while len(chosen) < min(count, len(weights)):
        best = int(gain.argmax())
        if seen[best] < len(chosen):
            gain[best] = gains(slice(best, best + 1))[0]
            seen[best] = len(chosen)
            continue
        chosen.append(Chosen(best, float(weights[best]), float(gain[best]) / total))
        gain[best] = -1
        apart = np.minimum(apart, distances(features[[best]], features)[0])
    return chosen
