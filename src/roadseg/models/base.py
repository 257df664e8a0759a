"""What every network offers."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from roadseg.models.upsample import Grid


class Trunk(nn.Module):
    """The pretrained part of a network: five blocks, the first nearest to the image, that freeze one by one.

    `blocks` are the blocks, and `channels` the number of channels that leave each of them.
    """

    published: ClassVar[str]
    """Address of its ImageNet weights at torchvision; the name ends in the first digits of the file's SHA-256."""

    blocks: nn.ModuleList
    channels: tuple[int, ...]
    recompute: bool = False
    """Whether the backward pass computes what happens inside a block a second time, instead of keeping it till then."""

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b _ _ _"]]:
        """What leaves each block, of normalised images (B, 3, H, W)."""
        features = []
        for block in self.blocks:
            images = self.run(block, images)
            features.append(images)
        return features

    def run(
        self, block: nn.Module, features: Tensor, forward: Callable[[nn.Module, Tensor], Any] = nn.Module.__call__
    ) -> Any:
        """`forward(block, features)`, of which only `features` and the result are kept where the trunk recomputes.

        A frozen block keeps nothing for the backward pass anyway, and a network that is evaluated has none.
        """
        if not (self.recompute and any(parameter.requires_grad for parameter in block.parameters())):
            return forward(block, features)
        return checkpoint(
            forward, block, features, use_reentrant=False, context_fn=lambda: (nullcontext(), statistics_kept(block))
        )

    @abstractmethod
    def published_layers(self) -> list[tuple[str, nn.Module]]:
        """The layers that have tensors, each by its name in torchvision's files."""


@contextmanager
def statistics_kept(block: nn.Module) -> Iterator[None]:
    """Put the block's buffers back in the end: a second forward pass must not move normalisation's averages again."""
    before = [buffer.clone() for buffer in block.buffers()]
    try:
        yield
    finally:
        for buffer, value in zip(block.buffers(), before, strict=True):
            buffer.copy_(value)


class SegmentationModel(nn.Module):
    """A network that maps normalised images (B, 3, H, W) to coarse logits (B, C, h, w).

    `grid` says where the logits lie on the image; `trunk` is the pretrained part, which trains at its own rate.
    """

    trunk: Trunk
    grid: Grid
