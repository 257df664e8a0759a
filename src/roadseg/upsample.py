"""The one place that brings coarse logits to label size; loss, evaluation and prediction share it."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """Where coarse logits lie on the input image.

    Logit (i, j) covers the pixels from `stride * i - margin` to `stride * (i + 1) - margin`, and likewise for columns.
    `margin` is 0 except with Caffe's 100-pixel padding.
    """

    stride: int
    margin: int = 0


def upsample(
    logits: Float[Tensor, "b c h w"],
    grid: Grid,
    input_size: tuple[int, int],
    output_size: tuple[int, int] | None = None,
) -> Float[Tensor, "b c H W"]:
    """Logits (B, C, H, W) at `output_size` (default: `input_size`) from coarse ones (B, C, h, w).

    Bilinear with half-pixel centres, so that every logit stays in the middle of its cell for any input size; what
    sticks out of the image is cropped. In the interior this equals a transposed convolution with a fixed bilinear
    kernel of size 2s (Long et al., CVPR 2015, sec. 3.3); at the border the outermost logits are continued instead of
    fading to 0. Where the image was resized for the network, a second bilinear step leads to the label's own size.
    """
    height, width = input_size
    if grid.stride > 1:
        logits = F.interpolate(logits, scale_factor=grid.stride, mode="bilinear", align_corners=False)
    rows, columns = logits.shape[-2] - grid.margin, logits.shape[-1] - grid.margin
    assert min(rows - height, columns - width) >= 0, f"logits reach {rows}x{columns} of a {height}x{width} image"
    logits = logits[..., grid.margin : grid.margin + height, grid.margin : grid.margin + width]
    if output_size is not None and output_size != input_size:
        logits = F.interpolate(logits, size=output_size, mode="bilinear", align_corners=False)
    return logits
