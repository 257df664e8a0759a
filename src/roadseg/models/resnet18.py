"""ResNet-18 (He et al., CVPR 2016, table 1) without its average pooling and its classifier."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from roadseg.models.base import Trunk
from roadseg.models.vgg16 import initialise, scaled

SIZES = (64, 64, 128, 256, 512)
"""Channels of the stem and of the four stages."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them, which a 1x1 convolution fits where the size changes."""

    def __init__(self, channels: int, size: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, size, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(size)
        self.conv2 = nn.Conv2d(size, size, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(size)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1:
            shortcut = nn.Conv2d(channels, size, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(size))

    def forward(self, features: Float[Tensor, "b k h w"]) -> Float[Tensor, "b n _ _"]:
        """Features (B, N, ceil(h / stride), ceil(w / stride)) of (B, K, h, w)."""
        residual = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(features)))))
        activated: Tensor = self.relu(residual + self.downsample(features))
        return activated


class ResNet18(Trunk):
    """Trunk of a stem (stride 4) and four stages of two basic blocks each; every convolution is normalised.

    It returns what leaves the stem and each stage, with strides 4, 4, 8, 16 and 32.
    Its strided convolutions centre output cell i on input cell 2i; poolings by 2 centre it between 2i and 2i + 1.
    """

    published: ClassVar[str] = "https://download.pytorch.org/models/resnet18-f37072fd.pth"

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.channels = tuple(scaled(size, width) for size in SIZES)
        stem = nn.Sequential()
        stem.add_module("conv1", nn.Conv2d(3, self.channels[0], 7, stride=2, padding=3, bias=False))
        stem.add_module("bn1", nn.BatchNorm2d(self.channels[0]))
        stem.add_module("relu", nn.ReLU(inplace=True))
        stem.add_module("maxpool", nn.MaxPool2d(3, stride=2, padding=1))
        self.blocks = nn.ModuleList([stem])
        for stage in range(1, 5):
            before, size = self.channels[stage - 1 : stage + 1]
            self.blocks.append(nn.Sequential(BasicBlock(before, size, min(stage, 2)), BasicBlock(size, size, 1)))
        self.apply(initialise)

    def published_layers(self) -> list[tuple[str, nn.Module]]:
        """`conv1` and `bn1` of the stem, `layer1.0.conv1` and so on of the stages."""
        named = []
        for number, block in enumerate(self.blocks):
            prefix = f"layer{number}." if number else ""
            leaves = [(name, layer) for name, layer in block.named_modules() if not list(layer.children())]
            named += [(prefix + name, layer) for name, layer in leaves if layer.state_dict()]
        return named
