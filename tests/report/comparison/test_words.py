"""What is said about the figures, and what is not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from roadseg.report.comparison import words
from roadseg.report.comparison.arms import Comparison, Study
from roadseg.report.comparison.caveats import caveats
from roadseg.report.comparison.findings import Findings
from roadseg.report.comparison.gather import gather
from roadseg.runs.arms import Arm, read_arm
from roadseg.runs.run_dir import RunDir

pytestmark = pytest.mark.slow

MakeRun = Callable[..., RunDir]
MakeDrives = Callable[[int, int], Path]
MakeArm = Callable[..., Arm]


def said(comparison: Comparison) -> list[str]:
    return [verdict.text for verdict in Findings(Study(comparison)).verdicts]


@pytest.fixture
def two_arms(make_run: MakeRun) -> Comparison:
    """The second has the higher scores."""
    low, high = make_run("low", wrong=0.6), make_run("high", wrong=0.1)
    return gather("x", [read_arm("low", (low,), "val"), read_arm("high", (high,), "val")])


def test_two_drives_cannot_tell_whatever_the_difference(two_arms: Comparison) -> None:
    (sentence,) = said(two_arms)
    assert sentence.startswith("No significant difference between high and low on this data: they differ by ")
    assert "paired over 4 images in 2 drives, p = 0.50" in sentence
    assert sentence.endswith(
        "with 2 drives no difference could be told, however large; at least 4 more drives would be needed."
    )
    assert "beats" not in sentence


def test_a_difference_in_every_drive_is_told_with_its_classes(made_arm: MakeArm) -> None:
    drives = [f"drive {number}" for number in range(8)]
    comparison = gather("x", [made_arm("low", drives, 0.5), made_arm("high", drives, 0.1)], resamples=500)
    (sentence,) = said(comparison)
    assert sentence.startswith("high beats low by ")
    assert "paired over 8 images" in sentence
    assert ". Significant gain for: " in sentence
    (contrast,) = comparison.contrasts
    assert (contrast.a, contrast.b, contrast.verdict) == ("low", "high", "worse")
    assert contrast.turned().verdict == "better"
    assert contrast.turned().interval == (-contrast.interval[1], -contrast.interval[0])


def test_few_long_drives_are_cut_and_stand_for_themselves(made_arm: MakeArm) -> None:
    drives = ["first"] * 15 + ["second"] * 15
    comparison = gather("x", [made_arm("low", drives, 0.5), made_arm("high", drives, 0.1)], resamples=500)
    (sentence,) = said(comparison)
    assert "paired over 30 images in 6 stretches of 2 drives, p = 0.031 by swaps and < 0.001 by t)" in sentence
    assert "; that holds for these 2 drives alone." in sentence
    warned = " ".join(caveats(comparison))
    assert "All images are of 2 drives or sequences, too few to stand for others. 6 stretches" in warned
    assert "about more of the same" in warned
    assert "500 times (seed 0) as many stretches of consecutive images" in dict(words.method(comparison))["Intervals"]


def test_equal_arms_are_not_told_apart(made_arm: MakeArm) -> None:
    drives = [f"drive {number}" for number in range(8)]
    sentences = said(gather("x", [made_arm(name, drives, 0.3) for name in "abc"], resamples=500))
    assert len(sentences) == 2
    assert all(sentence.startswith("No significant difference between a and ") for sentence in sentences)


def test_the_reader_is_warned_of_what_the_figures_rest_on(two_arms: Comparison, make_run: MakeRun) -> None:
    warned = " ".join(caveats(two_arms))
    assert "only 2 drives or sequences: intervals are wide, and no test can tell arms apart" in warned
    assert "one seed" in warned
    assert "chosen by the score on these very images" in warned
    assert "divided one by one" not in warned
    one_by_one = make_run("r", **{"data.split.scheme": "random"})
    assert "divided one by one" in " ".join(caveats(gather("x", [read_arm("r", (one_by_one,), "val")])))


@pytest.mark.parametrize(("split", "warned"), [("train", True), ("all", True), ("val", False)])
def test_scores_of_training_images_are_said_to_be_so(make_run: MakeRun, split: str, warned: bool) -> None:
    run = make_run("a")
    source = run.evaluation
    for path in list(source.glob("val.*")):
        (source / path.name.replace("val", split)).write_bytes(path.read_bytes())
    warned_of = " ".join(caveats(gather("x", [read_arm("a", (run,), split)])))
    assert ("were trained on" in warned_of) == warned


def test_the_largest_shares_of_wrong_pixels_are_told() -> None:
    confusion = np.array([[900_000, 100_000, 0, 0], [0, 500, 500, 0], [20_000, 0, 80_000, 0], [0, 0, 0, 0]])
    found = words.top_mistakes(confusion, ["road", "pole", "car", "bus"])
    told = [(mistake.truth, mistake.prediction, mistake.share) for mistake in found]
    assert told == [
        ("pole", "car", 0.5), ("car", "road", 0.2), ("road", "pole", 0.1),
    ]  # fmt: skip
    confusion[1] = [0, 100, 100, 0]
    assert [mistake.truth for mistake in words.top_mistakes(confusion, ["road", "pole", "car", "bus"])] == [
        "car", "road",
    ]  # fmt: skip


def test_the_facts_name_data_and_division(two_arms: Comparison) -> None:
    facts = words.facts(two_arms)
    assert facts[:4] == ["2 configurations (arms)", "1 seed each", "4 images of the val split", "2 drives or sequences"]
    assert f"grouped division {two_arms.first_run.splits.sha256[:8]}" in facts
    assert any(fact.startswith("19 classes, ") for fact in facts)


def test_scores_at_the_networks_input_are_said_to_be_so(make_run: MakeRun) -> None:
    shrunk = make_run("s", **{"transforms.resize": [32, 64], "transforms.score_at": "input", "transforms.crop": None})
    comparison = gather("x", [read_arm("s", (shrunk,), "val")])
    assert words.scored_size(comparison) == "64x32 pixels, to which the labels were brought"


def test_a_drive_on_both_sides_is_told(make_run: MakeRun, shared_camvid: Path) -> None:
    run = make_run("camvid", **{"data.name": "camvid", "data.root": str(shared_camvid)})
    comparison = gather("x", [read_arm("camvid", (run,), "val")])
    (told,) = (text for text in caveats(comparison) if "training images are from" in text)
    assert told.startswith("204 of the 367 training images are from the drive that is scored here (0016E5)")


def test_images_without_drives_are_not_called_drives(make_run: MakeRun, make_drives: MakeDrives) -> None:
    data = {"data.root": str(make_drives(12, 1))}
    comparison = gather("x", [read_arm("a", (make_run("a", **data),), "val")])
    assert "no drives known" in words.facts(comparison)
    assert any(text.startswith("No drives or sequences are known") for text in caveats(comparison))
    assert "trained on with its neighbours" not in dict(words.method(comparison))["Division"]


def test_a_difference_that_is_rounded_to_nothing_has_no_sign() -> None:
    assert [words.signed(value) for value in (-0.0001, 0.0, -0.012, np.nan)] == ["0.0", "0.0", "\N{MINUS SIGN}1.2", "–"]
