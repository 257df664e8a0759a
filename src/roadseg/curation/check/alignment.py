"""Where a label fits its image: its borders are compared with the edges of the image.

Where an object ends, the image mostly has an edge. Over all small shifts of the label, the mean strength of the edges
under its borders has a sharp peak, which tells where the label belongs; a label of another image has none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from scipy import fft, ndimage

REACH = 32
"""Shifts of up to so many pixels are tried, in each direction."""
MOST_PIXELS = 700_000
"""Larger images are compared at half, a third ... of their size."""
FEWEST_BORDERS = 300
"""Labels with fewer border pixels tell nothing."""

# Measured on CamVid, KITTI, built-in streets, and on shifted, mirrored and exchanged copies (benchmarks/data_check.py)
CLEAR = 4.5
"""How far a peak stands above the middle, in standard deviations."""
NO_BETTER = 0.5
"""Where no peak is clear, a label whose own place is lower by less is left in peace: few borders, weak edges."""
FEW_BORDERS, UNRELATED, UNSURE = 4000, 1.5, 4.0
"""A label of fewer border pixels, such as a mask of one class, is said to fit nowhere only where its own place is no
higher than so many standard deviations, as that of one in fifteen labels of another image; and to be shifted only by
more pixels: the edge of a shadow or a kerb lies beside that of the road. Labels of all classes have 4000 and more."""
SMALLEST, GAIN = 2.5, 1.1
"""A label is shifted when its peak is so many pixels away, and so many standard deviations higher than the place."""


class Fit(NamedTuple):
    """Where a label fits its image best, if anywhere.

    `shift`: right and down, in pixels, by which the label lies beside its image (0, 0 where it fits). `peak`: height of
    that place above the middle of all places, `gain` above the label's own place, in standard deviations. `mirrored`:
    the height of the peak of the label turned left to right. `borders`: how many pixels were compared. `reach`: the
    largest shift that was tried; a place that far away is no peak, as what lies beyond may fit better.
    """

    shift: tuple[int, int]
    peak: float
    gain: float
    mirrored: float
    borders: int
    reach: int = REACH

    @property
    def clear(self) -> bool:
        """There is a place where the label fits."""
        return self.peak >= CLEAR and max(map(abs, self.shift)) < self.reach

    @property
    def shifted(self) -> bool:
        """The label fits, but elsewhere."""
        return self.clear and self.gain >= GAIN and self.elsewhere

    @property
    def elsewhere(self) -> bool:
        """The highest place is not where the label lies; of a label that fits nowhere it is so with 99.5 % chance."""
        return float(np.hypot(*self.shift)) > (SMALLEST if self.borders >= FEW_BORDERS else UNSURE)

    @property
    def flipped(self) -> bool:
        """The label fits when it is mirrored."""
        return self.elsewhere and not self.clear and self.mirrored >= CLEAR and self.mirrored > self.peak + 1

    @property
    def nowhere(self) -> bool:
        """The label fits nowhere."""
        if self.borders < FEW_BORDERS and self.peak - self.gain >= UNRELATED:
            return False
        return self.elsewhere and not self.clear and self.gain >= NO_BETTER and not self.flipped


def fit(pixels: UInt8[np.ndarray, "h w 3"], values: np.ndarray) -> Fit | None:
    """Where a label (ids or packed colours, (H, W)) fits its image of the same size; None for one of few borders."""
    factor = max(1, int(np.ceil(np.sqrt(values.size / MOST_PIXELS))))
    small, grey = values[::factor, ::factor], _grey(pixels, factor)
    height, width = min(small.shape[0], grey.shape[0]), min(small.shape[1], grey.shape[1])
    small, grey = small[:height, :width], grey[:height, :width]
    borders = label_borders(small)
    number = int(borders.sum())
    if number < FEWEST_BORDERS or min(height, width) < 2 * REACH:
        return None
    edges = image_edges(grey)
    transformed = fft.rfft2(edges, _padded(edges.shape), workers=1)
    scores = _agreement(transformed, borders)
    spread, middle = float(scores.std()) + 1e-9, float(np.median(scores))
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    best = float(scores[row, column])
    shift = ((REACH - int(column)) * factor, (REACH - int(row)) * factor)
    found = Fit(
        shift, (best - middle) / spread, (best - float(scores[REACH, REACH])) / spread, 0.0, number, REACH * factor
    )
    if not found.clear:
        turned = _agreement(transformed, np.ascontiguousarray(borders[:, ::-1]))
        mirrored = (float(turned.max()) - float(np.median(turned))) / (float(turned.std()) + 1e-9)
        return found._replace(mirrored=mirrored)
    return found


def _grey(pixels: UInt8[np.ndarray, "h w 3"], factor: int) -> Float[np.ndarray, "rows columns"]:
    grey = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    if factor == 1:
        return np.asarray(grey)
    rows, columns = (side // factor for side in grey.shape)
    blocks = grey[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return np.asarray(blocks.mean((1, 3)))


def image_edges(grey: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Strength of the edges beside that of their surroundings, mean 0: a facade counts no more than a kerb."""
    smooth = ndimage.gaussian_filter(grey, 1.0, truncate=3)
    strength = np.hypot(ndimage.sobel(smooth, 0), ndimage.sobel(smooth, 1))
    relative = np.minimum(strength / (ndimage.uniform_filter(strength, 31) + 4), 3)
    return np.asarray(relative - relative.mean(), np.float32)


def label_borders(values: np.ndarray) -> Float[np.ndarray, "h w"]:
    """1 on both sides of each step from value to value, else 0."""
    borders = np.zeros(values.shape, bool)
    for step, before, after in (
        (values[:, 1:] != values[:, :-1], borders[:, :-1], borders[:, 1:]),
        (values[1:] != values[:-1], borders[:-1], borders[1:]),
    ):
        before |= step
        after |= step
    return borders.astype(np.float32)


def _padded(shape: tuple[int, ...]) -> tuple[int, int]:
    return fft.next_fast_len(shape[0] + REACH, real=True), fft.next_fast_len(shape[1] + REACH, real=True)


def _agreement(transformed: np.ndarray, borders: Float[np.ndarray, "h w"]) -> np.ndarray:
    """Mean edge strength under the borders moved by -REACH to REACH pixels down and right."""
    size = _padded(borders.shape)
    product = fft.irfft2(transformed * np.conj(fft.rfft2(borders, size, workers=1)), size, workers=1)
    around = np.roll(product, (REACH, REACH), (0, 1))[: 2 * REACH + 1, : 2 * REACH + 1]
    return np.asarray(around / borders.sum())
