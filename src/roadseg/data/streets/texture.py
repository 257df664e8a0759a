"""Noise that tiles, and images that are stuck onto surfaces."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Noise = NDArray[np.float32]


def value_noise(rng: Generator, size: int, cells: int) -> Noise:
    """Smooth noise (size, size) about within [-1, 1] that tiles, with `cells` random values along each side."""
    lattice = np.pad(rng.uniform(-1.0, 1.0, (cells, cells)).astype(np.float32), 2, mode="wrap")
    wide = Image.fromarray(lattice).resize((size, size), Image.Resampling.BICUBIC, box=(2, 2, cells + 2, cells + 2))
    return np.asarray(wide, dtype=np.float32)


def fractal_noise(rng: Generator, size: int, cells: int, octaves: int, gain: float = 0.6) -> Noise:
    """Sum of `octaves` value noises, each twice as fine and `gain` times as strong; standard deviation 1."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        total += gain**octave * value_noise(rng, size, min(size, cells << octave))
    total -= total.mean()
    total /= max(1e-6, float(total.std()))
    return total


@dataclass(frozen=True)
class Texture:
    """An RGB image at halving sizes, and at the same sizes a mask (0 or 255) of where it is solid, if it has holes."""

    levels: tuple[Image.Image, ...]
    masks: tuple[Image.Image, ...] | None = None

    @classmethod
    def of(cls, image: Image.Image, mask: Image.Image | None = None) -> "Texture":
        """Texture with all the smaller sizes that a distant surface needs."""
        levels = _halvings(image)
        if mask is None:
            return cls(levels)
        return cls(levels, tuple(level.point(_SOLID) for level in _halvings(mask)))

    def level(self, pixels: float) -> tuple[Image.Image, Image.Image | None]:
        """Image and mask of the size that suits a surface of this many pixels: one to two texels to a pixel."""
        width, height = self.levels[0].size
        step = int(math.log2(max(1.0, math.sqrt(width * height / max(1.0, pixels)))))
        step = min(step, len(self.levels) - 1)
        return self.levels[step], None if self.masks is None else self.masks[step]


def _halvings(image: Image.Image) -> tuple[Image.Image, ...]:
    levels = [image]
    while min(levels[-1].size) >= 8:
        levels.append(levels[-1].reduce(2))
    return tuple(levels)


_SOLID = [0] * 128 + [255] * 128


def roughen(image: Image.Image, noise: Noise, amount: float) -> Image.Image:
    """The image with its brightness varied by noise (tiled to its size) of this relative amount."""
    width, height = image.size
    rows, columns = -(-height // noise.shape[0]), -(-width // noise.shape[1])
    tile = np.tile(noise, (rows, columns))[:height, :width, None]
    pixels = np.asarray(image, dtype=np.float32) * (1.0 + amount * tile)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
