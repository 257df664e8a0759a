"""Upsampling of coarse logits to label size; loss, evaluation and prediction share it.

Between two neighbouring logits lie `stride` pixels, each a linear interpolation of the two. `upsample` returns the
whole result. `Bands` returns the same values, bit for bit, a few rows at a time, so that a loss or an argmax over the
classes never holds full-size logits.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

BAND_BYTES = {"cpu": 2**21, "cuda": 2**28}
"""Approximate size of a band: it fits into a CPU's caches, or keeps a GPU busy."""


@dataclass(frozen=True)
class Grid:
    """Where coarse logits lie on the input image.

    Logit (i, j) covers the pixels from `stride * i - margin` to `stride * (i + 1) - margin`, and likewise for columns.
    `stride` is 1 or even. `margin` is 0 except with Caffe's 100-pixel padding.
    """

    stride: int
    margin: int = 0

    @property
    def start(self) -> int:
        """Row and column of the image's first pixel on the canvas that is upsampled from the padded logits."""
        return self.margin + self.stride // 2


def upsample(
    logits: Float[Tensor, "b c h w"],
    grid: Grid,
    input_size: tuple[int, int],
    output_size: tuple[int, int] | None = None,
) -> Float[Tensor, "b c H W"]:
    """Logits (B, C, H, W) at `output_size` (default: `input_size`) from coarse ones (B, C, h, w).

    Bilinear with half-pixel centres, so that every logit stays in the middle of its cell for any input size. The part
    outside the image is cropped. In the interior this equals a transposed convolution with a fixed bilinear kernel of
    size 2s (Long et al., CVPR 2015, sec. 3.3). At the border the outermost logits are repeated instead of fading to 0.
    Where the image was resized for the network, a second bilinear step leads to `output_size`.
    """
    height, width = input_size
    check_reach(logits, grid, input_size)
    if grid.stride > 1:
        fractions = _fractions(grid.stride, logits)
        rows = _blend_rows(_blend_columns(_bordered(logits), fractions, grid.start, width), fractions)
        logits = rows[..., grid.start : grid.start + height, :]
    else:
        logits = logits[..., grid.margin : grid.margin + height, grid.margin : grid.margin + width]
    if output_size is not None and output_size != input_size:
        logits = F.interpolate(logits, size=output_size, mode="bilinear", align_corners=False)
    return logits


def check_reach(logits: Float[Tensor, "*b h w"], grid: Grid, size: tuple[int, int]) -> None:
    """Assert that the logits cover an image of `size`."""
    rows, columns = (cells * grid.stride - grid.margin for cells in logits.shape[-2:])
    assert min(rows - size[0], columns - size[1]) >= 0, f"logits reach {rows}x{columns} of a {size[0]}x{size[1]} image"


def _bordered(logits: Tensor) -> Tensor:
    """Logits padded by one on each side with the outermost values."""
    return F.pad(logits, (1, 1, 1, 1), mode="replicate")


def _fractions(stride: int, like: Tensor) -> Tensor:
    """Interpolation weights of the second of two logits, for each pixel between them."""
    return (torch.arange(stride, device=like.device, dtype=like.dtype) + 0.5) / stride


def _blend_columns(cells: Tensor, fractions: Tensor, start: int, width: int) -> Tensor:
    """Interpolate columns: the image's (..., width) from padded logits (..., w + 2)."""
    pixels = torch.lerp(cells[..., :-1, None], cells[..., 1:, None], fractions)
    return pixels.flatten(-2)[..., start : start + width]


def _blend_rows(cells: Tensor, fractions: Tensor) -> Tensor:
    """Interpolate rows: all `(n - 1) * stride` rows of pixels (..., rows, width) from logits (..., n, width)."""
    return torch.lerp(cells[..., :-1, None, :], cells[..., 1:, None, :], fractions[:, None]).flatten(-3, -2)


class Bands:
    """Upsampled logits of one image, a few rows at a time, and the backward pass of their gradient.

    Iteration yields `(rows, pixels)`: a slice and logits (C, len(rows), W). Rows are numbered on the full upsampled
    canvas, which is `lines` high. The image starts at row `above` of the canvas. The values equal those of `upsample`,
    bit for bit.
    """

    def __init__(self, logits: Float[Tensor, "c h w"], grid: Grid, size: tuple[int, int]) -> None:
        check_reach(logits, grid, size)
        height, self.width = size
        self.grid = grid
        self.cells = _bordered(logits[None])[0] if grid.stride > 1 else logits
        self.fractions = _fractions(grid.stride, logits)
        self.shares = torch.stack([1 - self.fractions, self.fractions])
        self.first = grid.start // grid.stride
        self.above = grid.start % grid.stride
        self.count = -(-(self.above + height) // grid.stride)
        self.lines = self.count * grid.stride
        row_bytes = self.cells.element_size() * len(logits) * self.width
        budget = BAND_BYTES.get(logits.device.type, BAND_BYTES["cpu"])
        self.step = max(1, budget // (row_bytes * grid.stride))

    def __iter__(self) -> Iterator[tuple[slice, Float[Tensor, "c rows width"]]]:
        for start in range(0, self.count, self.step):
            stop = min(start + self.step, self.count)
            yield slice(start * self.grid.stride, stop * self.grid.stride), self._pixels(self._rows_of(start, stop))

    def _rows_of(self, start: int, stop: int) -> slice:
        """The rows of logits around the pixels of the intervals from `start` to `stop`."""
        return slice(self.first + start, self.first + stop + (self.grid.stride > 1))

    def _pixels(self, rows: slice) -> Tensor:
        if self.grid.stride > 1:
            columns = _blend_columns(self.cells[:, rows], self.fractions, self.grid.start, self.width)
            return _blend_rows(columns, self.fractions)
        margin = self.grid.margin
        return self.cells[:, rows, margin : margin + self.width].clone(memory_format=torch.contiguous_format)

    def image_rows(self, rows: slice) -> Float[Tensor, "c rows width"]:
        """Logits of some of the image's own rows, counted from its first: to the same bits, whatever the bands."""
        start, stop = rows.start + self.above, rows.stop + self.above
        first = start // self.grid.stride
        pixels = self._pixels(self._rows_of(first, -(-stop // self.grid.stride)))
        return pixels[:, start - first * self.grid.stride :][:, : stop - start]

    def add_gradient(self, total: Float[Tensor, "c n m"], rows: slice, gradient: Float[Tensor, "c rows width"]) -> None:
        """Add the gradient of the band `rows`, propagated to the padded logits, to `total` (shaped as `cells`)."""
        stride, margin = self.grid.stride, self.grid.margin
        cells = self._rows_of(rows.start // stride, rows.stop // stride)
        if stride == 1:
            total[:, cells, margin : margin + self.width] += gradient
            return
        between_rows = self.shares @ gradient.reshape(len(gradient), -1, stride, self.width)
        columns = gradient.new_zeros(len(gradient), cells.stop - cells.start, (total.shape[2] - 1) * stride)
        inside = columns[:, :, self.grid.start : self.grid.start + self.width]
        inside[:, :-1] += between_rows[:, :, 0]
        inside[:, 1:] += between_rows[:, :, 1]
        between_columns = columns.reshape(*columns.shape[:2], -1, stride) @ self.shares.T
        total[:, cells, :-1] += between_columns[..., 0]
        total[:, cells, 1:] += between_columns[..., 1]

    def logits_gradient(self, total: Float[Tensor, "c n m"]) -> Float[Tensor, "c h w"]:
        """The gradient of the logits from that of `cells`: a padded logit adds to the one it repeats."""
        if self.grid.stride == 1:
            return total
        total[:, 1] += total[:, 0]
        total[:, -2] += total[:, -1]
        total[:, :, 1] += total[:, :, 0]
        total[:, :, -2] += total[:, :, -1]
        return total[:, 1:-1, 1:-1]


class FirstMaximum:
    """Argmax over the classes, band by band; several times as fast as `max(0).indices`.

    Each class with the largest value is marked with C minus its index, in bytes. The largest mark is the first class.
    """

    def __init__(self, bands: Bands) -> None:
        classes = len(bands.cells)
        self.bands = bands
        self.codes = torch.arange(classes, 0, -1, dtype=torch.uint8, device=bands.cells.device)[:, None, None]
        self.marks = self.codes.new_zeros(bands.lines, bands.width)

    def update(self, rows: slice, pixels: Float[Tensor, "c rows width"], peak: Float[Tensor, "rows width"]) -> None:
        """Process the logits of a band; `peak` is their maximum over the classes."""
        torch.amax((pixels == peak).view(torch.uint8).mul_(self.codes), 0, out=self.marks[rows])

    def classes(self, height: int) -> UInt8[Tensor, "height width"]:
        """The classes of an image of this height. A pixel with NaN logits gets the last class."""
        marks = self.marks[self.bands.above : self.bands.above + height]
        return (len(self.codes) - marks).clamp_(max=len(self.codes) - 1)


def upsampled_classes(logits: Float[Tensor, "b c h w"], grid: Grid, size: tuple[int, int]) -> UInt8[Tensor, "b H W"]:
    """Each pixel's class: `upsample(logits, grid, size).max(1).indices`, without logits of that size."""
    classes = []
    for image in logits:
        bands = Bands(image, grid, size)
        maximum = FirstMaximum(bands)
        for rows, pixels in bands:
            maximum.update(rows, pixels, pixels.amax(0))
            del pixels  # before the next band is made
        classes.append(maximum.classes(size[0]))
    return torch.stack(classes)
