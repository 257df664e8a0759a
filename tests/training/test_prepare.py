"""What training begins with; what comes of it is in test_train.py."""

from collections.abc import Callable

import pytest
import torch

from roadseg import data
from roadseg.config.settings import Config
from roadseg.data.loading import GIB
from roadseg.system.progress import Display
from roadseg.training.prepare import build_network, read_parts

Configure = Callable[..., Config]


@pytest.mark.parametrize(("images", "kept"), [(8, ["train", "val"]), (4, ["val"]), (3, [])])
def test_memory_is_given_to_validation_first(tiny: Configure, images: int, kept: list[str]) -> None:
    """Four images for training and four for validation, 4 bytes a pixel."""
    settings = tiny(data__cache_gib=images * 4 * 96 * 64 / GIB)
    _, samples = read_parts(settings.data, settings.transforms, data.label_space(settings.data), Display())
    assert [part for part, read in samples.items() if read.cache is not None] == kept


class Said(Display):
    """What a display is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_training_images_of_one_size_are_kept_at_that_size(tiny: Configure) -> None:
    """Resized to a quarter of their pixels they fit where they would not; a random scale starts from the files' own."""
    budget = (4 + 1) * 4 * 96 * 64 / GIB
    for scale, kept in (([1, 1], True), ([0.8, 1.25], False)):
        settings = tiny(data__cache_gib=budget, transforms__resize=[32, 48], transforms__scale=scale)
        display = Said()
        _, samples = read_parts(settings.data, settings.transforms, data.label_space(settings.data), display)
        assert (samples["train"].cache is not None) == kept
        assert samples["train"][0].target.shape == ((32, 48) if kept else (64, 96))
        assert samples["val"][0].target.shape == (64, 96)
        assert [line.split(":")[1] for line in display.lines] == (
            [] if kept else [" they are decoded anew in each epoch; raise it where memory allows"]
        )


def test_the_seed_makes_the_network(tiny: Configure) -> None:
    weights = [build_network(tiny(seed=seed), 3, pretrained=True).model.state_dict() for seed in (0, 0, 1)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert any(not torch.equal(weights[0][name], weights[2][name]) for name in weights[0])


def test_a_trunk_without_pretrained_weights_is_not_spared(tiny: Configure) -> None:
    settings = tiny(optimizer__frozen_blocks=2, optimizer__trunk_lr=0)
    model, optimizer, started_from = build_network(settings, 3, pretrained=True)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert {group["lr"] for group in optimizer.param_groups} == {settings.optimizer.lr}
    assert started_from == "from random weights"
