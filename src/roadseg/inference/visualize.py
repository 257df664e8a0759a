"""Predictions as pictures."""

import io

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from roadseg.labels import LabelSpace

Pixels = UInt8[np.ndarray, "h w 3"]
Indices = UInt8[np.ndarray, "h w"]

INK, PAPER = (28, 30, 34), (250, 250, 248)
SMALLEST_SHARE = 0.001
"""Classes below this share of the image are left out of its legend."""


def colorize(indices: Indices, space: LabelSpace) -> Pixels:
    """Class indices in the label space's colours; ignored pixels black."""
    return np.asarray(space.palette.take(indices, axis=0))


def boundaries(indices: Indices) -> np.ndarray:
    """Whether the class changes to the right of or below a pixel, bool (H, W)."""
    edge = np.zeros(indices.shape, bool)
    edge[:, :-1] |= indices[:, :-1] != indices[:, 1:]
    edge[:-1] |= indices[:-1] != indices[1:]
    return edge


def overlay(image: Pixels, indices: Indices, space: LabelSpace, strength: float = 0.5) -> Pixels:
    """Class colours laid over the image, with a light line where the class changes."""
    mixed = image * np.float32(1 - strength)
    mixed += colorize(indices, space) * np.float32(strength)
    edge = boundaries(indices)
    mixed[edge] = np.float32(0.25) * mixed[edge] + np.float32(0.75 * 255)
    return np.rint(mixed, out=mixed).astype(np.uint8)


def confidence_map(confidence: Float[np.ndarray, "h w"]) -> Indices:
    """Probability of the predicted class as grey: 0 is black, 1 is white."""
    return np.asarray((255 * confidence).round().clip(0, 255).astype(np.uint8))


def with_legend(picture: Pixels, indices: Indices, space: LabelSpace) -> UInt8[np.ndarray, "rows w 3"]:
    """The picture above a strip that names the classes in it, the largest first, with their share of the image."""
    shares = np.bincount(indices.ravel(), minlength=256)[: len(space.classes)] / indices.size
    shown = [int(index) for index in np.argsort(-shares, kind="stable") if shares[index] >= SMALLEST_SHARE]
    height, width = picture.shape[:2]
    size = int(np.clip(width / 52, 12, 22))
    font = ImageFont.load_default(size)
    entries = [f"{space.names[index]} {_percent(shares[index])}" for index in shown]
    boxes = _flow([round(font.getlength(entry)) + round(2.6 * size) for entry in entries], width - size, size)
    rows = 1 + max((row for _, row in boxes), default=0)
    line = round(1.7 * size)
    canvas = Image.new("RGB", (width, height + rows * line + size), PAPER)
    canvas.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(canvas)
    for index, entry, (left, row) in zip(shown, entries, boxes, strict=True):
        middle = height + size // 2 + row * line + line // 2
        swatch = (left, middle - size // 2, left + size, middle + size // 2)
        draw.rounded_rectangle(swatch, radius=size // 5, fill=space.classes[index].color, outline=INK)
        draw.text((left + round(1.4 * size), middle), entry, INK, font=font, anchor="lm")
    return np.asarray(canvas)


def png(picture: np.ndarray, compression: int = 6) -> bytes:
    """A PNG file of uint8 (H, W) or (H, W, 3), compressed between 0 (not at all) and 9."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", compress_level=compression)
    return buffer.getvalue()


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0095 else f"{100 * share:.1f} %"


def _flow(widths: list[int], available: int, start: int) -> list[tuple[int, int]]:
    """Left edge and row of boxes that are set like words in a paragraph."""
    places = []
    left, row = start, 0
    for width in widths:
        if left > start and left + width > available:
            left, row = start, row + 1
        places.append((left, row))
        left += width
    return places
