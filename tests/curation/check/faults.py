"""Faults to plant in labels, and what the doctor says of a folder."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from roadseg.curation.check import Finding, diagnose, find_pairs, inspect_all
from roadseg.labels import camvid
from roadseg.system.progress import Display

Spoil = Callable[[np.ndarray], Image.Image]


def smoothed(ids: np.ndarray) -> Image.Image:
    height, width = ids.shape
    small = Image.fromarray(ids).resize((width // 2, height // 2), Image.Resampling.BILINEAR)
    return small.resize((width, height))


def painted(ids: np.ndarray) -> Image.Image:
    colors = np.zeros((256, 3), np.uint8)
    for label in camvid().classes:
        colors[label.id] = label.color
    return Image.fromarray(colors[ids])


FAULTS: dict[str, tuple[str, Spoil]] = {
    "shifted": ("shift", lambda ids: Image.fromarray(ndimage.shift(ids, (4, -6), order=0, mode="nearest"))),
    "mirrored": ("shift", lambda ids: Image.fromarray(np.ascontiguousarray(ids[:, ::-1]))),
    "smoothed": ("borders", smoothed),
    "half size": ("sizes", lambda ids: Image.fromarray(ids[::2, ::2])),
    "three channels": ("coding", lambda ids: Image.fromarray(ids).convert("RGB")),
    "empty": ("classes", lambda ids: Image.fromarray(np.full_like(ids, 11))),
    "mask of one class": ("coding", lambda ids: Image.fromarray(np.where(ids == 3, 255, 0).astype(np.uint8))),
    "colours": ("coding", lambda ids: painted(ids)),
}


def through_jpeg(ids: np.ndarray) -> Image.Image:
    buffer = io.BytesIO()
    Image.fromarray(ids).save(buffer, "JPEG", quality=90)
    return Image.fromarray(np.asarray(Image.open(buffer)))


def spoil(root: Path, change: Spoil, number: int = 3) -> str:
    path = sorted((root / "labels").iterdir())[number]
    with Image.open(path) as file:
        ids = np.asarray(file)
    change(ids).save(path)
    return str(path)


def checked(root: Path) -> list[Finding]:
    found = find_pairs(root)
    return diagnose(found, inspect_all(found, Display()))


def against_table(root: Path, coding: str = "ids") -> list[Finding]:
    """What is found of CamVid's table; errors and warnings."""
    found = replace(find_pairs(root), space=camvid().model_copy(update={"coding": coding}))
    return [one for one in diagnose(found, inspect_all(found, Display())) if one.severity != "hint"]


def in_tours(plain: Path, root: Path, again: Callable[[Image.Image], Image.Image]) -> Path:
    """Two images for each of three parts, each part a tour of its own; one of train is in test again."""
    names = [path.name for path in sorted((plain / "images").iterdir())]
    for number, part in enumerate(("train", "val", "test")):
        for kind in ("images", "labels"):
            (root / kind / part / f"tour{number}").mkdir(parents=True)
            for name in names[2 * number : 2 * number + 2]:
                target = root / kind / part / f"tour{number}" / name
                target.write_bytes((plain / kind / name).read_bytes())
    with Image.open(plain / "images" / names[0]) as image:
        again(image.convert("RGB")).save(root / "images/test/tour2/again.jpg", quality=60)
    with Image.open(plain / "labels" / names[0]) as label:
        again(label).save(root / "labels/test/tour2/again.png")
    return root
