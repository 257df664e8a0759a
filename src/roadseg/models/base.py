"""What every network offers."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import nn

from roadseg.upsample import Grid


class Trunk(nn.Module):
    """The pretrained part of a network: five blocks, the first nearest to the image, that freeze one by one.

    `blocks` are the blocks, and `channels` the number of channels that leave each of them.
    """

    published: ClassVar[str]
    """Address of its ImageNet weights at torchvision; the name ends in the first digits of the file's SHA-256."""

    blocks: nn.ModuleList
    channels: tuple[int, ...]

    @abstractmethod
    def published_layers(self) -> list[tuple[str, nn.Module]]:
        """The layers that have tensors, each by its name in torchvision's files."""


class SegmentationModel(nn.Module):
    """A network that maps normalised images (B, 3, H, W) to coarse logits (B, C, h, w).

    `grid` says where the logits lie on the image; `trunk` is the pretrained part, which trains at its own rate.
    """

    trunk: Trunk
    grid: Grid
