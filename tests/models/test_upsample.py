from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, strategies as st
from torch import Tensor

from roadseg.models.upsample import Bands, Grid, upsample, upsampled_classes
from roadseg.models.upscore import bilinear_kernel


def ramp(rows: int, columns: int, stride: int, margin: int) -> Tensor:
    """Logits (1, 2, h, w) whose value is the row and the column of the pixel in the middle of their cell."""
    y = stride * torch.arange(rows) - margin + (stride - 1) / 2
    x = stride * torch.arange(columns) - margin + (stride - 1) / 2
    return torch.stack(torch.meshgrid(y, x, indexing="ij"))[None]


@pytest.mark.parametrize("stride", [2, 8, 16, 32])
def test_equals_a_transposed_bilinear_convolution_in_the_interior(stride: int) -> None:
    logits = torch.randn(2, 3, 5, 6)
    kernel = bilinear_kernel(stride).expand(3, 1, -1, -1)
    size = (5 * stride, 6 * stride)
    expected = F.conv_transpose2d(logits, kernel, stride=stride, padding=stride // 2, groups=3)
    inside = (..., slice(stride // 2, -(stride // 2)), slice(stride // 2, -(stride // 2)))
    torch.testing.assert_close(upsample(logits, Grid(stride), size)[inside], expected[inside])


def test_stride_1_is_the_identity() -> None:
    logits = torch.randn(1, 3, 7, 9)
    assert torch.equal(upsample(logits, Grid(1), (7, 9)), logits)


@pytest.mark.parametrize("grid", [Grid(32), Grid(8), Grid(32, 3), Grid(16, 19), Grid(8, 27)])
def test_every_pixel_gets_the_value_of_its_own_place(grid: Grid) -> None:
    cells = 160 // grid.stride
    pixels = upsample(ramp(cells, cells, grid.stride, grid.margin), grid, (100, 90))
    expected = ramp(100, 90, 1, 0)
    inside = slice(grid.stride, 90 - grid.stride)
    torch.testing.assert_close(pixels[..., inside, inside], expected[..., inside, inside])


def test_outermost_logits_are_continued_to_the_border() -> None:
    assert upsample(torch.full((1, 1, 2, 2), 3.0), Grid(16), (20, 32)).eq(3).all()


def test_other_output_size_is_a_second_bilinear_step() -> None:
    logits = torch.randn(1, 2, 3, 4)
    at_input = upsample(logits, Grid(8), (20, 30))
    expected = F.interpolate(at_input, size=(45, 33), mode="bilinear")
    assert torch.equal(upsample(logits, Grid(8), (20, 30), (45, 33)), expected)
    assert torch.equal(upsample(logits, Grid(8), (20, 30), (20, 30)), at_input)


def test_logits_that_do_not_cover_the_image_are_our_mistake() -> None:
    with pytest.raises(AssertionError, match="logits reach 29x61 of a 30x61 image"):
        upsample(torch.zeros(1, 1, 1, 2), Grid(32, 3), (30, 61))


@given(
    size=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    label_size=st.none() | st.tuples(st.integers(1, 80), st.integers(1, 80)),
    stride=st.sampled_from([1, 2, 8, 16, 32]),
    margin=st.integers(0, 30),
    seed=st.integers(0, 99),
)
def test_any_size_is_met_exactly_within_the_range_of_the_logits(
    size: tuple[int, int], label_size: tuple[int, int] | None, stride: int, margin: int, seed: int
) -> None:
    cells = [-(-(pixels + margin) // stride) for pixels in size]
    logits = torch.randn(1, 2, *cells, generator=torch.Generator().manual_seed(seed))
    pixels = upsample(logits, Grid(stride, margin), size, label_size)
    assert pixels.shape == (1, 2, *(label_size or size))
    for channel in range(2):
        assert pixels[:, channel].min() >= logits[:, channel].min() - 1e-5
        assert pixels[:, channel].max() <= logits[:, channel].max() + 1e-5


grids = st.sampled_from([Grid(1), Grid(2), Grid(8), Grid(32), Grid(32, 3), Grid(16, 19), Grid(8, 27)])
sizes = st.tuples(st.integers(1, 100), st.integers(1, 100))


def covering(size: tuple[int, int], grid: Grid, classes: int, seed: int) -> Tensor:
    """Logits (2, C, h, w) that just cover an image; a third of the values are shared by several classes."""
    cells = [-(-(pixels + grid.margin) // grid.stride) for pixels in size]
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, classes, *cells, generator=generator)
    return torch.where(torch.rand(logits.shape, generator=generator) < 0.3, logits.round(), logits)


@given(grids, sizes, st.integers(0, 99))
def test_bands_hold_the_same_bits(grid: Grid, size: tuple[int, int], seed: int) -> None:
    logits = covering(size, grid, 3, seed)
    bands = Bands(logits[0], grid, size)
    bands.step = 1 + seed % 3
    parts = list(bands)
    assert [rows.start for rows, _ in parts] == [0] + [rows.stop for rows, _ in parts[:-1]]
    assert parts[-1][0].stop == bands.lines
    pixels = torch.cat([pixels for _, pixels in parts], 1)[:, bands.above : bands.above + size[0]]
    assert torch.equal(pixels, upsample(logits, grid, size)[0])


@given(grids, sizes, st.integers(1, 40), st.integers(0, 99))
def test_classes_are_the_first_maxima_of_full_size_logits(
    grid: Grid, size: tuple[int, int], classes: int, seed: int
) -> None:
    logits = covering(size, grid, classes, seed)
    found = upsampled_classes(logits, grid, size)
    assert found.dtype == torch.uint8
    assert torch.equal(found.long(), upsample(logits, grid, size).max(1).indices)


@pytest.mark.parametrize("stride", [2, 8, 16, 32])
def test_equals_torch_s_interpolation(stride: int) -> None:
    logits = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    expected = F.interpolate(logits, scale_factor=stride, mode="bilinear", align_corners=False)
    torch.testing.assert_close(upsample(logits, Grid(stride), (4 * stride, 5 * stride)), expected)


def test_the_class_of_pixels_that_are_not_numbers_is_still_a_class() -> None:
    assert int(upsampled_classes(torch.full((1, 3, 1, 1), torch.nan), Grid(1), (1, 1)).max()) < 3
