"""Decoders of five transposed convolutions, up to full size: `fcn32_decoder` to `fcn8_decoder`, and `fcns`."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from roadseg.models.base import SegmentationModel
from roadseg.models.upsample import Grid
from roadseg.models.vgg16 import VGG16, scaled

CHANNELS = (512, 512, 256, 128, 64, 32)


class Decoder(SegmentationModel):
    """The networks of github.com/pochih/FCN-pytorch, python/fcn.py; the course assignment's "FCN-16" is one of them.

    pool5 is enlarged by stride-2 3x3 transposed convolutions, each with ReLU and batch normalisation, and pool4, pool3,
    ... are added where their size is reached; a 1x1 classifier works at full size, so logits have stride 1. 18.6 M
    parameters, 157 G multiply-adds of an image of 1248x384 with 19 classes.

    Args:
        classes: number of classes C.
        skips: how many pools are added, from pool4 on: 0 (its FCN32s), 1 (FCN16s), 2 (FCN8s) or 4 (FCNs).
        normalise_first: add them after the normalisation, as its FCNs does, not between ReLU and normalisation.
    """

    def __init__(
        self, classes: int, skips: int, *, normalise_first: bool = False, width: float = 1.0, batch_norm: bool = False
    ) -> None:
        super().__init__()
        self.trunk = VGG16(width, batch_norm)
        self.skips = skips
        self.normalise_first = normalise_first
        sizes = [scaled(channels, width) for channels in CHANNELS]
        self.deconvs = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1) for a, b in pairwise(sizes)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(size) for size in sizes[1:])
        self.classifier = nn.Conv2d(sizes[-1], classes, 1)
        self.relu = nn.ReLU(inplace=True)
        self.grid = Grid(1)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Logits (B, C, H, W) of normalised images (B, 3, H, W)."""
        pools = self.trunk(images)
        features = pools[4]
        for i, (deconv, norm) in enumerate(zip(self.deconvs, self.norms, strict=True)):
            features = self.relu(deconv(features))
            if self.normalise_first:
                features = norm(features)
            if i < self.skips:
                skip = pools[3 - i]
                features = features[..., : skip.shape[-2], : skip.shape[-1]] + skip
            if not self.normalise_first:
                features = norm(features)
        logits: Tensor = self.classifier(features)
        return logits[..., : images.shape[-2], : images.shape[-1]]
