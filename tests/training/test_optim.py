import itertools

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import Tensor, nn

from roadseg.config.settings import Optimizer
from roadseg.training.optim import freeze, make_optimizer, parameter_groups, rate_factor, set_rates


class Trunk(nn.Module):
    """Three blocks of a convolution and a normalisation."""

    def __init__(self) -> None:
        super().__init__()
        blocks = [nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)) for _ in range(3)]
        self.blocks = nn.ModuleList(blocks)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.score = nn.Conv2d(3, 2, 1)


settings_drawn = st.builds(
    Optimizer,
    lr=st.sampled_from([0.1, 0.01]),
    trunk_lr=st.sampled_from([None, 0.0, 0.001, 0.1]),
    frozen_blocks=st.integers(0, 5),
    weight_decay=st.sampled_from([0.0, 0.5]),
)


@settings(max_examples=30)
@given(settings_drawn)
def test_groups_hold_each_trainable_parameter_once_with_its_rate_and_decay(chosen: Optimizer) -> None:
    network = Network()
    freeze(network.trunk.blocks, chosen)
    groups = parameter_groups(network, network.trunk, chosen)
    found: list[Tensor] = [parameter for group in groups for parameter in group["params"]]  # type: ignore[attr-defined]
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert sorted(map(id, found)) == sorted(map(id, trainable))

    in_trunk = set(map(id, network.trunk.parameters()))
    trunk_rate = chosen.lr if chosen.trunk_lr is None else chosen.trunk_lr
    for group in groups:
        for parameter in group["params"]:  # type: ignore[attr-defined]
            assert group["lr"] == group["base_lr"] == (trunk_rate if id(parameter) in in_trunk else chosen.lr)
            assert group["weight_decay"] == (chosen.weight_decay if parameter.ndim > 1 else 0)


@pytest.mark.parametrize("frozen", [0, 1, 2, 5])
@pytest.mark.parametrize("trunk_lr", [None, 0.0, 0.01])
def test_freeze_stops_the_first_blocks_or_the_whole_trunk(frozen: int, trunk_lr: float | None) -> None:
    network = Network()
    freeze(network.trunk.blocks, Optimizer(frozen_blocks=frozen, trunk_lr=trunk_lr))
    trained = [all(p.requires_grad for p in block.parameters()) for block in network.trunk.blocks]
    expected = 3 if trunk_lr == 0 else min(frozen, 3)
    assert trained == [index >= expected for index in range(3)]
    assert [any(p.requires_grad for p in block.parameters()) for block in network.trunk.blocks] == trained
    assert network.score.weight.requires_grad


def test_a_frozen_trunk_has_no_groups() -> None:
    network, chosen = Network(), Optimizer(trunk_lr=0.0)
    freeze(network.trunk.blocks, chosen)
    groups = parameter_groups(network, network.trunk, chosen)
    assert [group["params"] for group in groups] == [[network.score.weight], [network.score.bias]]


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_optimizers_step_every_trained_parameter_and_no_other(name: str) -> None:
    network = Network()
    chosen = Optimizer.model_validate({"name": name, "frozen_blocks": 1, "trunk_lr": 0.01, "weight_decay": 0.1})
    freeze(network.trunk.blocks, chosen)
    optimizer = make_optimizer(parameter_groups(network, network.trunk, chosen), chosen)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    sum((parameter**2).sum() + parameter.sum() for parameter in network.parameters()).backward()
    optimizer.step()
    for old, new in zip(before, network.parameters(), strict=True):
        assert torch.equal(old, new) == (not new.requires_grad)


def test_sgd_equals_the_formula() -> None:
    """Momentum and decay, with the rates that `set_rates` gives: v = m v + g + d w, w = w - lr v (Sutskever et al.)."""
    network = Network()
    chosen = Optimizer(lr=0.1, trunk_lr=0.02, momentum=0.5, weight_decay=0.25)
    optimizer = make_optimizer(parameter_groups(network, network.trunk, chosen), chosen)
    trunk, head, bias = network.trunk.blocks[0][0].weight, network.score.weight, network.score.bias
    expected = [parameter.detach().double().clone() for parameter in (trunk, head, bias)]
    velocities = [torch.zeros_like(parameter) for parameter in expected]
    for factor in (1.0, 0.5):
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
        set_rates(optimizer, factor)
        optimizer.step()
        for parameter, velocity, lr, decay in zip(expected, velocities, (0.02, 0.1, 0.1), (0.25, 0.25, 0), strict=True):
            velocity.mul_(0.5).add_(1 + decay * parameter)
            parameter.sub_(factor * lr * velocity)
    for found, wanted in zip((trunk, head, bias), expected, strict=True):
        torch.testing.assert_close(found.detach().double(), wanted, rtol=1e-5, atol=1e-6)


def test_set_rates_keeps_the_base_rates() -> None:
    network, chosen = Network(), Optimizer(lr=0.1, trunk_lr=0.02)
    optimizer = make_optimizer(parameter_groups(network, network.trunk, chosen), chosen)
    for factor in (0.5, 0.25, 1.0):
        set_rates(optimizer, factor)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(
            [0.02 * factor] * 2 + [0.1 * factor] * 2
        )


def test_poly_falls_from_1_to_0() -> None:
    chosen = Optimizer(schedule="poly", power=0.9)
    factors = [rate_factor(step, 10, chosen) for step in range(11)]
    assert factors == pytest.approx([(1 - step / 10) ** 0.9 for step in range(11)])
    assert factors[0] == 1
    assert factors[-1] == 0


def test_constant_stays() -> None:
    assert {rate_factor(step, 10, Optimizer(schedule="constant")) for step in range(10)} == {1.0}


def test_warm_up_rises_to_the_base_rate() -> None:
    factors = [rate_factor(step, 20, Optimizer(schedule="constant", warmup=0.2)) for step in range(20)]
    assert factors == pytest.approx([0.25, 0.5, 0.75, 1.0] + [1.0] * 16)


@given(
    st.integers(1, 1000),
    st.sampled_from(["constant", "poly"]),
    st.floats(0.5, 3),
    st.floats(0, 1),
)
def test_factors_lie_between_0_and_1_and_fall_after_the_warm_up(
    steps: int, schedule: str, power: float, warmup: float
) -> None:
    chosen = Optimizer.model_validate({"schedule": schedule, "power": power, "warmup": warmup})
    factors = [rate_factor(step, steps, chosen) for step in range(0, steps, max(1, steps // 20))]
    assert all(0 < factor <= 1 for factor in factors)
    after = [rate_factor(step, steps, chosen) for step in range(int(warmup * steps), steps)]
    assert all(late <= early for early, late in itertools.pairwise(after))
