"""One step of the optimizer; what it does to a whole run is in test_train.py."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from roadseg.config.settings import Config
from roadseg.data.loading import Batch
from roadseg.errors import WorkFailed, out_of_memory
from roadseg.system.hardware import make_accelerator
from roadseg.training.learner import Learner, seed_of
from roadseg.training.prepare import build_network

Configure = Callable[..., Config]
CLASSES = 5
PLAIN = {"model__batch_norm": "false", "model__skips": "scaled", "model__dropout": 0}
"""A network whose images do not see each other, and in which nothing is random."""


def test_seeds_differ_by_step_and_process() -> None:
    seeds = {seed_of(0, step, process) for step in range(100) for process in range(4)}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**63 for seed in seeds)


def learner_of(settings: Config, images_at_once: int | None = None) -> Learner:
    accelerator, memory_format = make_accelerator("fp32")
    network = build_network(settings, CLASSES, pretrained=True)
    learner = Learner(network, accelerator, memory_format, None, None, settings.seed)
    learner.images_at_once = images_at_once
    learner.begin_epoch()
    return learner


def batch_of(images: int) -> Batch:
    drawn = torch.Generator().manual_seed(0)
    targets = torch.randint(0, CLASSES, (images, 64, 64), generator=drawn)
    return Batch(torch.randn(images, 3, 64, 64, generator=drawn), targets, [str(i) for i in range(images)])


def outcome(learner: Learner, group: list[Batch]) -> dict[str, Tensor]:
    """Weights and statistics after two steps, and the loss and the confusion of the second."""
    for number in range(2):
        loss, confusion = learner.step(group, number, 1.0, learner.weight(group))
    return learner.weights() | {"loss": torch.tensor(loss), "confusion": confusion}


def ask_for_too_much() -> None:
    """torch's own error, for a PiB."""
    torch.empty(2**50, dtype=torch.uint8)


def limit(learner: Learner, images: int, backward: bool) -> None:
    """Memory is too little for more `images`, in the last block of the trunk: others have done their work by then."""

    def hook(block: nn.Module, inputs: tuple[Tensor], features: Tensor) -> None:
        if len(features) > images and backward:
            features.register_hook(lambda gradient: ask_for_too_much())
        elif len(features) > images:
            ask_for_too_much()

    learner.network.trunk.blocks[4].register_forward_hook(hook)


@pytest.mark.slow
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize(("images", "limited", "at_once"), [(4, 3, 2), (4, 1, 1), (5, 3, 3), (5, 2, 2)])
def test_too_little_memory_divides_the_batch_as_if_it_had_been_from_the_start(
    tiny: Configure, images: int, limited: int, at_once: int, backward: bool
) -> None:
    """With normalisation and dropout, to the last bit: what the failed attempt did to the statistics is undone."""
    learner, expected = learner_of(tiny()), learner_of(tiny(), at_once)
    limit(learner, limited, backward)
    found, wanted = (outcome(one, [batch_of(images)]) for one in (learner, expected))
    assert learner.images_at_once == at_once
    assert "trunk.blocks.0.1.running_mean" in found
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


@pytest.mark.slow
def test_a_divided_batch_makes_the_same_step(tiny: Configure) -> None:
    """Where images do not see each other; accumulated batches of different sizes included."""
    learner, whole = learner_of(tiny(**PLAIN)), learner_of(tiny(**PLAIN))
    limit(learner, 2, backward=True)
    found, wanted = (outcome(one, [batch_of(4), batch_of(3)]) for one in (learner, whole))
    assert (learner.images_at_once, whole.images_at_once) == (2, None)
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_activations_that_are_recomputed_may_be_too_many_as_well(tiny: Configure) -> None:
    """Memory may run out in the second forward pass, inside the backward pass."""
    learner = learner_of(tiny(train__recompute="true"))
    expected = learner_of(tiny(), 2)
    passes = []

    def hook(*passed: object) -> None:
        passes.append(1)
        if len(passes) == 2:
            ask_for_too_much()

    next(learner.network.trunk.blocks[3].children()).register_forward_hook(hook)
    found, wanted = (outcome(one, [batch_of(4)]) for one in (learner, expected))
    assert learner.images_at_once == 2
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


@pytest.mark.slow
def test_a_single_image_that_is_too_large_is_told(tiny: Configure) -> None:
    learner = learner_of(tiny())
    limit(learner, 0, backward=False)
    with pytest.raises(WorkFailed, match=r"^out of memory with a single image; lower --transforms\.crop"):
        outcome(learner, [batch_of(4)])


def test_several_processes_do_not_divide_a_batch(tiny: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    learner = learner_of(tiny())
    limit(learner, 2, backward=False)
    monkeypatch.setattr(Accelerator, "num_processes", property(lambda accelerator: 2))
    with pytest.raises(WorkFailed, match=r"4 images at a time, which 2 processes .* halve --train.batch_size"):
        learner.step([batch_of(4)], 0, 1.0, 1.0)


@pytest.mark.parametrize("name", ["CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"])
def test_what_libraries_of_a_gpu_say(name: str) -> None:
    assert out_of_memory(RuntimeError(f"CUDA error: {name} when calling `cublasCreate(handle)`"))
    assert not out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED"))


def test_another_error_is_not_taken_for_too_little_memory(tiny: Configure) -> None:
    learner = learner_of(tiny())
    learner.network.trunk.blocks[0].register_forward_hook(lambda *passed: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        learner.step([batch_of(4)], 0, 1.0, 1.0)
    assert learner.images_at_once is None


WITH_LITTLE_MEMORY = """
import re, resource, sys
from pathlib import Path
import torch
from roadseg.data.loading import Batch
from roadseg.config.overrides import overridden
from roadseg.system.hardware import make_accelerator
from roadseg.training.learner import Learner
from roadseg.training.prepare import build_network
from roadseg.config.recipes import recipe

accelerator, memory_format = make_accelerator("fp32")
network = build_network(overridden(recipe("demo-fcn16s"), {"model.width": 0.1}), 5, True)
learner = Learner(network, accelerator, memory_format, None, None, 0)
learner.begin_epoch()
group = [Batch(torch.randn(32, 3, 192, 192), torch.zeros(32, 192, 192, dtype=torch.uint8), ["image"] * 32)]
for at_once in (1, 2, 4):
    learner.images_at_once = at_once
    learner.step(group, 0, 1.0, 32 * 192 * 192)
held = re.search(r"VmSize:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
limit = 1024 * int(held[1]) + 32 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
learner.images_at_once = None
learner.step(group, 0, 1.0, 32 * 192 * 192)
print(learner.images_at_once)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
def test_an_allocation_that_the_system_refuses_divides_the_batch() -> None:
    """The process may have little more memory than took it through the same batch by fours.

    On a busy machine malloc would begin arenas for single threads, whose address space counts.
    """
    words = [sys.executable, "-c", WITH_LITTLE_MEMORY]
    one_arena = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(words, text=True, capture_output=True, timeout=120, check=False, env=one_arena)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) in (1, 2, 4, 8, 16)
