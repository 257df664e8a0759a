"""`fcn16_decoder`: trunk features at strides 32 and 16 and five transposed convolutions up to full size."""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from roadseg.models.base import SegmentationModel
from roadseg.models.vgg16 import VGG16, scaled
from roadseg.upsample import Grid

CHANNELS = (512, 512, 256, 128, 64, 32)


class FCN16Decoder(SegmentationModel):
    """The second network of the course assignment that roadseg starts from (README.md).

    pool5 is enlarged by stride-2 3x3 transposed convolutions, each with ReLU and batch normalisation; pool4 is added
    after the first one, between its ReLU and its normalisation; a 1x1 classifier works at full size, so logits have
    stride 1.
    """

    def __init__(self, classes: int, *, width: float = 1.0, batch_norm: bool = False) -> None:
        super().__init__()
        self.trunk = VGG16(width, batch_norm)
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
            if i == 0:
                features = features[..., : pools[3].shape[-2], : pools[3].shape[-1]] + pools[3]
            features = norm(features)
        logits: Tensor = self.classifier(features)
        return logits[..., : images.shape[-2], : images.shape[-1]]
