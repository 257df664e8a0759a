"""Class frequencies by part: empty labels, classes that a part lacks, and rare classes."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from roadseg.curation.check.facts import LabelFacts, PairFacts
from roadseg.curation.check.finding import Finding, plural
from roadseg.labels import LabelSpace, packed

FEW_IMAGES = 3
"""A class in fewer training images is reported as rare."""
MAX_UNLABELLED = 0.9
"""A label with a larger share of unlabelled pixels is reported."""
MAX_UNLABELLED_OVERALL = 0.5
"""A larger share of unlabelled pixels in all labels together is reported."""


class Shares(NamedTuple):
    """Pixels of each class and unlabelled pixels, int64 (N, C + 1), and the part of each of the N images."""

    pixels: Int64[np.ndarray, "n c1"]
    parts: list[str]

    def of(self, part: str) -> Int64[np.ndarray, "m c1"]:
        """The rows of a part."""
        return self.pixels[[i for i, name in enumerate(self.parts) if name == part]]


def shares(inspected: Sequence[PairFacts], space: LabelSpace) -> Shares:
    """Count the pixels of each class in the labels that could be read. Values outside the table count as unlabelled."""
    read = [(one, one.label) for one in inspected if isinstance(one.label, LabelFacts)]
    column = {
        packed(row.color) if space.coding == "colors" else row.id: index for index, row in enumerate(space.classes)
    }
    pixels = np.zeros((len(read), len(space.classes) + 1), np.int64)
    for row, (_, label) in enumerate(read):
        if (label.kind == "colors") == (space.coding == "colors"):
            for value, count in label.values.items():
                pixels[row, column.get(value, len(space.classes))] += count
        pixels[row, -1] += label.size[0] * label.size[1] - pixels[row].sum()  # and values that were not kept
    return Shares(pixels, [one.part for one, _ in read])


def check_classes(inspected: Sequence[PairFacts], space: LabelSpace | None) -> Iterator[Finding]:
    """Labels of a single value; with a table of classes also unlabelled pixels and the classes of the parts."""
    read = [(one, one.label) for one in inspected if isinstance(one.label, LabelFacts)]
    flat = [str(one.record.label) for one, label in read if label.distinct == 1]
    if flat:
        yield Finding(
            "classes", "warning", f"{plural(len(flat), 'label')} of one single value, so perhaps never drawn",
            "label these images or remove them", tuple(flat),
        )  # fmt: skip
    if space is None or not read:
        return
    counted = shares(inspected, space)
    yield from _unlabelled([str(one.record.label) for one, _ in read], counted, set(flat))
    yield from _parts(counted, space)


def _unlabelled(names: list[str], counted: Shares, reported: set[str]) -> Iterator[Finding]:
    totals = counted.pixels.sum(1)
    share = counted.pixels[:, -1] / np.maximum(totals, 1)
    worst = [
        names[i] for i in np.argsort(-share, kind="stable") if share[i] > MAX_UNLABELLED and names[i] not in reported
    ]
    overall = float(counted.pixels[:, -1].sum() / max(1, totals.sum()))
    if overall > MAX_UNLABELLED_OVERALL:
        yield Finding(
            "classes", "warning", f"{100 * overall:.0f} % of all pixels are unlabelled",
            "see that the ignored ids are right; classes among them are never learnt",
        )  # fmt: skip
    elif worst:
        yield Finding(
            "classes", "warning",
            f"{plural(len(worst), 'label')} more than {100 * MAX_UNLABELLED:.0f} % unlabelled",
            "finish them or remove them", tuple(worst), "unlabelled",
        )  # fmt: skip


def _parts(counted: Shares, space: LabelSpace) -> Iterator[Finding]:
    parts = list(dict.fromkeys(counted.parts))
    has = {part: (counted.of(part)[:, :-1] > 0).sum(0) for part in parts}
    everywhere = np.sum(list(has.values()), axis=0)
    for part in parts:
        lacking = [space.names[i] for i in np.flatnonzero((has[part] == 0) & (everywhere > 0))]
        if lacking and part == "train":
            yield Finding(
                "classes", "warning", f"train has no pixel of {', '.join(lacking)}, which occur elsewhere",
                "divide anew (--data.split.seed), or move a drive that has them; they cannot be learnt",
            )  # fmt: skip
        elif lacking:
            yield Finding(
                "classes", "hint", f"{part} has no pixel of {', '.join(lacking)}",
                "their IoU is not measured there and mIoU is a mean over the others",
            )  # fmt: skip
    absent = [space.names[i] for i in np.flatnonzero(everywhere == 0)]
    if absent:
        yield Finding(
            "classes", "hint", f"no image has a pixel of {', '.join(absent)}",
            "nothing, if that is so; otherwise the table and the labels do not fit each other",
        )  # fmt: skip
    learning = "train" if "train" in has else parts[0]
    few = [
        f"{space.names[i]} ({has[learning][i]})"
        for i in np.flatnonzero((has[learning] > 0) & (has[learning] < FEW_IMAGES))
    ]
    if few:
        yield Finding(
            "classes", "hint", f"in fewer than {FEW_IMAGES} images of {learning}: {', '.join(few)}",
            "label more images that have them; what is scored on them means little",
        )  # fmt: skip
