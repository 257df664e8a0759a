"""The values that labels hold, and the published tables that have them."""

from __future__ import annotations

from collections.abc import Sequence

from roadseg import labels
from roadseg.curation.check.facts import LabelFacts, PairFacts
from roadseg.labels import LabelSpace

OFFICIAL = frozenset(range(34)) | {255}
TRAIN = frozenset(range(19)) | {255}
CAMVID = frozenset(range(12))
ENOUGH = 4
"""Values that a label needs before its coding is judged by those that it lacks."""

Labelled = list[tuple[PairFacts, LabelFacts]]


def table_values(space: LabelSpace) -> set[int]:
    """What labels may hold by a table: ids, or colours as 0xRRGGBB."""
    rows = space.classes + space.ignored
    if space.coding == "colors":
        return {labels.packed(row.color) for row in rows}
    return {row.id for row in rows}


KNOWN_COLORS = {
    name: frozenset(table_values(space.model_copy(update={"coding": "colors"})))
    for name, space in (("CamVid's colours", labels.camvid()), ("Cityscapes' and KITTI's colours", labels.cityscapes()))
}


def fitting(values: set[int], kind: str) -> list[str]:
    """Known tables that have all the values, the smallest first."""
    if kind == "colors":
        return [name for name, known in KNOWN_COLORS.items() if values <= known | {0}]
    known = {"CamVid's 11 classes": CAMVID, "Cityscapes' train ids": TRAIN, "the 35 ids of KITTI and "
             "Cityscapes": OFFICIAL}  # fmt: skip
    return [name for name, table in known.items() if values <= table][:2]


def listed(values: Sequence[int], kind: str, most: int = 12) -> str:
    """The first ids, or colours, of a list in words."""
    return labels.listed([labels.unpacked(value) for value in values] if kind == "colors" else values, most)


def names_of(read: Labelled) -> tuple[str, ...]:
    """The files."""
    return tuple(str(one.record.label) for one, _ in read)
