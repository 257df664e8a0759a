"""Where the numbers of a report come from: settings, cost, machines, versions, and commands that repeat them."""

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from roadseg import models
from roadseg.config.recipes import recipe
from roadseg.config.settings import RECORDED, WITHOUT_EFFECT, Config, Model, as_trained, flat
from roadseg.errors import ConfigError
from roadseg.report.comparison.arms import ScoredArm
from roadseg.runs.facts import RunFacts
from roadseg.system.progress import duration


@dataclass(frozen=True)
class Row:
    """One line of a table: what it is about, and a text for each arm."""

    name: str
    values: tuple[str, ...]


def differing_settings(arms: Sequence[ScoredArm]) -> list[Row]:
    """The settings that are not the same in all arms and have an effect on the result."""
    flats = [[flat(run.settings.model_dump()) for run in arm.arm.runs] for arm in arms]
    rows = []
    for key in flats[0][0]:
        texts = tuple(_common([_text(run[key]) for run in runs]) for runs in flats)
        if len(set(texts)) > 1 and key not in {"earlier", *WITHOUT_EFFECT}:
            rows.append(Row(key, texts))
    return rows


def costs(arms: Sequence[ScoredArm]) -> list[Row]:
    """What each arm took, as means over its runs."""
    found = [_cost(arm) for arm in arms]
    return [Row(name, tuple(cost[name] for cost in found)) for name in found[0]]


def _cost(arm: ScoredArm) -> dict[str, str]:
    runs = arm.arm.runs
    histories = [run.history for run in runs]
    seconds = [sum(sum(entry["seconds"].values()) for entry in history) for history in histories]
    memory = [entry["memory_gib"] for history in histories for entry in history]
    at_once = [entry["images_at_once"] for history in histories for entry in history]
    pace = [run.report["seconds_per_image"] for run in runs]
    per_image = [value for value in pace if value]
    machines = [_machine(run) for run in runs]
    return {
        "parameters": _millions(parameters(runs[0])),
        "training time of a run": duration(sum(seconds) / len(seconds)),
        "peak memory in training": f"{max(memory):.1f} GiB" if memory else "–",
        "images at a time in training": _range(at_once),
        "images per second, prediction": _pace(len(per_image) / sum(per_image)) if per_image else "–",
        "epochs": _range([len(history) for history in histories]),
        "best epoch": _range([best_epoch(history) for history in histories if history]),
        "machine": _common(machines),
    }


def parameters(run: RunFacts) -> int:
    """Number of trainable values of the run's network, counted without making them."""
    return _count(run.settings.model, len(run.space.classes))


@cache  # even without values a large network takes seconds to build, and arms often share theirs
def _count(settings: Model, classes: int) -> int:
    with torch.device("meta"):
        network = models.build(settings, classes)
    return sum(parameter.numel() for parameter in network.parameters())


def best_epoch(history: list[dict[str, Any]]) -> int:
    """The first epoch with the highest mIoU on the validation images: the one whose weights are scored."""
    scores = [entry["val"]["mean_iou"] or 0.0 for entry in history]
    return int(history[scores.index(max(scores))]["epoch"])


def versions(arms: Sequence[ScoredArm]) -> list[tuple[str, str]]:
    """What the runs were made with, by name."""
    found = [run.environment for arm in arms for run in arm.arm.runs]
    names = ("roadseg", "torch", "numpy", "python", "platform")
    return [(name, ", ".join(dict.fromkeys(str(entry.get(name, "–")) for entry in found))) for name in names]


def commands(arm: ScoredArm, split: str, root: Path | None = None) -> list[str]:
    """What repeats each run of the arm in a new place and scores it: the recipe and the settings that differ.

    The data is in `root`, or where it was in training.
    """
    lines = []
    for run in arm.arm.runs:
        settings, place = run.settings, _place_again(run)
        data = ["--data.root", str(root or settings.data.root)]
        lines.append(shlex.join(["roadseg", "train", settings.recipe, "--run", place, *data, *flags(settings)]))
        lines.append(shlex.join(["roadseg", "evaluate", place, *data, "--split", split]))
    return lines


def comparing(arms: Sequence[ScoredArm], split: str, root: Path | None = None) -> str:
    """What makes the report of the runs that `commands` repeat; not for folds, which only a study puts together."""
    data = ["--data.root", str(root)] if root else []
    places = [_place_again(run) for arm in arms for run in arm.arm.runs]
    return shlex.join(["roadseg", "compare", *places, "--split", split, *data, "--output", "again/report"])


def _place_again(run: RunFacts) -> str:
    return str(Path("again", *run.path.resolve().parts[-2:]))


def flags(settings: Config, without: Collection[str] = ()) -> list[str]:
    """The settings that differ from the recipe's as it is trained with these first weights, but for those `without`.

    All but the unset ones where the recipe is not known.
    """
    now = flat(settings.model_dump())
    try:
        before = flat(as_trained(recipe(settings.recipe).model_copy(update={"model": settings.model})).model_dump())
        before |= {f"model.{key}": value for key, value in recipe(settings.recipe).model.model_dump().items()}
    except ConfigError:
        before = dict.fromkeys(now)
    found = []
    for key, value in now.items():
        if value != before[key] and key not in {"data.root", *RECORDED, *without}:
            found += [f"--{key}", *(map(_text, value) if isinstance(value, tuple) else [_text(value)])]
    return found


def _text(value: Any) -> str:
    """A setting as its flag takes it."""
    if isinstance(value, tuple):
        return " ".join(map(_text, value))
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _machine(run: RunFacts) -> str:
    content = run.environment
    if not content:
        return "–"
    threads = content.get("threads", "?")
    return str(content.get("gpu") or f"{content.get('processor', '?')}, {threads} thread{'s' * (threads != 1)}")


def _pace(per_second: float) -> str:
    return f"{per_second:.2g}" if per_second < 10 else f"{per_second:.0f}"


def _millions(count: int) -> str:
    return f"{count / 1e6:.3g} million" if count >= 1e6 else f"{count:,}".replace(",", " ")


def _common(texts: list[str]) -> str:
    return ", ".join(dict.fromkeys(texts))


def _range(values: list[int]) -> str:
    if not values:
        return "–"
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}–{high}"
