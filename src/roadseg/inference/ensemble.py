"""Several networks that answer as one: which runs are meant, and their mean probability."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from roadseg.config.settings import Config
from roadseg.errors import RunError
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.evaluate import Ready, predict_logits


def named_runs(paths: Sequence[Path]) -> list[RunDir]:
    """The runs that are named, and all complete ones of the studies that are.

    Raises `RunError` for a folder that is neither or whose runs are not complete, and where classes differ.
    """
    runs: list[RunDir] = []
    for path in paths:
        runs += _runs_of_study(path) if (path / "study.json").is_file() else [RunDir(path)]
    for run in runs:
        run.config()  # tells what is wrong with a folder that is no run
        if not run.complete:
            raise RunError(f"{run.path} is not complete; finish its training with the command that began it")
        if run.labels() != runs[0].labels():
            raise RunError(f"{run.path} and {runs[0].path} have other classes; name runs of one data set")
    return runs


def _runs_of_study(path: Path) -> list[RunDir]:
    try:
        entries = json.loads((path / "study.json").read_text(encoding="utf-8"))["runs"]
        return [RunDir(path / entry["run"]) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path / 'study.json'} is damaged; the same study command writes it anew") from error


class Member(NamedTuple):
    """A network that is ready to predict, the settings of its run, and the number by which its logits are divided."""

    ready: Ready
    settings: Config
    temperature: float = 1.0


@torch.inference_mode()
def probabilities(member: Member, image: UInt8[Tensor, "3 h w"]) -> Float[Tensor, "c h w"]:
    """Probability of each class, float32 (C, H, W), on the network's device."""
    ready = member.ready
    pixels = image.to(ready.accelerator.device)
    logits = predict_logits(ready.network, ready.grid, pixels, member.settings.transforms, ready.memory_format)
    return nn.functional.softmax(logits[0] / member.temperature, 0)


@torch.inference_mode()
def mean_probabilities(members: Sequence[Member], image: UInt8[Tensor, "3 h w"]) -> Float[Tensor, "c h w"]:
    """The mean of the networks' probabilities, float32 (C, H, W) on the CPU. There is at least one network."""
    first, *others = members
    total = probabilities(first, image)
    for member in others:
        total = total + probabilities(member, image)
    return (total / len(members)).cpu()
