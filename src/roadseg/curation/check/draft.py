"""Draft a `roadseg.yaml` for a folder without one. A person names the classes and completes it."""

from collections.abc import Sequence

from roadseg.curation.check import borders
from roadseg.curation.check.facts import LabelFacts, PairFacts
from roadseg.curation.check.inputs import Inputs
from roadseg.curation.check.values import published, table_values
from roadseg.labels import IGNORE, Label, LabelSpace, packed, unpacked

MOST_CLASSES = 64
"""No draft is made for labels with more values."""
TELLING = 9
"""Ids that have to occur before they are taken for those of a known table; of colours, that no two tables share, 4."""
UNLABELLED = Label(name="unlabelled", id=IGNORE, color=(0, 0, 0))


def draft(inputs: Inputs, inspected: Sequence[PairFacts]) -> str:
    """The text of a `roadseg.yaml` for a folder without one; "" where paths or labels do not allow it.

    It holds the paths, and the classes of a published table that fits the values, else one class for each value.
    Smoothed labels are left out.
    """
    read = [one.label for one in inspected if isinstance(one.label, LabelFacts) and not borders.smoothed(one.label)]
    kinds = {label.kind for label in read}
    values = sorted(set().union(*(label.values for label in read))) if read else []
    colored = kinds == {"colors"}
    if inputs.paths is None or len(kinds) != 1 or not 2 <= len(values) <= MOST_CLASSES:
        return ""
    if not colored and values[-1] > IGNORE:
        return ""
    known = _known(set(values), colored)
    described, space = known or ("", _numbered(values, colored))
    lines = [f"# named after {described}, which the values fit: see that these are they"] if described else []
    lines += [f"images: {inputs.paths[0]}", f"masks: {inputs.paths[1]}", "labels:", "  name: my camera"]
    lines += ["  coding: colors"] if colored else []
    lines += ["  classes:", *map(_row, space.classes)]
    lines += ["  ignored:", *map(_row, space.ignored)] if space.ignored else []
    return "\n".join(lines) + "\n"


def _row(label: Label) -> str:
    return f"    - {{name: {label.name}, id: {label.id}, color: {list(label.color)}}}"


def _known(values: set[int], colored: bool) -> tuple[str, LabelSpace] | None:
    """A table that has all the values, and what it is called."""
    if colored:
        for table in published():
            colors = {packed(label.color) for label in table.space.classes + table.space.ignored}
            if table.colors and len(values) >= 4 and values <= colors | {0}:
                return table.colors, _each_color_once(table.space)
        return None
    if len(values - {IGNORE}) < TELLING:
        return None
    return next(((one.title, one.space) for one in published() if values <= table_values(one.space)), None)


def _each_color_once(space: LabelSpace) -> LabelSpace:
    taken, kept = {label.color for label in space.classes}, []
    for label in space.ignored:
        if label.color not in taken:
            kept.append(label)
            taken.add(label.color)
    return space.model_copy(update={"ignored": tuple(kept)})


def _numbered(values: list[int], colored: bool) -> LabelSpace:
    """One class for each value, except the usual ones for unlabelled: 255, and black among several colours."""
    if colored:
        classes = [value for value in values if value or len(values) == 2]
        colors = [unpacked(value) for value in classes]
        ids = list(range(len(classes)))
    else:
        classes = values if values == [0, IGNORE] else [value for value in values if value != IGNORE]
        colors, ids = [_color(number) for number in range(len(classes))], classes
    rows = tuple(
        Label(name=f"class {number}", id=value, color=color)
        for number, (value, color) in enumerate(zip(ids, colors, strict=True))
    )
    return LabelSpace(name="numbered", classes=rows, ignored=(UNLABELLED,) if len(classes) < len(values) else ())


def _color(number: int) -> tuple[int, int, int]:
    """Pascal VOC's colour of a number: its bits, spread over the channels."""
    red, green, blue = (
        sum((number + 1 >> 3 * bit + channel & 1) << 7 - bit for bit in range(8)) for channel in range(3)
    )
    return red, green, blue
