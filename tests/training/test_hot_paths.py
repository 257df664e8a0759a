"""How many operators the hot paths call and how large their results are: what a slip raises, whatever the clock says.

A call costs about a microsecond before it computes anything, and a result beyond the caches costs a trip to memory. The
limits are the figures of the torch in constraints.txt and a little more; lower them with what makes them lower. Another
torch may count otherwise: count anew when its version changes.
"""

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from roadseg.bench import work
from roadseg.config.settings import Config
from roadseg.inference.predictor import Logits
from roadseg.models.upsample import Grid, upsampled_classes
from roadseg.scoring.metrics import confusion_matrix
from roadseg.system.hardware import Precision, make_accelerator
from roadseg.training.learner import Learner
from roadseg.training.losses import upsampled_cross_entropy_sum

SIZE, CLASSES, STRIDE = (512, 1024), 19, 8
MIB = 2**20


class Calls(TorchDispatchMode):
    """Counts operators while it is entered, and keeps the size of the largest result in bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.largest = 0

    def __torch_dispatch__(self, operator: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operator(*args, **(kwargs or {}))
        self.calls[operator.overloadpacket.__name__] += 1
        sizes = [leaf.numel() * leaf.element_size() for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self.largest = max([self.largest, *sizes])
        return result


def logits() -> Tensor:
    return torch.randn(1, CLASSES, SIZE[0] // STRIDE, SIZE[1] // STRIDE)


def test_the_loss_never_holds_full_size_logits() -> None:
    coarse, targets = logits().requires_grad_(), work.street_sample(*SIZE).target[None]
    with Calls() as counted:
        upsampled_cross_entropy_sum(coarse, targets, Grid(STRIDE))[0].backward()
    assert counted.calls.total() <= 1850
    assert counted.calls["exp_"] <= 22  # one a band
    assert counted.largest <= 2 * MIB  # full-size logits take 38


def test_scoring_never_holds_full_size_logits() -> None:
    coarse, target = logits(), work.street_sample(*SIZE).target
    with Calls() as counted, torch.inference_mode():
        confusion_matrix(upsampled_classes(coarse, Grid(STRIDE), SIZE)[0], target, CLASSES)
    assert counted.calls.total() <= 520
    assert counted.calls["bincount"] == 1
    assert counted.largest <= 2 * MIB


def test_classes_and_confidence_never_hold_full_size_logits() -> None:
    with Calls() as counted:
        Logits(logits()[0], Grid(STRIDE), SIZE).decide((1.0, 1.5))
    assert counted.calls["amax"] <= 50  # two a band: of the logits and of the marks
    assert counted.calls["sum"] <= 50  # one a band and temperature
    assert counted.largest <= 4.1 * MIB  # two maps of confidence; full-size logits take 38


def small() -> Config:
    """The recipe that `roadseg bench` times, narrow and on small crops."""
    config = work.settings()
    narrow = config.model.model_copy(update={"width": 0.05})
    cropped = config.transforms.model_copy(update={"crop": (64, 64)})
    return config.model_copy(update={"model": narrow, "transforms": cropped})


def made_learner(config: Config, precision: Precision) -> Learner:
    accelerator, layout = make_accelerator(precision)
    return work.make_learner(config, CLASSES, accelerator, layout)


@pytest.mark.parametrize(("precision", "casts"), [("fp32", 8), ("bf16", 75)])
def test_a_training_step_does_nothing_twice(precision: Precision, casts: int) -> None:
    """18 convolutions, those of the frozen blocks without a way back; one update for each group of parameters."""
    config = small()
    learner, batch = made_learner(config, precision), [work.make_batch(config)]
    weight = learner.weight(batch)
    learner.step(batch, 0, 1.0, weight)
    with Calls() as counted:
        learner.step(batch, 1, 1.0, weight)
    assert counted.calls["convolution"] == 18
    assert counted.calls["convolution_backward"] == 14
    assert counted.calls["_fused_adamw_"] == len(learner.optimizer.param_groups) == 4
    assert counted.calls["_to_copy"] <= casts
    assert counted.calls.total() <= 700 + casts
