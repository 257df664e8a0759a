"""What is said about the figures, and what is not."""

from collections.abc import Callable

import numpy as np
import pytest

from roadseg.report import words
from roadseg.report.gather import Arm, Comparison, gather
from roadseg.runs import RunDir

MakeRun = Callable[..., RunDir]


@pytest.fixture
def two_arms(make_run: MakeRun) -> Comparison:
    """The second has the higher scores."""
    low, high = make_run("low", wrong=0.6), make_run("high", wrong=0.1)
    return gather("x", [Arm("low", (low,)), Arm("high", (high,))], "val")


def test_the_highest_is_named_and_nothing_is_called_better(two_arms: Comparison) -> None:
    sentence = words.verdict(two_arms)
    assert sentence.startswith("high has the highest mIoU, ")
    assert "4 images of the val split; low follows with " in sentence
    everything = " ".join([sentence, *words.caveats(two_arms)])
    assert "Highest does not mean better" in everything
    assert "beats" not in everything


def test_equal_scores_have_no_winner(make_run: MakeRun) -> None:
    runs = [make_run(name) for name in "abc"]
    sentence = words.verdict(gather("x", [Arm(run.path.name, (run,)) for run in runs], "val"))
    assert sentence.startswith("a, b and c have the same mIoU, ")


def test_the_reader_is_warned_of_what_the_figures_rest_on(two_arms: Comparison, make_run: MakeRun) -> None:
    warned = " ".join(words.caveats(two_arms))
    assert "only 2 drives or sequences and are too narrow" in warned
    assert "one seed" in warned
    assert "chosen by the score on these very images" in warned
    assert "divided one by one" not in warned
    one_by_one = make_run("r", **{"data.split.scheme": "random"})
    assert "divided one by one" in " ".join(words.caveats(gather("x", [Arm("r", (one_by_one,))], "val")))


@pytest.mark.parametrize(("split", "warned"), [("train", True), ("all", True), ("val", False)])
def test_scores_of_training_images_are_said_to_be_so(make_run: MakeRun, split: str, warned: bool) -> None:
    run = make_run("a")
    source = run.evaluation
    for path in list(source.glob("val.*")):
        (source / path.name.replace("val", split)).write_bytes(path.read_bytes())
    said = " ".join(words.caveats(gather("x", [Arm("a", (run,))], split)))
    assert ("were trained on" in said) == warned


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
    run = two_arms.arms[0].arm.runs[0]
    assert facts[:4] == ["2 configurations (arms)", "1 seed each", "4 images of the val split", "2 drives or sequences"]
    assert f"grouped division {run.splits().sha256[:8]}" in facts
    assert any(fact.startswith("19 classes, ") for fact in facts)


def test_scores_at_the_networks_input_are_said_to_be_so(make_run: MakeRun) -> None:
    shrunk = make_run("s", **{"transforms.resize": [32, 64], "transforms.score_at": "input", "transforms.crop": None})
    comparison = gather("x", [Arm("s", (shrunk,))], "val")
    assert words.scored_size(comparison) == "64x32 pixels, to which the labels were brought"
