"""Values outside the table of classes, by cause: masks of 0 and 255, exchanged channels, another table, new ids."""

from collections.abc import Set

from roadseg.curation.check import borders
from roadseg.curation.check.facts import LabelFacts, PairFacts
from roadseg.curation.check.finding import Finding, plural
from roadseg.curation.check.values import ENOUGH, Labelled, fitting, listed, names_of, table_values
from roadseg.labels import IGNORE, LabelSpace

MOST_VALUES = 64
"""A label with more values does not hold classes, but a photograph, probabilities, or smoothed colours."""
SOLID = 0.01
"""Least share of a smoothed label's pixels for a value that smoothing did not make."""

Unknown = list[tuple[PairFacts, LabelFacts, set[int]]]


def check_values(read: Labelled, space: LabelSpace) -> list[Finding]:
    """Findings for labels that are coded like the table (ids, or colours) but hold other values."""
    known, colored = table_values(space), space.coding == "colors"
    unknown = [(one, label, _unknown(label, known)) for one, label in read]
    unknown = [entry for entry in unknown if entry[2]]
    if not unknown:
        return []
    if not colored and IGNORE not in known and all(set(label.values) <= {0, IGNORE} for _, label in read):
        return [_masks(read, space)]
    exchanged = [entry for entry in unknown if colored and exchanged_fit(set(entry[1].values), known)]
    rest = [entry for entry in unknown if entry not in exchanged]
    return ([_exchanged(exchanged, space)] if exchanged else []) + ([_others(rest, space)] if rest else [])


def _unknown(label: LabelFacts, known: set[int]) -> set[int]:
    """Values outside the table; of a smoothed label only those that smoothing cannot have made."""
    lacking = set(label.values) - known
    if not borders.smoothed(label):
        return lacking
    least = SOLID * label.size[0] * label.size[1]
    return {value for value in lacking if value not in label.strips and label.values[value] >= least}


def exchanged_fit(values: Set[int], known: Set[int]) -> bool:
    """Whether the colours fit a table better with red and blue exchanged."""
    turned = {value >> 16 | value & 0x00FF00 | (value & 255) << 16 for value in values}
    return not values <= known and len(turned & known) > len(values & known) and turned - known <= {0}


def _masks(read: Labelled, space: LabelSpace) -> Finding:
    others = sorted(label.id for label in space.classes if label.id)
    two = len(space.classes) == 2 and len(others) == 1
    remedy = f"write id: {IGNORE} in place of id: {others[0]} into roadseg.yaml" if two else (
        f"write two classes, ids 0 and {IGNORE}, into roadseg.yaml, or export the labels with all classes"
    )  # fmt: skip
    return Finding(
        "coding", "error",
        f"labels are masks of 0 and {IGNORE}, one class and the rest, where {space.name} has "
        + (f"ids 0 and {others[0]}" if two else f"{len(space.classes)} classes"),
        remedy, names_of(read),
    )  # fmt: skip


def _exchanged(labels: Unknown, space: LabelSpace) -> Finding:
    return Finding(
        "coding", "error",
        f"{plural(len(labels), 'label')} with red and blue exchanged: turned round, the colours are {space.name}'s",
        "OpenCV takes and gives BGR: write them anew with cv2.cvtColor(colours, cv2.COLOR_RGB2BGR) before cv2.imwrite",
        tuple(str(one.record.label) for one, _, _ in labels),
    )  # fmt: skip


def _others(labels: Unknown, space: LabelSpace) -> Finding:
    kind = "colors" if space.coding == "colors" else "ids"
    values = sorted(set().union(*(unknown for _, _, unknown in labels)))
    worst = sorted(labels, key=lambda entry: -len(entry[2]))
    held: set[int] = set().union(*(label.values for _, label, _ in labels))
    fits = fitting(held, kind) if len(values) >= ENOUGH else []
    if max(label.distinct for _, label, _ in labels) > MOST_VALUES or len(values) > MOST_VALUES:
        remedy = (
            "these are too many for classes: a photograph, probabilities, or smoothed colours; export the labels anew"
        )
    elif fits:
        remedy = f"the values fit {' or '.join(fits)}: take the labels or the table that belong together"
    else:
        remedy = "fix the labels, or add the values to classes or ignored in roadseg.yaml if they are meant"
    return Finding(
        "coding", "error",
        f"{plural(len(labels), 'label')} with values that {space.name} does not have: {listed(values, kind)}",
        remedy, tuple(str(one.record.label) for one, _, _ in worst), details=(("values", values[:256]),),
    )  # fmt: skip
