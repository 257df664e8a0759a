"""Transposed convolutions that enlarge score maps."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def bilinear_kernel(factor: int) -> Float[Tensor, "k k"]:
    """The kernel (2s, 2s) of bilinear interpolation by an even factor s (Long et al., CVPR 2015, sec. 3.3)."""
    size = 2 * factor
    ramp = 1 - (torch.arange(size) - (size - 1) / 2).abs() / factor
    return ramp[:, None] * ramp[None, :]


class Upscore(nn.Module):
    """Enlarge scores (B, C, h, w) to (B, C, (h + 1) s, (w + 1) s) by the factor s; s / 2 pixels stick out on each side.

    Fixed: bilinear, the outermost scores continued. Learned: a dense transposed convolution over all classes, begun at
    the bilinear kernel.
    """

    def __init__(self, classes: int, factor: int, learned: bool) -> None:
        super().__init__()
        self.factor = factor
        self.weight = nn.Parameter(_bilinear_weight(classes, factor)) if learned else None

    def forward(self, scores: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """The full enlarged scores; callers crop them."""
        if self.weight is not None:
            return F.conv_transpose2d(scores, self.weight, stride=self.factor)
        half = self.factor // 2
        bordered = F.pad(scores, (1, 1, 1, 1), mode="replicate")
        enlarged = F.interpolate(bordered, scale_factor=self.factor, mode="bilinear", align_corners=False)
        return enlarged[..., half:-half, half:-half]


def _bilinear_weight(classes: int, factor: int) -> Float[Tensor, "c c k k"]:
    kernel = bilinear_kernel(factor)
    weight = torch.zeros(classes, classes, *kernel.shape)
    weight[range(classes), range(classes)] = kernel
    return weight
