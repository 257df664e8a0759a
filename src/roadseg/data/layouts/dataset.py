"""What the rest of roadseg asks of a data set; each layout answers with one `Dataset`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from roadseg.data.records import Record
from roadseg.labels import ClassChoice, LabelSpace

UNDIVIDED = ("all",)
"""The splits of a data set that has no official division."""

GroupOf = Callable[[str], str | None]
"""The group of a label file's name without its ending; None where the name does not tell it."""


class Table(NamedTuple):
    """A table of classes that published labels are coded by.

    `colors` is what its colours are called; empty where another table has the same.
    """

    title: str
    space: LabelSpace
    colors: str = ""


def no_groups(top: Path) -> GroupOf:
    """Of a data set whose file names do not tell the group."""
    return lambda stem: None


def named_groups(pattern: str) -> Callable[[Path], GroupOf]:
    """Of a data set whose file names begin as the pattern says, its brackets around the group."""

    def group(stem: str) -> str | None:
        fit = re.match(pattern, stem)
        return fit[1] if fit else None

    return lambda top: group


@dataclass(frozen=True)
class Dataset:
    """One kind of data set.

    splits: the names that `records(root, split)` takes.
    labelled: of a root, the splits that can be trained on and scored: those on disk whose labels are real, or
        `UNDIVIDED`.
    detect: whether a folder is laid out like this.
    tables: the tables that the published labels are coded by. Where there is one, `labels` looks into no root.
    group_of: the groups of labels that lie elsewhere, by their names alone, given the folder two above them.
    """

    records: Callable[[Path, str], list[Record]]
    labels: Callable[[Path, ClassChoice], LabelSpace]
    splits: tuple[str, ...]
    labelled: Callable[[Path], tuple[str, ...]]
    detect: Callable[[Path], bool]
    tables: tuple[Table, ...] = ()
    group_of: Callable[[Path], GroupOf] = no_groups
