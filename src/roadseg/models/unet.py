"""`unet`: what leaves every block of VGG16 is concatenated on the way back to stride 2."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from roadseg.models.base import SegmentationModel
from roadseg.models.upsample import Grid
from roadseg.models.vgg16 import VGG16, initialise, scaled

CHANNELS = (512, 512, 256, 128, 64)
"""What leaves the decoder's stages, at strides 32, 16, 8, 4 and 2."""


class UNet(SegmentationModel):
    """U-Net (Ronneberger et al., MICCAI 2015, sec. 2) on VGG16, cut as `vgg_unet` of keras-segmentation.

    Each stage is one 3x3 convolution; between two stages features are doubled and those of the trunk concatenated, and
    a 1x1 convolution scores the classes. Unlike the paper, skips leave the trunk after its poolings, so that nothing
    is computed at full size and logits have stride 2; borders are padded, not cut. Unlike keras-segmentation, which
    starts at pool4, pool5 is used too, and doubling is bilinear, which keeps features on the image's grid. 24.1 M
    parameters, 196 G multiply-adds of an image of 1248x384 with 19 classes.
    """

    def __init__(self, classes: int, *, width: float = 1.0, batch_norm: bool = False) -> None:
        super().__init__()
        self.trunk = VGG16(width, batch_norm)
        sizes = [scaled(channels, width) for channels in CHANNELS]
        pools = self.trunk.channels[::-1]
        inputs = [pools[0], *(size + pool for size, pool in zip(sizes[:-1], pools[1:], strict=True))]
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True))
            for a, b in zip(inputs, sizes, strict=True)
        ).apply(initialise)
        self.score = nn.Conv2d(sizes[-1], classes, 1)
        self.grid = Grid(2)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c _ _"]:
        """Logits (B, C, ceil(H / 2), ceil(W / 2)) of normalised images (B, 3, H, W)."""
        *pools, features = self.trunk(images)
        features = self.stages[0](features)
        for stage, pool in zip(self.stages[1:], reversed(pools), strict=True):
            doubled = F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
            features = stage(torch.cat([doubled[..., : pool.shape[-2], : pool.shape[-1]], pool], 1))
        logits: Tensor = self.score(features)
        return logits
