"""`fcn_resnet18`: scores of ResNet-18's last features, enlarged 32 times by one learned transposed convolution."""

from jaxtyping import Float
from torch import Tensor, nn

from roadseg.models.base import SegmentationModel
from roadseg.models.resnet18 import ResNet18
from roadseg.models.upsample import Grid
from roadseg.models.upscore import Upscore

STRIDE = 32


class FCNResNet18(SegmentationModel):
    """The network of Zhang et al., Dive into Deep Learning, chapter "Fully Convolutional Networks".

    A 1x1 convolution scores the classes; a transposed convolution over all classes with kernel 64, stride 32 and
    padding 16, begun at the bilinear kernel, brings the scores to full size, so logits have stride 1. Only the bias of
    the transposed convolution is left out, as the 1x1 convolution has one. What the logits see at first lies 15.5
    pixels beside them, since the trunk centres its cells on their first pixel; the learned kernel can make up for it.
    12.7 M parameters, 18 G multiply-adds of an image of 1248x384 with 19 classes.
    """

    def __init__(self, classes: int, *, width: float = 1.0) -> None:
        super().__init__()
        self.trunk = ResNet18(width)
        self.score = nn.Conv2d(self.trunk.channels[-1], classes, 1)
        nn.init.xavier_uniform_(self.score.weight)
        nn.init.zeros_(self.score.bias)  # type: ignore[arg-type]
        self.final = Upscore(classes, STRIDE, learned=True)
        self.grid = Grid(1)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """Logits (B, C, H, W) of normalised images (B, 3, H, W)."""
        height, width = images.shape[-2:]
        scores: Tensor = self.final(self.score(self.trunk(images)[-1]))
        padding = STRIDE // 2
        return scores[..., padding : padding + height, padding : padding + width]
