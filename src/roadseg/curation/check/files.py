"""Files that are missing, cannot be read, or have the wrong size."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from roadseg.curation.check.facts import ImageFacts, LabelFacts, PairFacts
from roadseg.curation.check.finding import Finding, plural


def check_files(inspected: Sequence[PairFacts], images: Sequence[Path], labels: Sequence[Path]) -> Iterator[Finding]:
    """Damaged files, `images` without a label and `labels` without an image, and sizes."""
    damaged = [
        (str(path), facts)
        for one in inspected
        for path, facts in ((one.record.image, one.image), (one.record.label, one.label))
        if isinstance(facts, str)
    ]
    if damaged:
        yield Finding(
            "files", "error", f"{plural(len(damaged), 'file')} cannot be read: {_reasons(damaged)}",
            "copy them again from the source, or remove image and label",
            tuple(name for name, _ in damaged), details=(("reasons", dict(damaged)),),
        )  # fmt: skip
    for paths, what, lacks in ((images, "image", "label"), (labels, "label", "image")):
        if paths:
            yield Finding(
                "files", "error", f"{plural(len(paths), what)} without {lacks}",
                f"add the missing {lacks}s or remove these files; names must be equal but for the ending",
                tuple(map(str, paths)),
            )  # fmt: skip
    yield from _sizes(inspected)


def _reasons(damaged: Sequence[tuple[str, str]], most: int = 3) -> str:
    """The different reasons without the files' names, the most frequent first."""
    counted = Counter(_bare(reason, name) for name, reason in damaged)
    shown = [f"{reason} ({count})" if count > 1 else reason for reason, count in counted.most_common(most)]
    return "; ".join(shown) + (f" and {len(counted) - most} more reasons" if len(counted) > most else "")


def _bare(reason: str, name: str) -> str:
    """`cannot identify image file` of `cannot read a/b.png: cannot identify image file 'a/b.png'; replace the file`."""
    for words in (f"cannot read {name}: ", f"cannot decode {name}: ", f" {name!r}", f"{name} ", "; replace the file"):
        reason = reason.replace(words, "")
    return reason


def _sizes(inspected: Sequence[PairFacts]) -> Iterator[Finding]:
    read = [
        (one, one.image, one.label)
        for one in inspected
        if isinstance(one.image, ImageFacts) and isinstance(one.label, LabelFacts)
    ]
    wrong = [(one, image, label) for one, image, label in read if image.size != label.size]
    turned = [entry for entry in wrong if entry[1].size == entry[2].size[::-1] and entry[1].orientation > 4]
    lying = [entry for entry in wrong if entry[1].size == entry[2].size[::-1] and entry not in turned]
    other = [entry for entry in wrong if entry not in turned and entry not in lying]
    if turned:
        yield Finding(
            "sizes", "error", f"{plural(len(turned), 'label')} drawn on the photo as stored, which EXIF turns",
            "turn the labels as the photos' EXIF orientation says, or rewrite the photos upright (exiftran, "
            "mogrify -auto-orient) and label those",
            tuple(str(one.record.label) for one, _, _ in turned),
        )  # fmt: skip
    if lying:
        height, width = lying[0][1].size
        yield Finding(
            "sizes", "error",
            f"{plural(len(lying), 'label')} turned by 90 degrees, or rows and columns exchanged: the first is "
            f"{height}x{width}, its image {width}x{height}",
            "turn them back (Pillow: Image.Transpose.ROTATE_90 or ROTATE_270; exchanged: TRANSPOSE), and look at "
            "them on the image", tuple(str(one.record.label) for one, _, _ in lying),
        )  # fmt: skip
    if other:
        _, image, label = other[0]
        ratios = {
            (round(label.size[0] / image.size[0], 3), round(label.size[1] / image.size[1], 3))
            for _, image, label in other
        }
        scale = f", all {ratios.pop()[0]:g} of it" if len(ratios) == 1 and len(other) > 1 else ""
        yield Finding(
            "sizes", "error",
            f"{plural(len(other), 'label')} not of the image's size{scale}; the first is {label.size[1]}x"
            f"{label.size[0]}, its image {image.size[1]}x{image.size[0]}",
            "export the labels at the image's size, or resize them with nearest neighbour",
            tuple(str(one.record.label) for one, _, _ in other),
        )  # fmt: skip
    same = [one for one, image, label in read if image.orientation > 1 and image.size == label.size]
    if same:
        yield Finding(
            "sizes", "hint", f"{plural(len(same), 'photo')} that EXIF turns; roadseg reads them upright",
            "see that the labels are upright too", tuple(str(one.record.image) for one in same),
        )  # fmt: skip
    yield from _odd_sizes(inspected)


def _odd_sizes(inspected: Sequence[PairFacts]) -> Iterator[Finding]:
    images = [(str(one.record.image), one.image.size) for one in inspected if isinstance(one.image, ImageFacts)]
    sizes = Counter(size for _, size in images)
    if len(sizes) < 2:
        return
    (usual, count), *_ = sizes.most_common()
    odd = tuple(name for name, size in images if size != usual)
    if count < 0.9 * len(images):
        return
    yield Finding(
        "sizes", "hint",
        f"{plural(len(odd), 'image')} not of the usual {usual[1]}x{usual[0]} pixels",
        "nothing, if they are meant to be there; roadseg takes images of any size", odd,
    )  # fmt: skip
