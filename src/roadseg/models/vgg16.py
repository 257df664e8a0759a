"""The 13 convolutions of VGG16 (Simonyan and Zisserman, ICLR 2015, configuration D) in five blocks."""

from typing import ClassVar

from torch import nn

from roadseg.models.base import Trunk

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Output channels of the convolutions of each block; every block ends in a 2x2 max pooling."""


def scaled(channels: int, width: float) -> int:
    """A layer's number of channels times the width factor, at least 4."""
    return max(4, round(channels * width))


def initialise(module: nn.Module) -> None:
    """He et al. (ICCV 2015): keeps the variance through ReLU layers, so a trunk trains from random weights too."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class VGG16(Trunk):
    """Trunk that returns [pool1, ..., pool5] with strides 2, 4, 8, 16 and 32; where dilated, 2, 4, 8, 8 and 8.

    Pooling rounds up, as Caffe does, so an input of any size gives features of ceil(H / 2^k).

    Args:
        width: factor on every layer's number of channels.
        batch_norm: batch normalisation after every convolution.
        first_padding: padding of the very first convolution: 1, or 100 as in the Caffe models.
        dilated: leave out the last two poolings and dilate block 5 by 2, which keeps stride 8 to the end and takes the
            same weights (Yu and Koltun, ICLR 2016, sec. 4).
    """

    published: ClassVar[str] = "https://download.pytorch.org/models/vgg16-397923af.pth"

    def __init__(
        self, width: float = 1.0, batch_norm: bool = False, first_padding: int = 1, dilated: bool = False
    ) -> None:
        super().__init__()
        channels = 3
        blocks = []
        for number, sizes in enumerate(BLOCKS, start=1):
            layers: list[nn.Module] = []
            dilation = 2 if dilated and number == 5 else 1
            for position, size in enumerate(sizes):
                padding = first_padding if number == 1 and position == 0 else dilation
                layers.append(nn.Conv2d(channels, scaled(size, width), 3, padding=padding, dilation=dilation))
                channels = scaled(size, width)
                if batch_norm:
                    layers.append(nn.BatchNorm2d(channels))
                layers.append(nn.ReLU(inplace=True))
            layers.append(nn.Identity() if dilated and number >= 4 else nn.MaxPool2d(2, ceil_mode=True))
            blocks.append(nn.Sequential(*layers))
        self.blocks = nn.ModuleList(blocks)
        self.channels = tuple(scaled(sizes[-1], width) for sizes in BLOCKS)
        self.apply(initialise)

    def published_layers(self) -> list[tuple[str, nn.Module]]:
        """`features.N`, counted through all blocks, poolings and activations included."""
        layers = enumerate(layer for block in self.blocks for layer in block.children())
        return [(f"features.{number}", layer) for number, layer in layers if layer.state_dict()]
