"""Labels that a smoothing resize or JPEG has changed: they hold values between those of two neighbours.

A resize that mixes pixels (bilinear, bicubic, area) turns the border between class 2 and class 7 into 3, 4, 5 or 6.
Each of these is a class, so nothing fails: networks learn thin strips of wrong classes, and are scored on them.
"""

from collections.abc import Iterator, Sequence

from roadseg.curation.check.facts import LabelFacts, PairFacts
from roadseg.curation.check.finding import Finding, plural

SMOOTHED = 0.15
"""A label is smoothed if a larger share of its steps from value to value passes through a value between the two.

Untouched labels of CamVid, KITTI and the built-in streets have at most 0.06, labels after bilinear resizing at least
0.28 (`benchmarks/data_check.py`).
"""


def check_borders(inspected: Sequence[PairFacts]) -> Iterator[Finding]:
    """Labels that were resized with smoothing."""
    labels = [(one, one.label) for one in inspected if isinstance(one.label, LabelFacts) and not is_jpeg(one.label)]
    marked = sorted(((one, label) for one, label in labels if smoothed(label)), key=lambda pair: -pair[1].between)
    if not marked:
        return
    kinds = {label.kind for _, label in marked}
    strips = {value for _, label in marked for value in label.strips}
    solid = {value for _, label in labels for value in label.values} - strips
    what = "colours" if kinds == {"colors"} else "ids"
    only = sorted(strips - solid) if what == "ids" else []
    named = f" (ids {', '.join(map(str, only[:8]))}{' ...' if len(only) > 8 else ''} occur there only)" if only else ""
    yield Finding(
        "borders", "error",
        f"{plural(len(marked), 'label')} with {what} mixed along the borders, as a smoothing resize or JPEG leaves "
        f"them{named}",
        "export the labels again as PNG at the image's size, or resize the originals with nearest neighbour "
        "(Pillow: Image.Resampling.NEAREST, OpenCV: INTER_NEAREST, anti-aliasing off)",
        tuple(str(one.record.label) for one, _ in marked), "between",
        (("share_of_steps", round(marked[0][1].between, 3)), ("ids_on_borders_only", only)),
    )  # fmt: skip


def is_jpeg(label: LabelFacts) -> bool:
    """Whether the file is a JPEG, which always changes values along borders."""
    return label.format in ("JPEG", "MPO")


def smoothed(label: LabelFacts) -> bool:
    """Whether smoothing or JPEG changed the label. It explains other odd values, which are then not reported."""
    return is_jpeg(label) or label.between > SMOOTHED
