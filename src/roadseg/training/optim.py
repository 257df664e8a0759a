"""Optimizers, their parameter groups and the learning rate of each step."""

import torch
from torch import nn

from roadseg.config.settings import Optimizer


def freeze(blocks: nn.ModuleList, settings: Optimizer) -> None:
    """Stop the gradient of the trunk's first blocks, or of all of them where its learning rate is 0."""
    frozen = len(blocks) if settings.trunk_lr == 0 else settings.frozen_blocks
    for block in blocks[:frozen]:
        block.requires_grad_(False)


def parameter_groups(model: nn.Module, trunk: nn.Module, settings: Optimizer) -> list[dict[str, object]]:
    """Groups of trainable parameters: trunk and head with their own rates, each with and without weight decay.

    Vectors (biases, normalisation) are not decayed: pulling them to zero does not regularise.
    """
    in_trunk = {id(parameter) for parameter in trunk.parameters()}
    groups: list[dict[str, object]] = []
    for of_trunk, lr in ((True, settings.trunk_lr or settings.lr), (False, settings.lr)):
        for decays in (True, False):
            chosen = [
                parameter
                for parameter in model.parameters()
                if parameter.requires_grad
                and (id(parameter) in in_trunk) == of_trunk
                and (parameter.ndim > 1) == decays
            ]
            decay = settings.weight_decay if decays else 0.0
            if chosen:
                groups.append({"params": chosen, "lr": lr, "base_lr": lr, "weight_decay": decay})
    return groups


def make_optimizer(groups: list[dict[str, object]], settings: Optimizer) -> torch.optim.Optimizer:
    """The optimizer over the groups, in its fused form."""
    if settings.name == "sgd":
        return torch.optim.SGD(groups, momentum=settings.momentum, fused=True)
    kind = torch.optim.Adam if settings.name == "adam" else torch.optim.AdamW
    return kind(groups, fused=True)


def rate_factor(step: int, steps: int, settings: Optimizer) -> float:
    """Factor on the base learning rate at `step` of `steps` (counted from 0): linear warm-up, then constant or poly.

    Poly is (1 - step / steps) ** power (Chen et al., DeepLab, PAMI 2018).
    """
    warmup = settings.warmup * steps
    rise = min(1.0, (step + 1) / warmup) if warmup > 0 else 1.0
    decay = (1 - step / steps) ** settings.power if settings.schedule == "poly" else 1.0
    return rise * decay


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Give every group its base rate times `factor`."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
