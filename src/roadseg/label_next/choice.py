"""Which images to label next: those that networks are unsure of, and that differ from each other and from labelled.

The greedy rule of k-centre active learning (Sener and Savarese, ICLR 2018: always the image that is farthest from all
that are labelled or chosen), with each distance multiplied by what the networks' doubt makes the image worth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from roadseg.label_next.sight import CELLS


class Chosen(NamedTuple):
    """The position of an image, its value, and how far it is from what was labelled or chosen before, from 0 to 1."""

    position: int
    value: float
    distance: float


def worth(doubts: Float[np.ndarray, "n c"]) -> Float[np.ndarray, " n"]:
    """How much labelling each image is worth: 1 on average, from how much its doubts (N, C) are about each class.

    Every class counts the same, however many pixels it has, as in mIoU: what is counted is an image's share of all the
    doubt there is about a class, added up over the classes.
    """
    totals = doubts.sum(0)
    shares = np.divide(doubts, totals, out=np.zeros(doubts.shape), where=totals > 0)
    return np.asarray(shares.sum(1) * len(doubts) / max(int((totals > 0).sum()), 1))


def distances(layouts: Float[np.ndarray, "n d"], others: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "n m"]:
    """How different what is seen in each image is from what is seen in each of the others, from 0 to 1.

    The total variation of the classes' probabilities, averaged over the cells of the map: the share of the image that
    would have to change its class.
    """
    return np.asarray(cdist(layouts, others, "cityblock") / (2 * CELLS[0] * CELLS[1]))


def choose(
    value: Float[np.ndarray, " n"], layouts: Float[np.ndarray, "n d"], count: int, labelled: Float[np.ndarray, "m d"]
) -> list[Chosen]:
    """`count` of the images, or all there are, the first first: the next is the one with most value times distance.

    Of equal ones it is the one with more value, then the first. Where nothing is labelled all are as far as can be.
    """
    apart = np.ones(len(value))
    if len(labelled):
        apart = distances(layouts, labelled).min(1)
    left = np.ones(len(value), bool)
    chosen: list[Chosen] = []
    while left.any() and len(chosen) < count:
        gain = np.where(left, value * apart, -1.0)
        best = np.flatnonzero(gain == gain.max())
        position = int(best[value[best].argmax()])
        chosen.append(Chosen(position, float(value[position]), float(apart[position])))
        left[position] = False
        apart = np.minimum(apart, distances(layouts, layouts[[position]])[:, 0])
    return chosen
