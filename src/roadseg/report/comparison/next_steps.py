"""What to try next: advice that follows from what was measured, each with its figure and the command that does it.

The advice is about the arm with the highest mIoU, the one to go on with. The first rule that applies comes first: a
network that still learns makes all other figures preliminary, and more test images tell little about a bad network.
"""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from roadseg.config.overrides import overridden
from roadseg.config.recipes import fine_tuned, names, recipe
from roadseg.config.registry import NETWORKS
from roadseg.config.settings import Config
from roadseg.report.comparison.anatomy import Anatomy, oracle_iou
from roadseg.report.comparison.arms import Comparison, ScoredArm
from roadseg.report.comparison.contrasts import Contrast
from roadseg.report.comparison.provenance import best_epoch, flags
from roadseg.report.comparison.verdicts import ranked
from roadseg.report.comparison.words import count, signed
from roadseg.system.progress import percent

MOST = 3
"""More advice than that is none."""
LAST = 5
"""The last fifth of the epochs, and the fifth before it, say whether the scores still rise."""
RISING = 0.005
"""mIoU that the one fifth has to be above the other: half a point; less is noise."""
NOT_FOUND = 0.01
"""A class with a lower IoU is as good as not found."""
GAP = 0.1
"""A training mIoU that is so far above that of the validation images comes from images learned by heart."""
FOLDS = 5
SEEDS = 3
TRUNK = ("trunk_lr", "frozen_blocks")
"""How a recipe trains a trunk with first weights; a run without them stores what it did instead."""
PLANNED = {"seed", "data.split.folds", "data.split.fold", "data.split.share_seed"}
"""Settings that a study gives its runs itself."""
OFF = {"scale": (1.0, 1.0), "jitter": 0.0, "flip": 0.0}
"""The transforms where they do nothing."""


class NextStep(NamedTuple):
    """What to do, the measured figure that it rests on, and the command."""

    advice: str
    reason: str
    command: str


def next_steps(
    main: Comparison, against_first: Sequence[Contrast], anatomies: Sequence[Anatomy], with_curve: Sequence[str]
) -> list[NextStep]:
    """At most `MOST`, the most important first; none where nothing was measured that asks for one.

    None either for an arm whose recipe is not known any more: no command could train it.

    `anatomies` are the arms' in their order, or none; `with_curve` names the arms that have a learning curve.
    """
    best = ranked(main)[0]
    if best.arm.runs[0].settings.recipe not in names():
        return []
    own = next((anatomy for anatomy in anatomies if anatomy.arm is best), None)
    found = [
        _train_longer(main, best),
        _find_classes(main, best),
        _bridge_gap(main, best, best.name in with_curve),
        _refine_stride(main, own, anatomies) if own else None,
        _measure_more(main, against_first),
    ]
    return [step for step in found if step][:MOST]


def _train_longer(main: Comparison, best: ScoredArm) -> NextStep | None:
    histories = [run.history for run in best.arm.runs]
    epochs = min(map(len, histories))
    last = -(-epochs // LAST)
    if epochs < 2 * last:
        return None
    scores = np.array([[entry["val"]["mean_iou"] or 0.0 for entry in history[:epochs]] for history in histories])
    rise = float(scores[:, -last:].mean() - scores[:, -2 * last : -last].mean())
    late = [best_epoch(history) for history in histories if best_epoch(history) > len(history) - last]
    if rise < RISING or 2 * len(late) < len(histories):
        return None
    settings = best.arm.runs[0].settings
    return NextStep(
        f"Train {best.name} longer",
        f"its mIoU on the validation images still rose by {signed(rise)} points over the last "
        f"{'epoch' if last == 1 else f'{last} epochs'} of {settings.train.epochs}, and the best epoch is one of the "
        f"last in {len(late)} of {count(len(histories), 'run')}",
        _study(main, [best], {"train.epochs": 2 * settings.train.epochs}, "longer"),
    )


def _find_classes(main: Comparison, best: ScoredArm) -> NextStep | None:
    missed = [
        index
        for index in np.argsort(-main.shares, kind="stable")
        if main.shares[index] > 0 and (best.per_class[index].mean or 0.0) < NOT_FOUND
    ]
    remedy = _remedy(main, best.arm.runs[0].settings)
    if not missed or remedy is None:
        return None
    advice, changes, output = remedy
    shown = ", ".join(main.space.names[index] for index in missed[:6]) + (", ..." if len(missed) > 6 else "")
    whole = percent(float(main.shares[missed].sum()))
    return NextStep(
        advice,
        f"{best.name} does not find {len(missed)} of {int((main.shares > 0).sum())} classes that are in the labels "
        f"(IoU below {100 * NOT_FOUND:g} %): {shown}; they are {whole} % of the pixels",
        _study(main, [best], changes, output),
    )


def _remedy(main: Comparison, settings: Config) -> tuple[str, dict[str, Any], str] | None:
    """What may find more classes and was not done yet: the advice, its settings, and a name for the study."""
    model, size = settings.model, settings.transforms.crop or settings.transforms.resize
    if model.weights is None and model.from_run is None and model.width == 1 and not model.batch_norm:
        trunk = {f"optimizer.{key}": getattr(recipe(settings.recipe).optimizer, key) for key in TRUNK}
        return "Start from ImageNet weights", {"model.weights": "imagenet", **trunk}, "pretrained"
    if settings.train.class_weights == "none":
        return "Give rare classes more weight in the loss", {"train.class_weights": "log"}, "class-weights"
    if model.width < 1:
        return "Use a wider network", {"model.width": min(2 * model.width, 1.0)}, "wider"
    pixels = int(main.arms[0].seeds[0].confusions.sum((1, 2)).max())
    if size is None or 2 * size[0] * size[1] > pixels:
        return None
    key = "crop" if settings.transforms.crop else "resize"
    larger = tuple(-(-3 * side // 64) * 32 for side in size)  # half as much again, in steps of 32
    shown = f"{size[0]}x{size[1]} is less than half of an image"
    return f"Show the network more at once: {key} {shown}", {f"transforms.{key}": larger}, f"larger-{key}"


def _bridge_gap(main: Comparison, best: ScoredArm, with_curve: bool) -> NextStep | None:
    entries = [each for run in best.arm.runs for each in run.history if each["epoch"] == best_epoch(run.history)]
    train, val = (float(np.mean([entry[part]["mean_iou"] or 0.0 for entry in entries])) for part in ("train", "val"))
    if train - val < GAP:
        return None
    settings = best.arm.runs[0].settings
    now, usual = settings.transforms, fine_tuned(settings.data.name, settings.model.name).transforms
    unused = {f"transforms.{key}": getattr(usual, key) for key, off in OFF.items() if getattr(now, key) == off}
    gap = f"at its best epoch {best.name} has a mIoU of {percent(train)} % on the training images and of "
    gap += f"{percent(val)} % on the validation images: it learns its images by heart"
    if unused:
        return NextStep("Use more augmentation", gap, _study(main, [best], unused, "augmented"))
    if with_curve:
        return None  # what more images bring is measured
    command = _study(main, [best], {}, "more-labels", ("--vary", "data.split.share", "0.25", "0.5", "1"))
    return NextStep("Measure whether more labelled images would help", gap, command)


def _refine_stride(main: Comparison, own: Anatomy, anatomies: Sequence[Anatomy]) -> NextStep | None:
    settings, score = own.arm.arm.runs[0].settings, own.arm.score("mean_iou").mean
    network, limits = settings.model.name, oracle_iou(own)
    other = NETWORKS[network].finer
    limit, finest = limits.get(own.stride), limits.get(8)
    if other is None or limit is None or finest is None or score is None:
        return None
    finer = f"{settings.recipe.removesuffix(network)}{other}"
    if limit - score > 1 - limit or min(each.stride for each in anatomies) < own.stride or finer not in names():
        return None
    return NextStep(
        "Take a network with a finer stride",
        f"{own.arm.name} reaches a mIoU of {percent(score)} %; at its stride of {own.stride} about {percent(limit)} % "
        f"is possible, at stride 8 {percent(finest)} %",
        _study(main, [own.arm], {"model.name": other}, "finer-stride", instead=finer),
    )


def _measure_more(main: Comparison, against_first: Sequence[Contrast]) -> NextStep | None:
    unsure = [pair for pair in against_first if pair.verdict == "cannot tell"]
    arms = [arm for arm in main.arms if unsure and arm.name in (unsure[0].a, unsure[0].b)]
    arms = [arm for arm in arms if arm.arm.runs[0].settings.recipe in names()]
    alike = [flags(arm.arm.runs[0].settings, PLANNED) for arm in arms]
    if len({arm.arm.runs[0].settings.recipe for arm in arms}) < 2 or alike[0] != alike[1]:
        return None  # a study gives its recipes the same settings
    pair, (low, high) = unsure[0], unsure[0].interval
    told = f"{pair.a} and {pair.b} differ by {signed(abs(pair.miou))} points of mIoU (95 % interval {signed(low)} to "
    told += f"{signed(high)}) on {count(len(main.ids), 'image')} of {count(main.groups, 'drive')}"
    images = sum(map(len, main.first_run.splits.parts.values()))
    divisible = main.first_run.settings.data.split.scheme in ("auto", "grouped", "random")
    if not main.folds and divisible and main.groups > 1 and images > len(main.ids):
        folds = ("--folds", str(FOLDS))
        reason = f"{told}; folds score all {images} images"
        return NextStep("Score every image once, with folds", reason, _study(main, arms, {}, "folds", folds))
    if main.seeds < SEEDS:
        seeds = ("--seeds", *map(str, range(SEEDS)))
        reason = f"{told}, with {count(main.seeds, 'seed')}"
        return NextStep("Train with more seeds", reason, _study(main, arms, {}, "seeds", seeds))
    return None


def _study(
    main: Comparison,
    arms: Sequence[ScoredArm],
    changes: Mapping[str, Any],
    output: str,
    more: Sequence[str] = (),
    instead: str = "",
) -> str:
    """The study of the arms' recipes, or another one `instead`, with their settings, seeds and folds, and the changes.

    The flags `more` follow; a setting that they vary is not given beside that.
    """
    settings = overridden(arms[0].arm.runs[0].settings, dict(changes))
    recipes = [instead] if instead else [arm.arm.runs[0].settings.recipe for arm in arms]
    settings = settings.model_copy(update={"recipe": recipes[0]})
    data = ["--data.root", str(main.root or settings.data.root)]
    words = ["roadseg", "study", *recipes, *data, *flags(settings, {*PLANNED, *more})]
    seeds = sorted({run.settings.seed for arm in arms for run in arm.arm.runs})
    if seeds != [0] and "--seeds" not in more:
        words += ["--seeds", *map(str, seeds)]
    if main.folds:
        words += ["--folds", str(main.folds)]
    return shlex.join([*words, *more, "--output", output])
