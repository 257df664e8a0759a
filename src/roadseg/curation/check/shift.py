"""Labels that do not fit their image: shifted, mirrored, or of another image."""

from collections.abc import Iterator, Sequence

import numpy as np

from roadseg.curation.check.alignment import Fit
from roadseg.curation.check.facts import PairFacts
from roadseg.curation.check.finding import Finding, plural


def check_alignment(inspected: Sequence[PairFacts]) -> Iterator[Finding]:
    """Labels that are shifted against their images, mirrored, or of another image."""
    judged = [(one, one.fit) for one in inspected if one.fit is not None]
    shifted = [(one, fit) for one, fit in judged if fit.shifted]
    flipped = [one for one, fit in judged if fit.flipped]
    nowhere = [one for one, fit in sorted(judged, key=lambda pair: pair[1].peak) if fit.nowhere]
    if shifted:
        yield _shifted(shifted, len(judged))
    if flipped:
        yield Finding(
            "shift", "error", f"{plural(len(flipped), 'label')} mirrored left to right against the image",
            "mirror the label, or leave the mirroring to the training (transforms.flip), which turns both",
            _labels(flipped), "shift",
        )  # fmt: skip
    if nowhere:
        yield Finding(
            "shift", "warning",
            f"{plural(len(nowhere), 'label')} whose borders follow no edges: of another image, cropped, "
            f"turned, or {min(one.fit.reach for one in nowhere if one.fit)} pixels off or more",
            "look at them (--output DIR draws the borders on the image), then pair or export them anew",
            _labels(nowhere), "shift",
        )  # fmt: skip


def _shifted(shifted: list[tuple[PairFacts, Fit]], judged: int) -> Finding:
    shifted = sorted(shifted, key=lambda pair: -float(np.hypot(*pair[1].shift)))
    x, y = (int(np.median([fit.shift[axis] for _, fit in shifted])) for axis in (0, 1))
    general = len(shifted) > judged / 2
    where = f"lying {direction(x, y)} of where {'it belongs' if len(shifted) == 1 else 'they belong'}"
    return Finding(
        "shift", "error" if general else "warning",
        f"{plural(len(shifted), 'label')} {where}" + ("" if len(shifted) == 1 else " (median)"),
        f"move the labels by {direction(-x, -y, True)}, or export them again; a crop or undistortion of one of the "
        "two is the usual cause",
        _labels([one for one, _ in shifted]), "shift",
        (("pixels_right_down", {str(one.record.label): list(fit.shift) for one, fit in shifted}),),
    )  # fmt: skip


def direction(right: int, down: int, move: bool = False) -> str:
    """`4 pixels right and 2 above`; of a `move`: `4 pixels right and 2 up`."""
    words = ("down", "up") if move else ("below", "above")
    parts = [f"{abs(right)} {'right' if right > 0 else 'left'}"] if right else []
    parts += [f"{abs(down)} {words[0] if down > 0 else words[1]}"] if down else []
    first, *rest = parts or ["0 right"]
    return " and ".join([first.replace(" ", " pixel " if first.startswith("1 ") else " pixels ", 1), *rest])


def _labels(inspected: Sequence[PairFacts]) -> tuple[str, ...]:
    return tuple(str(one.record.label) for one in inspected)
