"""FCN-32s, FCN-16s and FCN-8s of Long, Shelhamer and Darrell (CVPR 2015; PAMI 2017) on VGG16."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from roadseg.errors import ConfigError
from roadseg.models.base import SegmentationModel
from roadseg.models.upsample import Grid
from roadseg.models.upscore import Upscore
from roadseg.models.vgg16 import VGG16, scaled

CAFFE_PADDING = 100
CAFFE_OFFSETS = {32: 19, 16: 27, 8: 31}
"""Where the Caffe models begin to cut the image out of the final transposed convolution's output, by stride."""
CAFFE_SKIP_OFFSETS = (5, 9)
"""Where they begin to cut the scores of pool4 and pool3."""
SKIP_SCALES = (1e-2, 1e-4)
"""Fixed factors on pool4 and pool3 of the "at once" FCN-8s (PAMI 2017, sec. 4.2 and the published voc-fcn8s-atonce)."""

Skips = Literal["normalised", "scaled", "plain"]


class Head(nn.Sequential):
    """fc6 and fc7 as convolutions, and the score layer: (B, 512, h, w) -> (B, C, h', w').

    `vgg`: 7x7 and 1x1 convolutions of 4096 channels. `light`: two 3x3 of 512 channels, which need a twelfth of the
    weights and have fewer new parameters to learn from a few hundred images.
    """

    def __init__(
        self, channels: int, classes: int, width: float, kind: Literal["vgg", "light"], pad: bool, dropout: float
    ) -> None:
        kernels, size = ((7, 1), scaled(4096, width)) if kind == "vgg" else ((3, 3), scaled(512, width))
        super().__init__()
        for name, kernel in zip(("6", "7"), kernels, strict=True):
            padding = kernel // 2 if pad else 0
            self.add_module(f"fc{name}", nn.Conv2d(channels, size, kernel, padding=padding))
            self.add_module(f"relu{name}", nn.ReLU(inplace=True))
            self.add_module(f"drop{name}", nn.Dropout(dropout))
            channels = size
        score = nn.Conv2d(channels, classes, 1)
        self.add_module("score", score)
        for layer in self.children():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.normal_(score.weight, std=0.01)


class Skip(nn.Module):
    """Scores of trunk features that are added to the coarser ones.

    `plain` begins at zero, so that a net which starts from a trained coarser one starts with its predictions (the
    paper's training in stages). Features of pool3 and pool4 are hundreds of times larger than those of fc7, so training
    all streams at once from ImageNet weights diverges with plain skips; `normalised` (batch normalisation) and `scaled`
    (the fixed factors of the published at-once model) bring them to one size.
    """

    def __init__(self, channels: int, classes: int, kind: Skips, scale: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels) if kind == "normalised" else nn.Identity()
        self.scale = scale if kind == "scaled" else 1.0
        self.score = nn.Conv2d(channels, classes, 1)
        nn.init.zeros_(self.score.weight) if kind == "plain" else nn.init.normal_(self.score.weight, std=0.01)
        nn.init.zeros_(self.score.bias)  # type: ignore[arg-type]

    def forward(self, features: Float[Tensor, "b k h w"]) -> Float[Tensor, "b c h w"]:
        """Scores (B, C, h, w) of features (B, K, h, w)."""
        scores: Tensor = self.score(self.norm(features) * self.scale)
        return scores


class FCN(SegmentationModel):
    """FCN with stride 32, 16 or 8.

    With the head `vgg` 134 M parameters and 203 G multiply-adds of an image of 1248x384 with 19 classes, before logits
    are enlarged; with the head `light` 19.5 M and 149 G.

    Args:
        classes: number of classes C.
        stride: 32, 16 or 8; each halving adds one skip, from pool4 and then from pool3.
        padding: `same` keeps the features on the image's grid; `caffe` pads it by 100 pixels and crops, so that weights
            published for Caffe fit. That computes about twice the pixels.
        upsampling: `learned` makes every enlargement a dense transposed convolution, the last one included, so that the
            model returns logits of stride 1.

    Raises:
        ConfigError: `caffe` with the head `light`; the Caffe models' offsets belong to an unpadded 7x7 fc6.
    """

    def __init__(
        self,
        classes: int,
        stride: Literal[32, 16, 8],
        *,
        width: float = 1.0,
        batch_norm: bool = False,
        padding: Literal["same", "caffe"] = "same",
        upsampling: Literal["bilinear", "learned"] = "bilinear",
        skips: Skips = "normalised",
        head: Literal["vgg", "light"] = "vgg",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if padding == "caffe" and head != "vgg":
            raise ConfigError(f"padding 'caffe' has no head {head!r}; use the head 'vgg', or padding 'same'")
        self.caffe = padding == "caffe"
        self.trunk = VGG16(width, batch_norm, first_padding=CAFFE_PADDING if self.caffe else 1)
        self.head = Head(self.trunk.channels[-1], classes, width, head, pad=not self.caffe, dropout=dropout)
        depth = {32: 0, 16: 1, 8: 2}[stride]
        learned = upsampling == "learned"
        channels = (self.trunk.channels[3], self.trunk.channels[2])
        self.skips = nn.ModuleList(Skip(channels[i], classes, skips, SKIP_SCALES[i]) for i in range(depth))
        self.upscores = nn.ModuleList(Upscore(classes, 2, learned) for _ in range(depth))
        self.final = Upscore(classes, stride, learned=True) if learned else None
        self.offset = CAFFE_OFFSETS[stride] if self.caffe else stride // 2
        self.grid = Grid(1) if learned else Grid(stride, self.offset - stride // 2)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c _ _"]:
        """Coarse logits (B, C, h, w) of normalised images (B, 3, H, W); `grid` says where they lie on the image."""
        pools = self.trunk(images)
        scores: Tensor = self.head(pools[4])
        for i, (skip, upscore) in enumerate(zip(self.skips, self.upscores, strict=True)):
            scores = self._fuse(upscore(scores), skip(pools[3 - i]), CAFFE_SKIP_OFFSETS[i])
        if self.final is not None:
            height, width = images.shape[-2:]
            scores = self.final(scores)[..., self.offset : self.offset + height, self.offset : self.offset + width]
        return scores

    def _fuse(self, scores: Tensor, skip: Tensor, caffe_offset: int) -> Tensor:
        """Sum of both on their common cells: Caffe cuts the skip to the scores, otherwise they are cut to the skip."""
        if self.caffe:
            height, width = scores.shape[-2:]
            skip = skip[..., caffe_offset : caffe_offset + height, caffe_offset : caffe_offset + width]
        else:
            scores = scores[..., 1 : 1 + skip.shape[-2], 1 : 1 + skip.shape[-1]]
        return scores + skip
