"""How labels are coded, and whether that is what the data set says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from roadseg import labels
from roadseg.check.finding import Finding, plural
from roadseg.check.seen import LabelFacts, Seen
from roadseg.labels import LabelSpace

KIND_WORDS = {"ids": "one id a pixel", "grey": "ids in three equal channels", "colors": "colours"}
OFFICIAL = frozenset(range(34)) | {255}
TRAIN = frozenset(range(19)) | {255}
CAMVID = frozenset(range(12))
ONLY_OFFICIAL = frozenset(range(19, 34))
"""Vegetation, sky, car and others: a street's label with the 35 ids has one of them."""
ENOUGH = 4
"""Values that a label needs before its coding is judged by those that it lacks."""
MOST_COLORS = 64
"""Labels in colours with more of them are photographs, or were smoothed."""

Labelled = list[tuple[Seen, LabelFacts]]


def grey_among_colors(seen: Sequence[Seen], space: LabelSpace | None) -> list[Seen]:
    """Labels of grey colours alone, such as (128, 128, 128), as colours, where the table or the other labels say so."""
    labels = [one.label for one in seen if isinstance(one.label, LabelFacts)]
    known = set().union(*(label.values for label in labels if label.kind == "colors"))
    colored = sum(label.kind == "colors" for label in labels)
    if not (space.coding == "colors" if space else colored > len(labels) / 2):
        return list(seen)
    result = []
    for one in seen:
        if isinstance(one.label, LabelFacts) and one.label.kind == "grey":
            values = {value * 0x010101: count for value, count in one.label.values.items()}
            strips = tuple(value * 0x010101 for value in one.label.strips)
            if space or set(values) <= known:
                one = replace(one, label=replace(one.label, kind="colors", values=values, strips=strips))
        result.append(one)
    return result


def find(seen: Sequence[Seen], space: LabelSpace | None) -> list[Finding]:
    """JPEG labels, mixed codings, values that the table lacks; without a table, what the coding is."""
    read: Labelled = [(one, one.label) for one in seen if isinstance(one.label, LabelFacts)]
    if not read:
        return []
    jpeg = [(one, label) for one, label in read if label.format in ("JPEG", "MPO")]
    rest = [(one, label) for one, label in read if label.format not in ("JPEG", "MPO")]
    findings = []
    if jpeg:
        findings.append(
            Finding(
                "coding", "error", f"{plural(len(jpeg), 'label')} saved as JPEG, which changes values along borders",
                "export the labels as PNG from the labelling tool; the JPEGs cannot be mended",
                _names(jpeg), "between",
            )
        )  # fmt: skip
    if not rest:
        return findings
    kinds = Counter(label.kind for _, label in rest)
    usual = kinds.most_common(1)[0][0]
    if len(kinds) > 1:
        odd = [(one, label) for one, label in rest if label.kind != usual]
        findings.append(
            Finding(
                "coding", "error",
                f"labels are coded in {len(kinds)} ways: most hold {KIND_WORDS[usual]}, "
                f"{plural(len(odd), 'label')} {' or '.join(sorted({KIND_WORDS[label.kind] for _, label in odd}))}",
                "export all labels from one tool with one setting", _names(odd),
            )
        )  # fmt: skip
    same = [(one, label) for one, label in rest if label.kind == usual]
    findings += _without_table(same) if space is None else _against_table(same, space)
    return findings + _mixed_ids(same) + _masks_among_ids(same)


def _against_table(read: Labelled, space: LabelSpace) -> list[Finding]:
    kind = read[0][1].kind
    wanted = "colors" if space.coding == "colors" else "ids"
    if kind == "grey" and wanted == "ids":
        return [_grey(read)]
    if kind != wanted and not (kind == "grey" and wanted == "colors"):
        return [
            Finding(
                "coding", "error", f"labels hold {KIND_WORDS[kind]}, where {space.name} says {KIND_WORDS[wanted]}",
                "take the files with ids (semantic/, *_labelIds.png), or write coding: colors and the colours into "
                "roadseg.yaml" if kind == "colors" else "remove coding: colors from roadseg.yaml",
                _names(read),
            )
        ]  # fmt: skip
    known = table_values(space)
    unknown = [(one, label, set(label.values) - known) for one, label in read if set(label.values) - known]
    if not unknown:
        return _masquerading(read, space)
    worst = sorted(unknown, key=lambda entry: -len(entry[2]))
    values = sorted(set().union(*(entry[2] for entry in unknown)))
    fits = _fitting(set().union(*(label.values.keys() for _, label in read)), kind)
    advice = f"the values fit {' or '.join(fits)}; " if fits else ""
    return [
        Finding(
            "coding", "error",
            f"{plural(len(unknown), 'label')} with values that {space.name} does not have: "
            f"{listed(values, kind)}",
            f"{advice}add them to classes or ignored in roadseg.yaml, or mend the labels",
            tuple(str(one.record.label) for one, _, _ in worst), details=(("values", values[:256]),),
        )
    ]  # fmt: skip


def _masquerading(read: Labelled, space: LabelSpace) -> list[Finding]:
    """Train ids that are read as the 35 ids: all are legal, and road becomes unlabelled."""
    rich = [(one, label) for one, label in read if len(label.values) >= ENOUGH]
    if not space.name.startswith("cityscapes") or not rich:
        return []
    if any(set(label.values) & ONLY_OFFICIAL for _, label in rich):
        return []
    return [
        Finding(
            "coding", "error",
            "labels look like Cityscapes' train ids (0-18), read as its 35 ids: none of 19 to 33 occurs",
            "take the *_labelIds.png, or write a roadseg.yaml with road 0, sidewalk 1 ... and 255 ignored",
            _names(read),
        )
    ]  # fmt: skip


def _mixed_ids(read: Labelled) -> list[Finding]:
    """Some labels with the 35 ids and some with train ids."""
    rich = [(one, label) for one, label in read if label.kind == "ids" and len(label.values) >= ENOUGH]
    if not all(set(label.values) <= OFFICIAL for _, label in rich):
        return []
    official = [(one, label) for one, label in rich if set(label.values) & ONLY_OFFICIAL]
    train = [(one, label) for one, label in rich if set(label.values) <= TRAIN]
    if not official or not train:
        return []
    few, names = (train, "train ids (0-18)") if len(train) <= len(official) else (official, "the 35 ids")
    return [
        Finding(
            "coding", "error",
            f"{plural(len(few), 'label')} that look like {names}, where the others do not",
            "bring all labels to one coding (cityscapesscripts.helpers.labels has the table)", _names(few),
        )
    ]  # fmt: skip


def _masks_among_ids(read: Labelled) -> list[Finding]:
    """Labels of 0 and 255 alone, where most have other values and never 255."""
    usual = [set(label.values) for _, label in read if not set(label.values) <= {0, 255}]
    masks = [(one, label) for one, label in read if set(label.values) == {0, 255}]
    if not masks or read[0][1].kind != "ids" or len(usual) <= len(masks) or any(255 in values for values in usual):
        return []
    return [
        Finding(
            "coding", "error", f"{plural(len(masks), 'label')} of 0 and 255 alone, where the others hold ids",
            "export them as the others; 255 is no class there, or means unlabelled", _names(masks),
        )
    ]  # fmt: skip


def _without_table(read: Labelled) -> list[Finding]:
    kind = read[0][1].kind
    values = set().union(*(label.values.keys() for _, label in read))
    if kind == "grey":
        return [_grey(read)]
    palette = ", a palette for viewing" if any(label.mode == "P" for _, label in read) else ""
    if kind == "ids" and values <= {0, 255} and len(values) == 2:
        return [
            Finding(
                "coding", "warning", "labels are masks of 0 and 255: one class and the rest",
                "write two classes into roadseg.yaml, ids 0 and 255; 255 is often read as unlabelled by other tools",
            )
        ]  # fmt: skip
    fits = _fitting(values, kind)
    advice = f"the values fit {' or '.join(fits)}; " if fits else ""
    return [
        Finding(
            "coding", "hint",
            f"labels hold {KIND_WORDS[kind]}{palette}: {listed(sorted(values), kind)}",
            f"{advice}roadseg.yaml (docs/own-data.md) names the classes; a draft is below",
            details=(("values", sorted(values)[:256]),),
        )
    ]  # fmt: skip


def _grey(read: Labelled) -> Finding:
    return Finding(
        "coding", "error", f"{plural(len(read), 'label')} with ids in three equal channels (RGB)",
        "save one channel: Image.open(path).getchannel(0).save(path_of_a_copy)", _names(read),
    )  # fmt: skip


def table_values(space: LabelSpace) -> set[int]:
    """What labels may hold by a table: ids, or colours as 0xRRGGBB."""
    rows = space.classes + space.ignored
    if space.coding == "colors":
        return {red << 16 | green << 8 | blue for red, green, blue in (row.color for row in rows)}
    return {row.id for row in rows}


def _fitting(values: set[int], kind: str) -> list[str]:
    """Known tables that have all the values, the smallest first."""
    if kind == "colors":
        tables = {"CamVid's colours": labels.camvid(), "Cityscapes' and KITTI's colours": labels.cityscapes()}
        return [
            name
            for name, table in tables.items()
            if values <= table_values(table.model_copy(update={"coding": "colors"})) | {0}
        ]
    known = {"CamVid's 11 classes": CAMVID, "Cityscapes' train ids": TRAIN, "the 35 ids of KITTI and "
             "Cityscapes": OFFICIAL}  # fmt: skip
    return [name for name, table in known.items() if values <= table][:2]


def listed(values: Sequence[int], kind: str, most: int = 12) -> str:
    """The first ids, or colours, of a list in words."""
    shown = [f"({v >> 16}, {v >> 8 & 255}, {v & 255})" if kind == "colors" else str(v) for v in values[:most]]
    return ", ".join(shown) + (f" and {len(values) - most} more" if len(values) > most else "")


def _names(read: Labelled) -> tuple[str, ...]:
    return tuple(str(one.record.label) for one, _ in read)
