import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from roadseg.labels import IGNORE
from roadseg.losses import cross_entropy, cross_entropy_sum, log_class_weights, target_weight

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
