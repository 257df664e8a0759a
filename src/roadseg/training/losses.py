"""Losses as a sum and its divisor, so that batches, accumulation and processes add up exactly."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, Integer, UInt8
from torch import Tensor
from torch.autograd.function import once_differentiable

from roadseg.labels import IGNORE
from roadseg.models.upsample import Bands, FirstMaximum, Grid

FOCUS = 2.0
"""The focusing parameter gamma of the focal loss, as its paper has it."""


Loss = Callable[[Tensor, Tensor, Grid, Tensor | None], tuple[Tensor, Tensor]]
"""What `--train.loss` names. Of coarse logits (B, C, h, w), targets (B, H, W), the grid and class weights (C,) or None
it returns a sum over the images and each pixel's class, uint8 (B, H, W). Ignored pixels (255) count nothing.

`target_weight` of all batches and processes divides the sum. So it has to add up over images: a loss that is one number
for an image, such as Dice, is multiplied by that image's `target_weight`, which makes it a weighted mean. A loss that
mixes the images of a batch cannot be divided, and would change with memory and the number of processes.
"""


def cross_entropy_sum(
    logits: Float[Tensor, "b c h w"], targets: Int64[Tensor, "b h w"], class_weights: Float[Tensor, " c"] | None = None
) -> Float[Tensor, ""]:
    """Sum over the pixels of -weight[target] * log softmax(logits)[target]; ignored pixels count nothing.

    Half precision is summed in float32.
    """
    logits = _at_least_float32(logits)
    weights = None if class_weights is None else class_weights.to(logits.dtype)
    return F.cross_entropy(logits, targets, weights, ignore_index=IGNORE, reduction="sum")


def upsampled_cross_entropy_sum(
    logits: Float[Tensor, "b c h w"],
    targets: Integer[Tensor, "b H W"],
    grid: Grid,
    class_weights: Float[Tensor, " c"] | None = None,
) -> tuple[Float[Tensor, ""], UInt8[Tensor, "b H W"]]:
    """`cross_entropy_sum(upsample(logits, grid, (H, W)), targets)` of coarse logits, and each pixel's class.

    Full-size logits never exist: loss and gradient are computed together, a band of rows at a time. The gradient can be
    taken once.
    """
    loss, classes = _Fused.apply(logits, targets, grid, class_weights, 0.0)  # type: ignore[no-untyped-call]
    return loss, classes


def upsampled_focal_sum(
    logits: Float[Tensor, "b c h w"],
    targets: Integer[Tensor, "b H W"],
    grid: Grid,
    class_weights: Float[Tensor, " c"] | None = None,
) -> tuple[Float[Tensor, ""], UInt8[Tensor, "b H W"]]:
    """Sum over the pixels of -weight[target] * (1 - p)**2 * log p, p the softmax of the upsampled logits at the target.

    Pixels that are right and sure count little (Lin et al., ICCV 2017, eq. 5). Memory as
    `upsampled_cross_entropy_sum`.
    """
    loss, classes = _Fused.apply(logits, targets, grid, class_weights, FOCUS)  # type: ignore[no-untyped-call]
    return loss, classes


class _Fused(torch.autograd.Function):
    """Cross entropy, or with `focus` above 0 the focal loss, of upsampled logits."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, grid: Grid, class_weights: Tensor | None, focus: float
    ) -> tuple[Tensor, Tensor]:
        precise = _at_least_float32(logits)
        weights = _weight_of_target(logits.shape[1], class_weights, precise)
        with torch.autocast(logits.device.type, enabled=False):
            parts = [
                _of_image(image, target, grid, weights, focus, ctx.needs_input_grad[0])
                for image, target in zip(precise, targets, strict=True)
            ]
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(torch.stack([gradient for _, _, gradient in parts]).to(logits.dtype))
        classes = torch.stack([found for _, found, _ in parts])
        ctx.mark_non_differentiable(classes)
        return torch.stack([loss for loss, _, _ in parts]).sum(), classes

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, loss_gradient: Tensor, _: Tensor) -> tuple[Tensor, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * loss_gradient.to(gradient.dtype), None, None, None, None


def _of_image(
    logits: Tensor, target: Tensor, grid: Grid, weights: Tensor, focus: float, with_gradient: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, classes uint8 (H, W) and, if asked for, the gradient (C, h, w) of one image's logits (C, h, w)."""
    height, width = target.shape
    bands = Bands(logits, grid, (height, width))
    maximum = FirstMaximum(bands)
    total = torch.zeros_like(bands.cells if with_gradient else logits[:0])
    losses = []
    for rows, pixels in bands:
        peak = pixels.amax(0)
        maximum.update(rows, pixels, peak)
        losses.append(_of_band(pixels, peak, _rows_of(target, rows, bands.above), weights, focus, with_gradient))
        if with_gradient:
            bands.add_gradient(total, rows, pixels)
        del pixels  # before the next band is made
    gradient = bands.logits_gradient(total) if with_gradient else total
    return torch.stack(losses).sum(), maximum.classes(height), gradient


def _rows_of(target: Tensor, rows: slice, above: int) -> Tensor:
    """A band's rows of the target, int64, where the image begins `above` rows below the first; ignored outside it."""
    start, stop = rows.start - above, rows.stop - above
    inside = target[max(start, 0) : stop].long()
    outside = max(-start, 0), max(stop - len(target), 0)
    return F.pad(inside, (0, 0, *outside), value=IGNORE) if any(outside) else inside


def _of_band(
    pixels: Tensor, peak: Tensor, target: Tensor, weights: Tensor, focus: float, with_gradient: bool
) -> Tensor:
    """Loss of logits (C, rows, W), which are used up: they become the loss's gradient if that is asked for."""
    weight = slope = weights.take(target)
    target = target.clamp(max=len(pixels) - 1)[None]  # an ignored pixel has weight 0, whichever class it is given
    pixels -= peak
    right = pixels.gather(0, target)[0]
    pixels.exp_()
    total = pixels.sum(0)
    if focus:
        surprise = total.log() - right  # -log p
        rest = -torch.expm1(-surprise)  # 1 - p
        slope = weight * (rest**focus + focus * (1 - rest) * rest ** (focus - 1) * surprise)  # by log p, negated
        weight = weight * rest**focus
    if with_gradient:
        pixels *= slope / total
        pixels.scatter_add_(0, target, -slope[None])
    return total.log_().sub_(right).mul_(weight).sum()


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()


def _weight_of_target(classes: int, class_weights: Tensor | None, like: Tensor) -> Tensor:
    """The weight of each value that a target may have, 0 for ignored pixels and NaN for what is no class."""
    weights = like.new_full((IGNORE + 1,), torch.nan)
    weights[:classes] = 1.0 if class_weights is None else class_weights.to(like.dtype)
    weights[IGNORE] = 0.0
    return weights


def target_weight(
    targets: Integer[Tensor, "b h w"], class_weights: Float[Tensor, " c"] | None = None
) -> Float[Tensor, ""]:
    """What the sum is divided by: the number of pixels that are not ignored, or the sum of their classes' weights."""
    counts = torch.bincount(targets.flatten(), minlength=IGNORE + 1)[:IGNORE]
    if class_weights is None:
        return counts.sum().float()
    return (counts[: len(class_weights)] * class_weights).sum()


def cross_entropy(
    logits: Float[Tensor, "b c h w"], targets: Int64[Tensor, "b h w"], class_weights: Float[Tensor, " c"] | None = None
) -> Float[Tensor, ""]:
    """Weighted mean over the pixels that are not ignored; 0 (never NaN) where all are."""
    weight = target_weight(targets, class_weights)
    return cross_entropy_sum(logits, targets, class_weights) / weight.clamp(min=torch.finfo(weight.dtype).tiny)


def log_class_weights(shares: Float[Tensor, " c"]) -> Float[Tensor, " c"]:
    """1 / log(1.1 + share) for each class, float32 (C,): 10.5 for a class that is never seen, 1.3 for one that is all.

    The bounded weighting of Paszke et al. (ENet, 2016) with c = 1.1.
    """
    return (1 / torch.log(1.1 + shares.double())).float()
