"""`segnet`: VGG16 and its mirror image, which unpools with the places that the poolings remember."""

from itertools import pairwise

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from roadseg.models.base import SegmentationModel
from roadseg.models.upsample import Grid
from roadseg.models.vgg16 import BLOCKS, VGG16, initialise, scaled


class SegNet(SegmentationModel):
    """SegNet (Badrinarayanan et al., PAMI 2017, sec. 3) with pooling indices.

    Each maximum goes back to where its pooling found it, and convolutions, normalised and as many as the trunk's block
    has, fill the gaps; one more scores the classes at full size, so logits have stride 1. `vgg_segnet` of
    keras-segmentation enlarges evenly instead and forgets the places; the indices are what the paper is about, and keep
    borders sharp without features as skips. 29.4 M parameters, 298 G multiply-adds of an image of 1248x384 with 19
    classes.
    """

    def __init__(self, classes: int, *, width: float = 1.0, batch_norm: bool = False) -> None:
        super().__init__()
        self.trunk = VGG16(width, batch_norm)
        mirrored = []
        for before, block in reversed(list(zip(((), *BLOCKS), BLOCKS, strict=False))):
            sizes = [scaled(size, width) for size in (*reversed(block), *before[-1:])]
            layers: list[nn.Module] = []
            for a, b in pairwise(sizes):
                layers += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
            mirrored.append(nn.Sequential(*layers))
        self.decoder = nn.ModuleList(mirrored).apply(initialise)
        self.score = nn.Conv2d(self.trunk.channels[0], classes, 3, padding=1)
        self.grid = Grid(1)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Logits (B, C, H, W) of normalised images (B, 3, H, W)."""
        features, places = images, []
        for block in self.trunk.blocks:
            size = features.shape[-2:]
            features, indices = self.trunk.run(block, features, pooled)
            places.append((indices, size))
        for block, (indices, size) in zip(self.decoder, reversed(places), strict=True):
            features = block(F.max_unpool2d(features, indices, [2, 2], output_size=size))
        logits: Tensor = self.score(features)
        return logits


def pooled(block: nn.Module, features: Tensor) -> tuple[Tensor, Tensor]:
    """What leaves a block of the trunk, and the place of each maximum, which the block itself does not tell."""
    for layer in list(block.children())[:-1]:
        features = layer(features)
    values, indices = F.max_pool2d(features, 2, ceil_mode=True, return_indices=True)
    return values, indices
