"""What every network offers."""

from __future__ import annotations

from torch import nn

from roadseg.models.vgg16 import VGG16
from roadseg.upsample import Grid


class SegmentationModel(nn.Module):
    """A network that maps normalised images (B, 3, H, W) to coarse logits (B, C, h, w).

    `grid` says where the logits lie on the image; `trunk` is the pretrained part, which trains at its own rate.
    """

    trunk: VGG16
    grid: Grid
