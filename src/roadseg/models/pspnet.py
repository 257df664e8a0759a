"""`pspnet`: features of stride 8 together with their averages over the whole image and its parts."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from roadseg.models.base import SegmentationModel
from roadseg.models.upsample import Grid
from roadseg.models.vgg16 import VGG16, initialise, scaled

BINS = (1, 2, 3, 6)
"""Parts of each side of the image that the levels of the pyramid average over."""
SIZE = 512
"""Channels before the score layer, and of all levels of the pyramid together."""


class PSPNet(SegmentationModel):
    """PSPNet (Zhao et al., CVPR 2017, sec. 3.2) on a dilated VGG16.

    Each level of the pyramid averages the features over 1x1, 2x2, 3x3 or 6x6 parts of the image, reduces them to a
    quarter of the channels, and is enlarged again; a 3x3 convolution sees features and levels. The paper's trunk is a
    dilated ResNet of stride 8; `vgg_pspnet` of keras-segmentation has a VGG16 of stride 32, which is too coarse for
    poles. There is no auxiliary loss, and levels are not normalised: the coarsest has a single value for each image.
    19.7 M parameters, 222 G multiply-adds of an image of 1248x384 with 19 classes.
    """

    def __init__(self, classes: int, *, width: float = 1.0, batch_norm: bool = False) -> None:
        super().__init__()
        self.trunk = VGG16(width, batch_norm, dilated=True)
        channels, size, level = self.trunk.channels[-1], scaled(SIZE, width), scaled(SIZE // len(BINS), width)
        self.pyramid = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(bins), nn.Conv2d(channels, level, 1), nn.ReLU(inplace=True))
            for bins in BINS
        ).apply(initialise)
        self.fuse = nn.Sequential(
            nn.Conv2d(channels + len(BINS) * level, size, 3, padding=1, bias=False),
            nn.BatchNorm2d(size),
            nn.ReLU(inplace=True),
        ).apply(initialise)
        self.score = nn.Conv2d(size, classes, 1)
        self.grid = Grid(8)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c _ _"]:
        """Logits (B, C, ceil(H / 8), ceil(W / 8)) of normalised images (B, 3, H, W)."""
        features = self.trunk(images)[-1]
        size = features.shape[-2:]
        levels = [F.interpolate(level(features), size, mode="bilinear", align_corners=False) for level in self.pyramid]
        logits: Tensor = self.score(self.fuse(torch.cat([features, *levels], 1)))
        return logits
