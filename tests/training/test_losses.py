from unittest.mock import patch

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, strategies as st
from torch import Tensor

from roadseg.config.registry import LOSSES, load
from roadseg.labels import IGNORE
from roadseg.models.upsample import BAND_BYTES, Bands, Grid, upsample
from roadseg.training.losses import (
    Loss,
    cross_entropy,
    cross_entropy_sum,
    log_class_weights,
    target_weight,
    upsampled_cross_entropy_sum,
    upsampled_focal_sum,
)

CLASSES = 3

Batch = tuple[Tensor, Tensor, Tensor | None]


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Logits float32 (B, 3, 2, 2), targets with ignored pixels, and class weights or None."""
    size = draw(st.integers(1, 4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    logits = draw(st.sampled_from([1e-3, 1.0, 30.0])) * torch.randn(size, CLASSES, 2, 2, generator=generator)
    targets = torch.randint(CLASSES, (size, 2, 2), generator=generator)
    targets[torch.rand(targets.shape, generator=generator) < draw(st.sampled_from([0.0, 0.5, 1.0]))] = IGNORE
    weights = 0.1 + torch.rand(CLASSES, generator=generator)
    return logits, targets, draw(st.sampled_from([None, weights]))


@given(batches().filter(lambda batch: bool((batch[1] != IGNORE).any())))
def test_equals_the_mean_of_torch(batch: Batch) -> None:
    logits, targets, weights = batch
    expected = F.cross_entropy(logits, targets, weights, ignore_index=IGNORE)
    torch.testing.assert_close(cross_entropy(logits, targets, weights), expected)


@given(batches())
def test_equals_the_formula(batch: Batch) -> None:
    logits, targets, weights = batch
    total = divisor = 0.0
    for image, row, column in np.ndindex(*targets.shape):
        target = int(targets[image, row, column])
        if target != IGNORE:
            weight = 1.0 if weights is None else float(weights[target])
            pixel = logits[image, :, row, column].double()
            total += weight * float(torch.logsumexp(pixel, 0) - pixel[target])
            divisor += weight
    assert float(cross_entropy_sum(logits, targets, weights)) == pytest.approx(total, rel=1e-4, abs=1e-4)
    assert float(target_weight(targets, weights)) == pytest.approx(divisor, rel=1e-5)


@given(batches(), st.data())
def test_sums_and_weights_of_parts_add_up(batch: Batch, data: st.DataObject) -> None:
    logits, targets, weights = batch
    cut = data.draw(st.integers(0, len(targets)))
    parts = [(logits[:cut], targets[:cut]), (logits[cut:], targets[cut:])]
    loss = sum(cross_entropy_sum(*part, weights) for part in parts if len(part[0]))
    weight = sum(target_weight(part[1], weights) for part in parts if len(part[0]))
    torch.testing.assert_close(loss, cross_entropy_sum(logits, targets, weights))
    torch.testing.assert_close(weight, target_weight(targets, weights))


def test_gradients_of_parts_add_up() -> None:
    """What makes accumulation exact: each part's sum over the weight of the whole."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, CLASSES, 3, 5, generator=generator, dtype=torch.float64)
    targets = torch.randint(CLASSES, (4, 3, 5), generator=generator)
    targets[0, 1:], targets[3] = IGNORE, IGNORE
    whole = logits.clone().requires_grad_()
    cross_entropy(whole, targets).backward()
    parts = logits.clone().requires_grad_()
    for part in (slice(0, 1), slice(1, 3), slice(3, 4)):
        (cross_entropy_sum(parts[part], targets[part]) / target_weight(targets)).backward()
    torch.testing.assert_close(parts.grad, whole.grad)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2.0, 0.5])])
def test_a_batch_of_ignored_pixels_is_zero_and_teaches_nothing(dtype: torch.dtype, weights: Tensor | None) -> None:
    logits = (1e4 * torch.randn(2, CLASSES, 3, 3)).to(dtype).requires_grad_()
    targets = torch.full((2, 3, 3), IGNORE)
    loss = cross_entropy(logits, targets, weights)
    loss.backward()
    assert loss.item() == 0
    assert target_weight(targets, weights).item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()  # NaN counts as true


def test_ignored_pixels_get_no_gradient() -> None:
    logits = torch.randn(1, CLASSES, 2, 2, requires_grad=True)
    cross_entropy(logits, torch.tensor([[[0, IGNORE], [IGNORE, 2]]])).backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum(1).ne(0).tolist() == [[[True, False], [False, True]]]


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2.0, 0.5])])
def test_gradient_is_right(weights: Tensor | None) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, CLASSES, 2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([[[0, 1, 2], [IGNORE, 1, 0]], [[2, 2, IGNORE], [0, 1, 2]]])
    assert torch.autograd.gradcheck(lambda x: cross_entropy(x, targets, weights), logits)
    assert torch.autograd.gradcheck(lambda x: cross_entropy_sum(x, targets, weights), logits)


@pytest.mark.parametrize(
    ("given", "summed"),
    [
        (torch.float64, torch.float64),
        (torch.float32, torch.float32),
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
    ],
)
def test_half_precision_is_summed_in_float32(given: torch.dtype, summed: torch.dtype) -> None:
    logits = torch.randn(1, CLASSES, 40, 50).to(given)
    targets = torch.randint(CLASSES, (1, 40, 50))
    loss = cross_entropy_sum(logits, targets)
    assert loss.dtype == cross_entropy(logits, targets).dtype == summed
    torch.testing.assert_close(loss, F.cross_entropy(logits.to(summed), targets, reduction="sum"))


@given(hnp.arrays(np.float64, st.integers(1, 35), elements=st.floats(0, 1)))
def test_class_weights_are_bounded_and_fall_with_the_share(shares: np.ndarray) -> None:
    weights = log_class_weights(torch.from_numpy(shares))
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights, torch.from_numpy(1 / np.log(1.1 + shares)).float())
    assert 1.347 < weights.min() <= weights.max() < 10.493
    assert (weights[np.argsort(shares)].diff() <= 0).all()


Coarse = tuple[Tensor, Tensor, Grid, Tensor | None]


@st.composite
def coarse_batches(draw: st.DrawFn) -> Coarse:
    """Coarse logits float64 (B, C, h, w), targets (B, H, W) with ignored pixels, their grid, and class weights or None.

    The image's border cuts cells anywhere.
    """
    stride = draw(st.sampled_from([1, 2, 8, 32]))
    grid = Grid(stride, draw(st.sampled_from([0, 0, 3])) if stride > 1 else 0)
    size = draw(st.tuples(st.integers(1, 70), st.integers(1, 70)))
    classes, images = draw(st.integers(2, 5)), draw(st.integers(1, 2))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    cells = [-(-(pixels + grid.margin) // stride) + draw(st.integers(0, 1)) for pixels in size]
    logits = draw(st.sampled_from([1e-3, 3.0, 300.0])) * torch.randn(
        images, classes, *cells, generator=generator, dtype=torch.float64
    )
    targets = torch.randint(classes, (images, *size), generator=generator)
    targets[torch.rand(targets.shape, generator=generator) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = IGNORE
    weights = 0.1 + torch.rand(classes, generator=generator)
    return logits, targets, grid, draw(st.sampled_from([None, weights]))


def unfused(logits: Tensor, targets: Tensor, grid: Grid, weights: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Loss and gradient of full-size logits in float64, and their classes."""
    logits = logits.double().requires_grad_()
    pixels = upsample(logits, grid, (targets.shape[1], targets.shape[2]))
    loss = cross_entropy_sum(pixels, targets, weights)
    (gradient,) = torch.autograd.grad(loss, logits)
    return loss.detach(), gradient, pixels.max(1).indices


@given(coarse_batches(), st.sampled_from([torch.float64, torch.float32]), st.sampled_from([1, 2**14, 2**21]))
def test_fused_loss_and_gradient_equal_those_of_full_size_logits(
    batch: Coarse, dtype: torch.dtype, band_bytes: int
) -> None:
    """The gradient to 1e-5 of its largest value, relative to float64; in bands of one cell up to a single band."""
    coarse, targets, grid, weights = batch
    with patch.dict(BAND_BYTES, {coarse.device.type: band_bytes}):
        check_fused(coarse, targets, grid, weights, dtype)


def check_fused(coarse: Tensor, targets: Tensor, grid: Grid, weights: Tensor | None, dtype: torch.dtype) -> None:
    logits = coarse.to(dtype)
    expected_loss, expected_gradient, _ = unfused(logits, targets, grid, weights)
    logits.requires_grad_()
    loss, classes = upsampled_cross_entropy_sum(logits, targets, grid, weights)
    (3 * loss).backward()
    assert loss.dtype == dtype
    assert float(loss.detach()) == pytest.approx(float(expected_loss), rel=1e-5, abs=1e-4)
    assert logits.grad is not None
    error = (logits.grad.double() / 3 - expected_gradient).abs().max()
    assert error <= 1e-5 * max(float(expected_gradient.abs().max()), 1e-3)
    same_precision = upsample(coarse.to(dtype), grid, (targets.shape[1], targets.shape[2])).max(1).indices
    assert torch.equal(classes.long(), same_precision)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)])
def test_fused_gradient_is_right(weights: Tensor | None) -> None:
    logits = torch.randn(2, CLASSES, 3, 2, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(CLASSES, (2, 11, 8))
    targets[:, 4:6] = IGNORE
    assert torch.autograd.gradcheck(
        lambda x: upsampled_cross_entropy_sum(x, targets, Grid(4), weights)[0], logits, fast_mode=True
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_fused_loss_of_half_precision_is_that_of_the_same_logits_in_float32(dtype: torch.dtype) -> None:
    half = torch.randn(1, CLASSES, 3, 4).to(dtype).requires_grad_()
    single = half.detach().float().requires_grad_()
    targets = torch.randint(CLASSES, (1, 20, 30))
    losses = [upsampled_cross_entropy_sum(logits, targets, Grid(8))[0] for logits in (half, single)]
    sum(losses).backward()
    assert torch.equal(*losses)
    assert half.grad is not None
    assert single.grad is not None
    assert half.grad.dtype == dtype
    assert torch.equal(half.grad, single.grad.to(dtype))


def test_fused_loss_ignores_autocast_and_takes_any_layout_and_kind_of_target() -> None:
    logits = torch.randn(2, CLASSES, 3, 4)
    targets = torch.randint(CLASSES, (2, 20, 30))
    expected = upsampled_cross_entropy_sum(logits.requires_grad_(), targets, Grid(8))
    (gradient,) = torch.autograd.grad(expected[0], logits)
    other = logits.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = upsampled_cross_entropy_sum(other, targets.to(torch.uint8), Grid(8))
    found[0].backward()
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert other.grad is not None
    torch.testing.assert_close(other.grad, gradient, rtol=0, atol=0)


def test_a_fused_target_that_is_no_class_is_told() -> None:
    """The loss is not finite, which stops training, rather than another class's."""
    targets = torch.tensor([[[0, CLASSES]]])
    assert upsampled_cross_entropy_sum(torch.zeros(1, CLASSES, 1, 2), targets, Grid(1))[0].isnan()


def test_bands_share_rows_of_logits_and_both_get_a_gradient() -> None:
    """A row of logits lies under two bands; the smallest bands see each row twice."""
    logits, targets = torch.randn(1, CLASSES, 5, 4, dtype=torch.float64), torch.randint(CLASSES, (1, 40, 32))
    with patch.dict(BAND_BYTES, {"cpu": 1}):
        assert len(list(Bands(logits[0], Grid(8), (40, 32)))) == 6
        check_fused(logits, targets, Grid(8), None, torch.float64)


def focal_of_pixels(logits: Tensor, targets: Tensor, grid: Grid, weights: Tensor | None) -> Tensor:
    """The formula of Lin et al., of full-size logits and probabilities."""
    size = targets.shape[1], targets.shape[2]
    probabilities = upsample(logits, grid, size).softmax(1).movedim(1, -1)[targets != IGNORE]
    known = targets[targets != IGNORE]
    at_target = probabilities.gather(1, known[:, None])[:, 0]
    alpha = torch.ones(logits.shape[1]) if weights is None else weights
    return -(alpha[known] * (1 - at_target) ** 2 * at_target.log()).sum()


@given(coarse_batches().filter(lambda batch: float(batch[0].abs().max()) < 30))
def test_focal_loss_and_gradient_equal_the_formula(batch: Coarse) -> None:
    coarse, targets, grid, weights = batch
    logits, other = coarse.clone().requires_grad_(), coarse.clone().requires_grad_()
    loss, classes = upsampled_focal_sum(logits, targets, grid, weights)
    expected = focal_of_pixels(other, targets, grid, weights)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(loss.detach(), expected.detach().to(loss.dtype), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(logits.grad, other.grad, rtol=1e-7, atol=1e-9)
    assert torch.equal(classes, upsampled_cross_entropy_sum(coarse, targets, grid, weights)[1])


def test_focal_gradient_is_right() -> None:
    logits = torch.randn(2, CLASSES, 3, 2, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(CLASSES, (2, 11, 8))
    targets[:, 4:6] = IGNORE
    assert torch.autograd.gradcheck(
        lambda x: upsampled_focal_sum(x, targets, Grid(4), torch.tensor([1.0, 2.0, 0.5]))[0], logits, fast_mode=True
    )


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_every_loss_adds_up_over_images_and_ignores_what_is_not_labelled(name: str, size: float) -> None:
    loss: Loss = load(LOSSES[name])
    logits, weights = size * torch.randn(3, CLASSES, 3, 4), torch.tensor([1.0, 2.0, 0.5])
    targets = torch.randint(CLASSES, (3, 20, 30))
    targets[1], targets[2, :5] = IGNORE, IGNORE
    logits.requires_grad_()
    whole, classes = loss(logits, targets, Grid(8), weights)
    (gradient,) = torch.autograd.grad(whole, logits)
    assert whole.isfinite()
    assert gradient.isfinite().all()
    assert not gradient[1].any()
    parts = [loss(logits[i : i + 1], targets[i : i + 1], Grid(8), weights) for i in range(3)]
    torch.testing.assert_close(sum(part for part, _ in parts), whole)
    assert torch.equal(torch.cat([found for _, found in parts]), classes)
