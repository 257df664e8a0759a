"""What a report advises: only what was measured, with its figure, as a command that the command line takes."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roadseg.cli.flags import Parser, add_command
from roadseg.cli.study import STUDY, StudyWords
from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.config.settings import as_trained
from roadseg.data.splits import Splits, ids_sha256
from roadseg.labels import Label, LabelSpace
from roadseg.report.comparison.anatomy import Anatomy
from roadseg.report.comparison.arms import Comparison, ScoredArm, Seed
from roadseg.report.comparison.contrasts import Contrast
from roadseg.report.comparison.next_steps import NextStep, next_steps
from roadseg.runs.arms import Arm
from roadseg.runs.facts import RunFacts
from roadseg.runs.run_dir import Confusions
from roadseg.scoring.metrics import SCORES

CLASSES = ("road", "sky", "pole")
SPACE = LabelSpace(name="x", classes=tuple(Label(name=n, id=i, color=(i, 0, 0)) for i, n in enumerate(CLASSES)))
IDS = ("a", "b", "c", "d")
PARTS = {"train": ("t1", "t2", "t3"), "val": ("v1",), "test": IDS}
SPLITS = Splits(scheme="grouped", seed=0, **PARTS, sha256=ids_sha256(PARTS))
SETTLED = (0.3, 0.5, 0.59, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6)
"""mIoU by epoch of a network that has learned what it will."""


def right(share: float, found: Sequence[int] = (0, 1, 2), pixels: int = 10_000) -> np.ndarray:
    """Confusions (4, 3, 3): in each image as many pixels of each class, a share of those in `found` right."""
    rates = [share if index in found else 0.0 for index in range(3)]
    of_class = [[rate if row == column else (1 - rate) / 2 for column in range(3)] for row, rate in enumerate(rates)]
    return np.stack([(np.array(of_class) * pixels / 3).astype(np.int64)] * 4)


def make_arm(
    name: str,
    confusions: np.ndarray,
    val: Sequence[float] = SETTLED,
    train: float = 0.0,
    seeds: int = 1,
    **changes: Any,
) -> ScoredArm:
    """An arm of runs with these histories; the settings are those of the recipe `name` with changes."""
    wanted = {key.replace("__", "."): value for key, value in changes.items()}
    settings = as_trained(overridden(recipe(name), {"data.root": "streets", **wanted}))
    history = [
        {"epoch": n, "train": {"mean_iou": train or max(val) + 0.02}, "val": {"mean_iou": value}}
        for n, value in enumerate(val, 1)
    ]
    facts = [
        RunFacts(
            path=Path(name), split="test", settings=settings.model_copy(update={"seed": seed}), splits=SPLITS,
            space=SPACE, history=history, environment={}, report={},
            confusions=Confusions(list(IDS), confusions, list(IDS)),
            anatomy=None, confidence=None, confidence_of_val=None, temperature=None,
        )
        for seed in range(seeds)
    ]  # fmt: skip
    scored = tuple(Seed(seed, confusions, (run,) * len(IDS)) for seed, run in enumerate(facts))
    return ScoredArm(Arm(name, tuple(facts)), scored, np.full((len(SCORES) + 3, 2), np.nan))


def compared(*arms: ScoredArm) -> Comparison:
    return Comparison(
        title="x",
        split="test",
        arms=arms,
        ids=IDS,
        group_of=IDS,
        space=SPACE,
        contrasts=(),
        records=None,
        missing="gone",
    )


def advise(*arms: ScoredArm, **found: Any) -> list[NextStep]:
    given = {"against_first": [], "anatomies": [], "with_curve": []} | found
    steps = next_steps(compared(*arms), **given)
    for step in steps:
        check(step.command)
    return steps


def check(command: str) -> None:
    """The command line takes the command: its flags, recipes and settings exist and fit."""

    def plan(words: StudyWords) -> None:
        """Make the settings."""
        for name in words.recipes:
            overridden(recipe(name), words.given)

    program, *words = shlex.split(command)
    assert program == "roadseg"
    parser = Parser(prog="roadseg")
    add_command(parser.add_subparsers(parser_class=Parser).add_parser, replace(STUDY, act=plan), recipe("demo-fcn16s"))
    parsed = vars(parser.parse_args(words))
    parsed.pop("parser")
    assert parsed.pop("command").run(parsed) == 0


def cannot_tell(a: str, b: str) -> Contrast:
    scores = len(SCORES) + 3
    return Contrast(
        a=a, b=b, difference=np.full(scores, 0.02), intervals=np.tile([-0.01, 0.05], (scores, 1)), p=0.2, p_swap=0.2,
        p_t=0.2, p_of_class=np.full(3, np.nan), units_with_class=np.full(3, 4), units=4, exact=True, more=9,
        seeds=False,
    )  # fmt: skip


def anatomy(arm: ScoredArm, stride: int, limits: Sequence[float]) -> Anatomy:
    """`limits` are the shares of right pixels that strides 8, 16 and 32 allow."""
    counts = {
        "strides": np.full((4, 1), stride),
        "stride": np.stack([right(share) for share in limits], 1)[:, None],
    }
    return Anatomy(arm, counts)


GOOD = right(0.9)


def test_a_settled_network_that_finds_everything_gets_no_advice() -> None:
    assert advise(make_arm("camvid-fcn8s", GOOD)) == []


def test_scores_that_still_rise_ask_for_more_epochs() -> None:
    rising = tuple(0.05 * n for n in range(1, 11))
    (step,) = advise(make_arm("camvid-fcn8s", GOOD, rising))
    assert step.advice == "Train camvid-fcn8s longer"
    assert "still rose by 10.0 points over the last 2 epochs of 12" in step.reason
    assert "one of the last in 1 of 1 run" in step.reason
    assert step.command == "roadseg study camvid-fcn8s --data.root streets --train.epochs 24 --output longer"


@pytest.mark.parametrize("val", [(0.5,), (0.3, 0.4, 0.5, 0.5, 0.502), (0.1, 0.2, 0.9, 0.3, 0.4)])
def test_one_epoch_noise_and_an_early_best_one_do_not(val: tuple[float, ...]) -> None:
    assert advise(make_arm("camvid-fcn8s", GOOD, val)) == []


def test_classes_that_are_not_found_ask_for_pretrained_weights_first() -> None:
    (step,) = advise(make_arm("camvid-fcn8s", right(0.9, (0,)), train__class_weights="none"))
    assert step.advice == "Start from ImageNet weights"
    assert "does not find 2 of 3 classes" in step.reason
    assert "sky, pole; they are 66.7 % of the pixels" in step.reason
    assert "--model.weights imagenet" in step.command
    assert "trunk_lr" not in step.command, "the recipe's own rate for a pretrained trunk"


def test_then_for_weights_of_the_classes_and_then_for_a_larger_crop() -> None:
    missing, fitted = right(0.9, (0,), 360 * 480), {"model__weights": "imagenet"}
    (step,) = advise(make_arm("camvid-fcn8s", missing, **fitted, train__class_weights="none"))
    assert step.advice == "Give rare classes more weight in the loss"
    assert "--train.class_weights none" not in step.command, "log is what the recipe has"
    (step,) = advise(make_arm("camvid-fcn8s", missing, **fitted, transforms__crop=(160, 224)))
    assert step.advice == "Show the network more at once: crop 160x224 is less than half of an image"
    assert "--transforms.crop 256 352" in step.command
    assert advise(make_arm("camvid-fcn8s", missing, **fitted, transforms__crop=(320, 480))) == []


def test_a_narrow_network_is_told_to_be_wider_since_no_published_weights_fit() -> None:
    (step,) = advise(make_arm("demo-fcn8s", right(0.9, (0,))))
    assert step.advice == "Use a wider network"
    assert "--model.width 0.5" in step.command


def test_images_learned_by_heart_ask_for_augmentation_and_then_for_a_learning_curve() -> None:
    (step,) = advise(make_arm("camvid-fcn8s", GOOD, train=0.95, transforms__jitter=0.0))
    assert step.advice == "Use more augmentation"
    assert "95.0 % on the training images and of 60.0 % on the validation images" in step.reason
    assert step.command == "roadseg study camvid-fcn8s --data.root streets --output augmented", "jitter as the recipe's"
    (step,) = advise(make_arm("kitti-assignment-fcn32s", GOOD, train=0.95, model__weights="imagenet"))
    assert "--transforms.scale 0.7 1.6 --transforms.flip 0.5 --transforms.jitter 0.2" in step.command
    arm = make_arm("camvid-fcn8s", GOOD, train=0.95)
    (step,) = advise(arm)
    assert step.command.endswith("--vary data.split.share 0.25 0.5 1 --output more-labels")
    assert advise(arm, with_curve=["camvid-fcn8s"]) == [], "what more images bring is measured already"


def test_a_stride_that_limits_asks_for_a_finer_one() -> None:
    arm = make_arm("kitti-fcn32s", right(0.7))
    (step,) = advise(arm, anatomies=[anatomy(arm, 32, (0.95, 0.85, 0.75))])
    assert step.reason == (
        "kitti-fcn32s reaches a mIoU of 53.8 %; at its stride of 32 about 60.0 % is possible, at stride 8 90.5 %"
    )
    assert step.command == "roadseg study kitti-fcn8s --data.root streets --output finer-stride"


def test_a_stride_that_does_not_limit_or_was_refined_already_does_not() -> None:
    poor, good = make_arm("kitti-fcn32s", right(0.5)), make_arm("kitti-fcn32s", right(0.7))
    assert advise(poor, anatomies=[anatomy(poor, 32, (0.99, 0.97, 0.95))]) == [], "far below what the stride allows"
    finer = make_arm("kitti-fcn8s", right(0.6))
    both = [anatomy(arm, stride, (0.95, 0.85, 0.75)) for arm, stride in ((good, 32), (finer, 8))]
    assert advise(good, finer, anatomies=both) == []
    assert advise(replace(finer), anatomies=[anatomy(finer, 8, (0.62, 0.61, 0.6))]) == [], "none is finer"


def test_a_difference_that_cannot_be_told_asks_for_folds_and_then_for_seeds() -> None:
    pair = [cannot_tell("camvid-fcn8s", "camvid-fcn16s")]
    arms = [make_arm(name, right(share)) for name, share in (("camvid-fcn8s", 0.9), ("camvid-fcn16s", 0.88))]
    (step,) = advise(*arms, against_first=pair)
    assert step.reason == (
        "camvid-fcn8s and camvid-fcn16s differ by 2.0 points of mIoU (95 % interval \N{MINUS SIGN}1.0 to 5.0) on "
        "4 images of 4 drives; folds score all 8 images"
    )
    assert step.command == "roadseg study camvid-fcn8s camvid-fcn16s --data.root streets --folds 5 --output folds"
    stored = [make_arm(name, GOOD, data__split__scheme="official") for name in ("camvid-fcn8s", "camvid-fcn16s")]
    (step,) = advise(*stored, against_first=pair)
    assert step.command.endswith("--seeds 0 1 2 --output seeds")
    many = [make_arm(arm.name, GOOD, seeds=3, data__split__scheme="official") for arm in stored]
    assert advise(*many, against_first=pair) == []


def test_arms_that_one_study_cannot_train_alike_get_no_command() -> None:
    arms = [make_arm("camvid-fcn8s", GOOD), make_arm("camvid-fcn16s", GOOD, train__epochs=3)]
    assert advise(*arms, against_first=[cannot_tell("camvid-fcn8s", "camvid-fcn16s")]) == []


def test_three_at_most_the_most_important_first() -> None:
    val = tuple(0.02 * n for n in range(1, 11))
    arm = make_arm("kitti-fcn32s", right(0.7, (0,)), val, train=0.9, seeds=2)
    steps = advise(arm, anatomies=[anatomy(arm, 32, (0.9, 0.5, 0.3))])
    assert [step.command.split()[-1] for step in steps] == ["longer", "pretrained", "more-labels"]
    assert all("--seeds 0 1" in step.command for step in steps), "as many as before"


def test_advice_is_about_the_best_arm() -> None:
    rising = tuple(0.05 * n for n in range(1, 11))
    assert advise(make_arm("camvid-fcn8s", GOOD), make_arm("camvid-fcn16s", right(0.5), rising)) == []


def test_a_setting_that_is_varied_is_not_given_too() -> None:
    (step,) = advise(make_arm("camvid-fcn8s", GOOD, train=0.95, data__split__share=0.5))
    assert step.command.count("data.split.share") == 1


def test_a_recipe_that_is_not_known_any_more_gets_no_command() -> None:
    arm = make_arm("camvid-fcn8s", right(0.9, (0,)), train=0.95)
    run = arm.arm.runs[0]
    gone = replace(run, settings=run.settings.model_copy(update={"recipe": "camvid-gone"}))
    unknown = replace(arm, arm=Arm("gone", (gone,)))
    assert advise(unknown) == []
    worse = make_arm("camvid-fcn16s", right(0.5))
    pair = [cannot_tell("camvid-fcn16s", "gone")]
    assert advise(make_arm("camvid-fcn8s", GOOD), worse, replace(unknown, seeds=worse.seeds), against_first=pair) == []
