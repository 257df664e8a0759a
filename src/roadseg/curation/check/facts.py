"""Facts about each pair of image and label, without any judgement."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from roadseg.curation.check.alignment import Fit, fit
from roadseg.curation.check.measure import share_between
from roadseg.data.decode import (
    CAMERA_FORMATS,
    EXIF_ORIENTATION,
    LABEL_MODES,
    WIDE_MODES,
    opened,
    read_image,
    rgb_pixels,
    stored_values,
)
from roadseg.data.records import Record
from roadseg.data.similar import both_hashes
from roadseg.errors import DataError
from roadseg.labels import packed_pixels

Kind = Literal["ids", "grey", "colors"]
"""One value a pixel; three equal channels; or colours."""
MOST_VALUES = 256
"""How many values of a label are kept, the most frequent ones."""


@dataclass(frozen=True)
class ImageFacts:
    """An image that could be decoded.

    `size` (height, width) upright; `orientation` of EXIF (1 = as stored); perceptual `hash`, and that of the image
    turned left to right; `digest` of the file's bytes.
    """

    size: tuple[int, int]
    orientation: int
    hash: bytes
    mirrored: bytes
    digest: bytes


@dataclass(frozen=True)
class LabelFacts:
    """A label that could be decoded.

    `values`: number of pixels of each id, or of each colour packed as 0xRRGGBB. `distinct`: number of different values.
    `strips`: values that fill no 3x3 square. `between`: see `measure.share_between`.
    """

    size: tuple[int, int]
    format: str
    mode: str
    kind: Kind
    values: dict[int, int]
    distinct: int
    strips: tuple[int, ...]
    between: float
    digest: bytes


@dataclass(frozen=True)
class PairFacts:
    """A record of a part, and the facts about its files; an error message in place of a file that cannot be read."""

    record: Record
    part: str
    image: ImageFacts | str
    label: LabelFacts | str
    fit: Fit | None = None


def inspect(record: Record, part: str) -> PairFacts:
    """Read and measure both files. Raises nothing for what is in the files."""
    pixels, label = _image_facts(record.image), _label_facts(record.label)
    image_facts = pixels if isinstance(pixels, str) else pixels[0]
    label_facts = label if isinstance(label, str) else label[0]
    found = None
    if not isinstance(pixels, str) and not isinstance(label, str) and pixels[0].size == label[0].size:
        found = fit(pixels[1], packed(label[1]))
    return PairFacts(record, part, image_facts, label_facts, found)


def _image_facts(path: Path) -> tuple[ImageFacts, UInt8[np.ndarray, "h w 3"]] | str:
    try:
        pixels = read_image(path).permute(1, 2, 0).numpy()
        with Image.open(path) as file:
            turned = int(file.getexif().get(EXIF_ORIENTATION, 1)) if file.format in CAMERA_FORMATS else 1
        digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
    except (DataError, OSError) as error:
        return str(error)
    plain, mirrored = both_hashes(pixels)
    size = pixels.shape[0], pixels.shape[1]
    return ImageFacts(size, turned, plain.tobytes(), mirrored.tobytes(), digest), pixels


def _label_facts(path: Path) -> tuple[LabelFacts, np.ndarray] | str:
    try:
        values, form, mode = read_values(path)
    except DataError as error:
        return str(error)
    kind: Kind = "ids"
    if values.ndim == 3:
        kind = "grey" if bool((values == values[..., :1]).all()) else "colors"
        values = values[..., 0] if kind == "grey" else values
    flat = packed(values)
    found, counts = np.unique(flat, return_counts=True)
    if len(found) > MOST_VALUES:
        kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_VALUES])
    else:
        kept = np.arange(len(found))
    held = dict(zip(found[kept].tolist(), counts[kept].tolist(), strict=True))
    digest = hashlib.blake2b(np.ascontiguousarray(flat).tobytes(), digest_size=16).digest()
    between = share_between(values)
    facts = LabelFacts(
        (values.shape[0], values.shape[1]), form, mode, kind, held, len(found), _strips(flat, held), between, digest
    )
    return facts, values


def read_values(path: Path) -> tuple[np.ndarray, str, str]:
    """A label as it is stored: (H, W) ids, palette indices among them, or (H, W, 3) colours; its format and mode.

    Raises `DataError` naming the file when it cannot be decoded.
    """
    with opened(path) as file:
        single = file.mode in LABEL_MODES | WIDE_MODES
        return stored_values(file, path) if single else rgb_pixels(file, path), file.format or "", file.mode


def packed(values: np.ndarray) -> np.ndarray:
    """Ids as they are; colours (H, W, 3) as 0xRRGGBB, int32 (H, W)."""
    return values if values.ndim == 2 else packed_pixels(values)


def _strips(values: np.ndarray, held: dict[int, int]) -> tuple[int, ...]:
    middle = values[1:-1, 1:-1]
    solid = np.ones(middle.shape, bool)
    height, width = values.shape
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            if (down, right) != (1, 1):
                solid &= values[down : height - 2 + down, right : width - 2 + right] == middle
    return tuple(sorted(set(held) - set(np.unique(middle[solid]).tolist())))
