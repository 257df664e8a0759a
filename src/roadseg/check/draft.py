"""A `roadseg.yaml` for a folder that has none, to be named and completed."""

from __future__ import annotations

from collections.abc import Sequence

from roadseg.check.find import Found
from roadseg.check.seen import LabelFacts, Seen


def draft(found: Found, seen: Sequence[Seen]) -> str:
    """A `roadseg.yaml` for a folder that has none: paths, a class for each value; "" where that cannot be."""
    read = [one.label for one in seen if isinstance(one.label, LabelFacts)]
    kinds = {label.kind for label in read}
    values = sorted(set().union(*(label.values for label in read))) if read else []
    if (
        found.paths is None
        or len(kinds) != 1
        or not 2 <= len(values) <= 64
        or any(v > 255 for v in values if kinds != {"colors"})
    ):
        return ""
    images, masks = found.paths
    lines = [f"images: {images}", f"masks: {masks}", "labels:", "  name: my camera"]
    ignored = [] if values in ([0, 255], [0, 1]) or kinds == {"colors"} else [value for value in values if value == 255]
    if kinds == {"colors"}:
        lines += ["  coding: colors"]
    lines += ["  classes:"]
    for number, value in enumerate(value for value in values if value not in ignored):
        color = _color(value, number, kinds == {"colors"})
        lines.append(f"    - {{name: class {number}, id: {number if kinds == {'colors'} else value}, color: {color}}}")
    if ignored:
        lines += ["  ignored:", "    - {name: unlabelled, id: 255, color: [0, 0, 0]}"]
    return "\n".join(lines) + "\n"


def _color(value: int, number: int, is_color: bool) -> list[int]:
    """The label's own colour, or Pascal VOC's of that number: the bits of the number, spread over the channels."""
    if is_color:
        return [value >> 16, value >> 8 & 255, value & 255]
    return [sum((number + 1 >> 3 * bit + channel & 1) << 7 - bit for bit in range(8)) for channel in range(3)]
