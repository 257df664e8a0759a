"""Images, drives and pixels of each class by part, and what could not be counted."""

from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from roadseg.curation.check import classes
from roadseg.curation.check.facts import ImageFacts, LabelFacts, PairFacts
from roadseg.curation.check.finding import plural
from roadseg.curation.check.inputs import Inputs
from roadseg.curation.check.values import listed, table_values
from roadseg.labels import LabelSpace


def stats_table(inputs: Inputs, inspected: Sequence[PairFacts], space: LabelSpace) -> Table:
    """A column for each part: images, groups, sizes; then each class's share of the pixels and number of images."""
    table = Table(
        box=box.SIMPLE_HEAD, caption="share of all pixels; images that have the class", caption_justify="left"
    )
    table.add_column("")
    for part in inputs.parts:
        table.add_column(escape(part), justify="right")
    rows: dict[str, list[str]] = {"images": [], "groups": [], "sizes": []}
    for part, records in inputs.parts.items():
        sizes = {one.image.size for one in inspected if one.part == part and isinstance(one.image, ImageFacts)}
        least, most = (min(sizes), max(sizes)) if sizes else ((0, 0), (0, 0))
        rows["images"].append(str(len(records)))
        rows["groups"].append(str(len({record.group for record in records})))
        rows["sizes"].append(f"{least[1]}x{least[0]}" + (f" to {most[1]}x{most[0]}" if least != most else ""))
    for name, cells in rows.items():
        table.add_row(name, *cells, end_section=name == "sizes")
    counted = classes.shares(inspected, space)
    for index, name in enumerate([*space.names, "unlabelled"]):
        cells = []
        for part in inputs.parts:
            pixels = counted.of(part)
            share = pixels[:, index].sum() / max(1, pixels.sum())
            cells.append(f"{100 * share:.2f} %  {(pixels[:, index] > 0).sum():>5}")
        table.add_row(escape(name), *cells)
    return table


def left_out(inputs: Inputs, inspected: Sequence[PairFacts], space: LabelSpace) -> list[str]:
    """What `stats_table` leaves out or counts as unlabelled, and training refuses, as phrases; none if all is well.

    For example `2 files that cannot be read, left out`.
    """
    read = [(one, one.label) for one in inspected if isinstance(one.label, LabelFacts)]
    damaged = sum(isinstance(facts, str) for one in inspected for facts in (one.image, one.label))
    sizes = sum(isinstance(one.image, ImageFacts) and one.image.size != label.size for one, label in read)
    phrases = [
        f"{plural(number, noun)} {words}"
        for number, noun, words in (
            (damaged, "file", "that cannot be read, left out"),
            (len(inputs.images), "image", "without label, left out"),
            (len(inputs.labels), "label", "without image, left out"),
            (sizes, "label", "not of the image's size"),
        )
        if number
    ]
    colors = space.coding == "colors"
    other = sum((label.kind == "colors") != colors for _, label in read)
    if other:
        phrases.append(f"{plural(other, 'label')} not coded in {space.coding}, counted as unlabelled")
    known = table_values(space)
    fitting = [set(label.values) for _, label in read if (label.kind == "colors") == colors]
    strange = [values - known for values in fitting if values - known]
    if strange:
        values = listed(sorted(set().union(*strange)), "colors" if colors else "ids", most=4)
        phrases.append(
            f"in {plural(len(strange), 'label')} values that {space.name} does not have ({values}), "
            "counted as unlabelled"
        )
    return phrases
