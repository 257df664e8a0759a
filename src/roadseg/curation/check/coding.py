"""How labels are coded, and whether that is what the data set says."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from roadseg.curation.check import borders, unknown
from roadseg.curation.check.facts import LabelFacts, PairFacts
from roadseg.curation.check.finding import Finding, plural
from roadseg.curation.check.values import ENOUGH, Labelled, fitting, listed, names_of, published_colors, table_values
from roadseg.data.layouts import cityscapes
from roadseg.labels import LabelSpace

KIND_WORDS = {"ids": "one id a pixel", "grey": "ids in three equal channels", "colors": "colours"}
OFFICIAL, TRAIN = table_values(cityscapes.IDS.space), table_values(cityscapes.TRAIN_IDS.space)
ONLY_OFFICIAL = OFFICIAL - TRAIN
"""Ids of vegetation, sky, car and others. A label with the 35 ids has at least one of them."""


def grey_among_colors(inspected: Sequence[PairFacts], space: LabelSpace | None) -> list[PairFacts]:
    """Labels of grey colours only, such as (128, 128, 128), count as colours where the table or other labels do so."""
    labels = [one.label for one in inspected if isinstance(one.label, LabelFacts)]
    known = set().union(*(label.values for label in labels if label.kind == "colors"))
    colored = sum(label.kind == "colors" for label in labels)
    if not (space.coding == "colors" if space else colored > len(labels) / 2):
        return list(inspected)
    result = []
    for one in inspected:
        if isinstance(one.label, LabelFacts) and one.label.kind == "grey":
            values = {value * 0x010101: count for value, count in one.label.values.items()}
            strips = tuple(value * 0x010101 for value in one.label.strips)
            if space or set(values) <= known:
                one = replace(one, label=replace(one.label, kind="colors", values=values, strips=strips))
        result.append(one)
    return result


def check_coding(inspected: Sequence[PairFacts], space: LabelSpace | None) -> Iterator[Finding]:
    """JPEG labels, mixed codings, and values outside the table; without a table, the coding itself."""
    read: Labelled = [(one, one.label) for one in inspected if isinstance(one.label, LabelFacts)]
    if not read:
        return
    jpeg = [(one, label) for one, label in read if borders.is_jpeg(label)]
    rest = [(one, label) for one, label in read if not borders.is_jpeg(label)]
    if jpeg:
        yield Finding(
            "coding", "error", f"{plural(len(jpeg), 'label')} saved as JPEG, which changes values along borders",
            "export the labels as PNG from the labelling tool; the JPEGs cannot be repaired",
            names_of(jpeg), "between",
        )  # fmt: skip
    if not rest:
        return
    kinds = Counter(label.kind for _, label in rest)
    usual = kinds.most_common(1)[0][0]
    if len(kinds) > 1:
        odd = [(one, label) for one, label in rest if label.kind != usual]
        yield Finding(
            "coding", "error",
            f"labels are coded in {len(kinds)} ways: most hold {KIND_WORDS[usual]}, "
            f"{plural(len(odd), 'label')} {' or '.join(sorted({KIND_WORDS[label.kind] for _, label in odd}))}",
            "export all labels from one tool with one setting", names_of(odd),
        )  # fmt: skip
    same = [(one, label) for one, label in rest if label.kind == usual]
    yield from [_without_table(same)] if space is None else _against_table(same, space)
    clean = [(one, label) for one, label in same if not borders.smoothed(label)]
    if space is None or table_values(space) & ONLY_OFFICIAL:
        yield from _mixed_ids(clean)
    if space is None or 255 not in table_values(space):
        yield from _masks_among_ids(clean)


def _against_table(read: Labelled, space: LabelSpace) -> Iterator[Finding]:
    kind = read[0][1].kind
    wanted = "colors" if space.coding == "colors" else "ids"
    if kind == "grey" and wanted == "ids":
        yield _grey(read)
    elif kind != wanted and not (kind == "grey" and wanted == "colors"):
        yield Finding(
            "coding", "error", f"labels hold {KIND_WORDS[kind]}, where {space.name} says {KIND_WORDS[wanted]}",
            "take the files with ids (semantic/, *_labelIds.png), or write coding: colors and the colours into "
            "roadseg.yaml" if kind == "colors" else "remove coding: colors from roadseg.yaml",
            names_of(read),
        )  # fmt: skip
    else:
        yield from unknown.check_values(read, space) or _masquerading(read, space)


def _masquerading(read: Labelled, space: LabelSpace) -> Iterator[Finding]:
    """Train ids read as the 35 ids. All are legal there, so nothing fails, but road becomes unlabelled."""
    rich = [(one, label) for one, label in read if len(label.values) >= ENOUGH]
    if table_values(space) != OFFICIAL or not rich:
        return
    if any(set(label.values) & ONLY_OFFICIAL for _, label in rich):
        return
    yield Finding(
        "coding", "error",
        "labels look like Cityscapes' train ids (0-18), read as its 35 ids: none of 19 to 33 occurs",
        "take the *_labelIds.png, or write a roadseg.yaml with road 0, sidewalk 1 ... and 255 ignored",
        names_of(read),
    )  # fmt: skip


def _mixed_ids(read: Labelled) -> Iterator[Finding]:
    """Some labels with the 35 ids and some with train ids."""
    rich = [(one, label) for one, label in read if label.kind == "ids" and len(label.values) >= ENOUGH]
    if not all(set(label.values) <= OFFICIAL for _, label in rich):
        return
    official = [(one, label) for one, label in rich if set(label.values) & ONLY_OFFICIAL]
    train = [(one, label) for one, label in rich if set(label.values) <= TRAIN]
    if not official or not train:
        return
    few, names = (train, "train ids (0-18)") if len(train) <= len(official) else (official, "the 35 ids")
    yield Finding(
        "coding", "error",
        f"{plural(len(few), 'label')} that look like {names}, where the others do not",
        "bring all labels to one coding (cityscapesscripts.helpers.labels has the table)", names_of(few),
    )  # fmt: skip


def _masks_among_ids(read: Labelled) -> Iterator[Finding]:
    """Labels of 0 and 255 alone, where most have other values and never 255."""
    usual = [set(label.values) for _, label in read if not set(label.values) <= {0, 255}]
    masks = [(one, label) for one, label in read if set(label.values) == {0, 255}]
    if not masks or read[0][1].kind != "ids" or len(usual) <= len(masks) or any(255 in values for values in usual):
        return
    yield Finding(
        "coding", "error", f"{plural(len(masks), 'label')} of 0 and 255 alone, where the others hold ids",
        "export them as the others; 255 is no class there, or means unlabelled", names_of(masks),
    )  # fmt: skip


def _without_table(read: Labelled) -> Finding:
    kind = read[0][1].kind
    clean = [label for _, label in read if not borders.smoothed(label)]
    values = set().union(*(label.values.keys() for label in clean or [label for _, label in read]))
    if kind == "grey":
        return _grey(read)
    palette = ", a palette for viewing" if any(label.mode == "P" for _, label in read) else ""
    if kind == "ids" and values <= {0, 255} and len(values) == 2:
        return Finding(
            "coding", "warning", "labels are masks of 0 and 255: one class and the rest",
            "write two classes into roadseg.yaml, ids 0 and 255; 255 is often read as unlabelled by other tools",
        )  # fmt: skip
    if kind == "colors" and any(unknown.exchanged_fit(values, known) for known in published_colors().values()):
        return Finding(
            "coding", "warning", "labels hold the colours of a published table with red and blue exchanged",
            "OpenCV takes and gives BGR: write them anew with cv2.cvtColor(colours, cv2.COLOR_RGB2BGR) before "
            "cv2.imwrite", names_of(read),
        )  # fmt: skip
    fits = fitting(values, kind)
    advice = f"the values fit {' or '.join(fits)}; " if fits else ""
    return Finding(
        "coding", "hint",
        f"labels hold {KIND_WORDS[kind]}{palette}: {listed(sorted(values), kind)}",
        f"{advice}roadseg.yaml (docs/own-data.md) names the classes; a draft is below",
        details=(("values", sorted(values)[:256]),),
    )  # fmt: skip


def _grey(read: Labelled) -> Finding:
    return Finding(
        "coding", "error", f"{plural(len(read), 'label')} with ids in three equal channels (RGB)",
        "save one channel: Image.open(path).getchannel(0).save(path_of_a_copy)", names_of(read),
    )  # fmt: skip
