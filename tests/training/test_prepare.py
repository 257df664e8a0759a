"""What training begins with; what comes of it is in test_train.py."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from roadseg import data
from roadseg.config.overrides import overridden
from roadseg.config.recipes import names, recipe
from roadseg.config.settings import Config, as_trained, difference, to_json
from roadseg.data.loading import GIB
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display
from roadseg.training.prepare import build_network, read_parts
from roadseg.training.train import train

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
        sizes = {"transforms__resize": [32, 48], "transforms__crop": "none", "transforms__scale": scale}
        settings = tiny(data__cache_gib=budget, **sizes)
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


def test_a_trunk_without_first_weights_is_not_spared(tiny: Configure) -> None:
    settings = as_trained(tiny(optimizer__frozen_blocks=2, optimizer__trunk_lr=0))
    model, optimizer, started_from = build_network(settings, 3, pretrained=True)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert {group["lr"] for group in optimizer.param_groups} == {settings.optimizer.lr}
    assert started_from == "from random weights"


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["none", "imagenet"])
def test_what_a_recipe_stores_is_what_it_trains(weights: str) -> None:
    """The rate of each group and which blocks learn in the network that is built, beside the stored file's figures."""
    for name in names():
        given = overridden(recipe(name), {"model.width": 0.02, "model.weights": weights})
        settings = as_trained(given)
        model, optimizer, _ = build_network(settings, 3, pretrained=False)
        stored = json.loads(to_json(settings))["optimizer"]
        if weights == "none":
            assert (stored["trunk_lr"], stored["frozen_blocks"]) == (None, 0), name
        else:
            assert settings == given, name
        rate = stored["lr"] if stored["trunk_lr"] is None else stored["trunk_lr"]
        rate_of = {id(parameter): rate for parameter in model.trunk.parameters()}
        for group in optimizer.param_groups:
            rates = {rate_of.get(id(parameter), stored["lr"]) for parameter in group["params"]}
            assert rates == {group["base_lr"]}, name
        learning = [all(parameter.requires_grad for parameter in block.parameters()) for block in model.trunk.blocks]
        frozen = stored["frozen_blocks"]
        assert learning == [False] * frozen + [True] * (len(learning) - frozen), name


@pytest.mark.slow
@pytest.mark.parametrize("with_weights", [False, True])
def test_the_stored_settings_are_what_was_done(
    tiny: Configure, trained: RunDir, tmp_path: Path, with_weights: bool
) -> None:
    """The optimizer's state in the checkpoint has the rates of config.json, and as many parameters as learn there."""
    first = {"model__from_run": str(trained.path)} if with_weights else {}
    given = tiny(train__epochs=1, optimizer__lr=5e-4, optimizer__trunk_lr=5e-5, optimizer__frozen_blocks=2, **first)
    run = RunDir(tmp_path / "run")
    train(run, given, Display())
    stored = run.config()
    done = [(group["base_lr"], len(group["params"])) for group in run.trainer()["optimizer"]["param_groups"]]
    network = build_network(stored, len(run.labels().classes), pretrained=False)
    assert done == [(group["base_lr"], len(group["params"])) for group in network.optimizer.param_groups]
    assert {rate for rate, _ in done} == ({5e-4, 5e-5} if with_weights else {5e-4})
    assert stored.optimizer.trunk_lr == (5e-5 if with_weights else None)
    assert stored.optimizer.frozen_blocks == (2 if with_weights else 0)
    assert difference(stored, given) is None, "the same command resumes the run"
