"""Detect how a folder's label pictures are coded, from their values."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from roadseg.errors import DataError
from roadseg.labels import IGNORE, LabelSpace, listed, ranges
from roadseg.scoring.external.read import CODINGS, Coding, Pair, Tally

WORDS: dict[Coding, str] = {"ids": "official ids", "train-ids": "train ids (class indices)", "colors": "colours"}
FAR = 0.3
"""A picture has another coding if the share of agreeing pixels is larger by this much under that coding."""


class Finding(NamedTuple):
    """A folder's coding, and how it was detected."""

    coding: Coding
    how: str


def index_table(coding: Coding, space: LabelSpace) -> Int64[np.ndarray, " 256"]:
    """Class index by value, (256,): C for ignored values, -1 for values that the coding does not have."""
    classes = len(space.classes)
    if coding == "ids":
        table = space.id_to_index.astype(np.int64)
    else:
        table = np.full(256, -1, np.int64)
        table[:classes] = np.arange(classes)
        table[IGNORE] = IGNORE
    table[table == IGNORE] = classes
    return table


class Guess:
    """The codings that fit all pictures of a folder so far."""

    def __init__(self, role: str, space: LabelSpace, given: Coding | None) -> None:
        self.role, self.space, self.given = role, space, given
        self.fitting: list[Coding] = [given] if given else list(CODINGS)
        self.first: object = None
        self.values = np.zeros(256, bool)

    def update(self, path: object, values: np.ndarray, colored: bool) -> None:
        """Drop the codings that a picture does not fit. Raises `DataError` if none is left."""
        fits: list[Coding] = [
            coding
            for coding in CODINGS
            if (coding == "colors") == colored and (index_table(coding, self.space)[values] >= 0).all()
        ]
        left = [coding for coding in self.fitting if coding in fits]
        if not left:
            raise DataError(self._misfit(path, values, fits))
        self.fitting, self.first = left, self.first or path
        self.values[values] = True

    def _misfit(self, path: object, values: np.ndarray, fits: list[Coding]) -> str:
        if fits and not self.given:
            return (
                f"{path} can only hold {_either(fits)} and {self.first} only {_either(self.fitting)}; "
                f"give {self.role} of one coding"
            )
        tried: list[Coding] = [self.given] if self.given else ["ids", "train-ids"]
        fitting = [index_table(coding, self.space) >= 0 for coding in tried]
        unknown = values[~fitting[int(np.argmax([table[values].sum() for table in fitting]))][values]]
        known = " and ".join(
            f"{WORDS[coding]} {ranges(table.nonzero()[0].tolist())}"
            for coding, table in zip(tried, fitting, strict=True)
        )
        return (
            f"{path} holds {listed(unknown.tolist())}, which is no label of {self.space.name} ({known}); "
            "fix the file, or choose the label space that it was made with"
        )


def settle(guesses: tuple[Guess, Guess], tallies: list[Tally]) -> tuple[Finding, Finding]:
    """The codings of predictions and targets; of several that fit, the pair with the most agreeing pixels.

    On a tie, official ids win over train ids.
    """
    choices = [(first, second) for first in guesses[0].fitting for second in guesses[1].fitting]
    agreeing = [_agreeing(choice, guesses[0].space, tallies) for choice in choices]
    best = choices[int(np.argmax(agreeing))]
    pixels = sum(int(tally.pixels.sum()) for tally in tallies)
    first, second = (
        Finding(coding, _how(guess, coding, index, best, dict(zip(choices, agreeing, strict=True)), pixels))
        for index, (guess, coding) in enumerate(zip(guesses, best, strict=True))
    )
    return first, second


def refuse_mixed(
    guesses: tuple[Guess, Guess], best: tuple[Finding, Finding], pairs: list[Pair], tallies: list[Tally]
) -> None:
    """Raise `DataError` naming the pictures that fit another coding far better than that of their folder.

    Their values may be legal in both, so only agreement tells: train ids 0-18 are official ids too. A given coding is
    not questioned.
    """
    for index, guess in enumerate(guesses):
        chosen = best[index].coding
        if guess.given or chosen == "colors":
            continue
        other: Coding = "train-ids" if chosen == "ids" else "ids"
        fits = (best[0].coding, best[1].coding), (other, best[1].coding) if index == 0 else (best[0].coding, other)
        odd = []
        for pair, one in zip(pairs, tallies, strict=True):
            values = one.cells & 255 if index == 0 else one.cells >> 8
            share, instead = (_agreeing(choice, guess.space, [one]) / one.pixels.sum() for choice in fits)
            if instead > share + FAR and (index_table(other, guess.space)[values] >= 0).all():
                odd.append((pair.prediction if index == 0 else pair.target, share, instead))
        if odd:
            names = listed([path.name for path, _, _ in odd])
            share, instead = (100 * float(np.mean([entry[column] for entry in odd])) for column in (1, 2))
            raise DataError(
                f"{len(odd)} of {len(pairs)} {guess.role} look like {WORDS[other]}, the others like {WORDS[chosen]}: "
                f"{names}; read that way {instead:.0f} % of the pixels agree, otherwise {share:.0f} %. "
                f"Give {guess.role} of one coding, or --{guess.role}-coding {chosen} if they all have it"
            )


def _how(
    guess: Guess,
    coding: Coding,
    index: int,
    best: tuple[Coding, Coding],
    agreeing: dict[tuple[Coding, Coding], int],
    pixels: int,
) -> str:
    if guess.given:
        return f"{WORDS[coding]}, as given"
    values = f"{WORDS[coding]}, found out" + (
        "" if coding == "colors" else f" from values {ranges(guess.values.nonzero()[0].tolist())}"
    )
    tables = [index_table(fitting, guess.space)[guess.values] for fitting in guess.fitting]
    if all((table == tables[0]).all() for table in tables):
        return values
    other = next(fitting for fitting in guess.fitting if fitting != coding)
    instead = (other, best[1]) if index == 0 else (best[0], other)
    shares = [f"{100 * agreeing[choice] / pixels:.0f} %" for choice in (best, instead)]
    return (
        f"{values}: read so {shares[0]} of the pixels agree, as {WORDS[other]} {shares[1]} "
        f"(--{guess.role}-coding {other} if they are those)"
    )


def _agreeing(choice: tuple[Coding, Coding], space: LabelSpace, tallies: list[Tally]) -> int:
    predicted, true = (index_table(coding, space) for coding in choice)
    alike = 0
    for one in tallies:
        truth = true[one.cells >> 8]
        alike += int(one.pixels[(truth == predicted[one.cells & 255]) & (truth < len(space.classes))].sum())
    return alike


def class_counts(codings: tuple[Coding, Coding], space: LabelSpace, tally: Tally) -> Int64[np.ndarray, "k k"]:
    """Pixels by true and predicted class, (C+1, C+1); last row: ignored, last column: no class."""
    size = len(space.classes) + 1
    predicted, true = (index_table(coding, space) for coding in codings)
    counts = np.zeros((size, size), np.int64)
    np.add.at(counts, (true[tally.cells >> 8], predicted[tally.cells & 255]), tally.pixels)
    return counts


def _either(codings: list[Coding]) -> str:
    return " or ".join(WORDS[coding] for coding in codings)
