"""Where a label fits its image: label borders are compared with image edges.

Where an object ends, the image mostly has an edge. For every small shift of the label, the agreement is the mean edge
strength under its borders. It has a sharp peak at the shift where the label belongs. A label of another image has none.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from scipy import fft, ndimage

REACH = 32
"""Largest shift that is tried, in pixels, in each direction."""
MOST_PIXELS = 700_000
"""Images with more pixels are compared at half, a third, ... of their size."""
FEWEST_BORDERS = 300
"""A label with fewer border pixels is not compared."""

# The thresholds below were measured on CamVid, KITTI and built-in streets, and on shifted, mirrored and exchanged
# copies (benchmarks/data_check.py). Heights are in standard deviations over all shifts.
CLEAR = 4.5
"""A peak at least this high above the median is clear."""
MIN_GAIN = 1.1
"""A label is shifted only if its peak is at least this much higher than the agreement at shift 0."""
MIN_SHIFT = 2.5
"""A label is shifted only if its peak is more than this many pixels away."""
NO_BETTER = 0.5
"""A label without a clear peak is not reported if no shift gains at least this much: its edges are weak."""
FEW_BORDERS = 4000
"""Labels with fewer border pixels, such as masks of one class, need stronger evidence. Full labels have more."""
MIN_SHIFT_FEW = 4.0
"""`MIN_SHIFT` for labels with few borders: the edge of a shadow or kerb lies this close to that of the road."""
UNRELATED = 1.5
"""A label with few borders fits nowhere only if it agrees less at shift 0; 1 in 15 unrelated labels agrees more."""


class Fit(NamedTuple):
    """Where a label fits its image best.

    `shift`: pixels, right and down, by which the label is displaced; (0, 0) where it fits. `peak`: height of the
    highest agreement above the median of all shifts, in standard deviations. `gain`: its height above shift 0.
    `mirrored`: the peak of the label turned left to right. `borders`: number of border pixels. `reach`: the largest
    shift tried. A maximum at `reach` is no peak, because a larger shift may fit better.
    """

    shift: tuple[int, int]
    peak: float
    gain: float
    mirrored: float
    borders: int
    reach: int = REACH

    @property
    def clear(self) -> bool:
        """Some shift fits clearly."""
        return self.peak >= CLEAR and max(map(abs, self.shift)) < self.reach

    @property
    def shifted(self) -> bool:
        """The label fits clearly, at another place."""
        return self.clear and self.gain >= MIN_GAIN and self.elsewhere

    @property
    def elsewhere(self) -> bool:
        """The best shift is not near 0. A label of another image passes with a chance of 99.5 %."""
        return float(np.hypot(*self.shift)) > (MIN_SHIFT if self.borders >= FEW_BORDERS else MIN_SHIFT_FEW)

    @property
    def flipped(self) -> bool:
        """The label fits its image when it is mirrored."""
        return self.elsewhere and not self.clear and self.mirrored >= CLEAR and self.mirrored > self.peak + 1

    @property
    def nowhere(self) -> bool:
        """The label fits nowhere."""
        if self.borders < FEW_BORDERS and self.peak - self.gain >= UNRELATED:
            return False
        return self.elsewhere and not self.clear and self.gain >= NO_BETTER and not self.flipped


def fit(pixels: UInt8[np.ndarray, "h w 3"], values: np.ndarray) -> Fit | None:
    """Where a label (ids or packed colours, (H, W)) fits its image of the same size.

    None where it has fewer than `FEWEST_BORDERS` border pixels, or the image is too small to be shifted.
    """
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
    """Edge strength relative to its surroundings, mean 0, so that a facade counts no more than a kerb."""
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
