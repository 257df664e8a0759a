"""The values that labels hold, and the published tables that have them."""

from collections.abc import Sequence

from roadseg import labels
from roadseg.config.registry import DATASETS
from roadseg.curation.check.facts import LabelFacts, PairFacts
from roadseg.data.datasets import dataset
from roadseg.data.layouts.dataset import Table
from roadseg.labels import LabelSpace

ENOUGH = 4
"""Least number of values of a label for which missing values say something about its coding."""

Labelled = list[tuple[PairFacts, LabelFacts]]


def table_values(space: LabelSpace) -> set[int]:
    """The values of a table: ids, or colours as 0xRRGGBB."""
    rows = space.classes + space.ignored
    if space.coding == "colors":
        return {labels.packed(row.color) for row in rows}
    return {row.id for row in rows}


def published() -> list[Table]:
    """The tables that the labels of the known data sets are coded by, those with the fewest values first."""
    tables = {table.title: table for name in DATASETS for table in dataset(name).tables}
    return sorted(tables.values(), key=lambda table: len(table_values(table.space)))


def published_colors() -> dict[str, set[int]]:
    """The colours of the published tables, as 0xRRGGBB, by what they are called."""
    return {
        table.colors: table_values(table.space.model_copy(update={"coding": "colors"}))
        for table in published()
        if table.colors
    }


def fitting(values: set[int], kind: str) -> list[str]:
    """Published tables that have all the values, the smallest first."""
    if kind == "colors":
        return [name for name, known in published_colors().items() if values <= known | {0}]
    return [table.title for table in published() if values <= table_values(table.space)][:2]


def listed(values: Sequence[int], kind: str, most: int = 12) -> str:
    """The first `most` ids or colours as text."""
    return labels.listed([labels.unpacked(value) for value in values] if kind == "colors" else values, most)


def names_of(read: Labelled) -> tuple[str, ...]:
    """The label files."""
    return tuple(str(one.record.label) for one, _ in read)
