"""The section on confidence: right numbers, promises judged by what came true, and what adds missing counts."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from roadseg.report.comparison.arms import Comparison
from roadseg.report.comparison.confidence import gathered, notes, of_arm, words
from roadseg.report.comparison.gather import gather
from roadseg.runs.arms import read_arm
from roadseg.runs.run_dir import RunDir
from roadseg.scoring import confidence
from roadseg.scoring.confidence import BINS, LOWEST, RIGHT, UNIT, WRONG
from roadseg.system.progress import percent

MakeRun = Callable[..., RunDir]
PageOf = Callable[..., str]


def drawn(images: int, seed: int, honest: bool) -> np.ndarray:
    """Counts (N, 2, 2, 3, BINS): right as often as is claimed, or a tenth of the pixels less often."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(1, 200, (images, 2, 2, BINS))
    rate = np.clip(LOWEST - (0 if honest else 0.1), 0, 1)
    right = rng.binomial(pixels, rate)
    claimed = pixels * (UNIT * LOWEST).astype(np.int64)
    return np.stack([pixels - right, right, claimed], axis=3)


@pytest.fixture
def counted(make_run: MakeRun) -> Callable[..., RunDir]:
    def make(name: str, honest: bool = True, here_honest: bool | None = None, **changes: object) -> RunDir:
        """A run with made-up counts of val and, on the split that is scored, those of a network more or less honest."""
        run = make_run(name, **changes)
        split = str(changes.get("split", "val"))
        ids = [str(image) for image in np.load(run.evaluation / f"{split}.confusion.npz")["ids"]]
        run.save_counts("val", "confidence", [f"v{n}" for n in range(40)], {"counts": drawn(40, 1, honest)})
        here = drawn(len(ids), 2, honest if here_honest is None else here_honest)
        run.save_counts(split, "confidence", ids, {"counts": here})
        return run

    return make


def compared(runs: dict[str, list[RunDir]], split: str = "val") -> Comparison:
    return gather("x", [read_arm(name, members, split) for name, members in runs.items()], resamples=200)


def test_errors_are_those_of_the_counts(counted: Callable[..., RunDir]) -> None:
    run = counted("a", honest=False)
    (sure,) = gathered(compared({"a": [run]}))
    assert sure is not None
    total = run.confidence("val")[1].sum(0)  # type: ignore[index]
    for place, counts in confidence.regions(total[1]).items():
        assert sure.error(place, 1) == confidence.calibration_error(confidence.merged(counts))
        low, high = sure.intervals[place]  # type: ignore[misc]
        assert low <= sure.error(place, 1) <= high
    assert "overconfident" in words(sure)
    said = total[0].sum(0)
    assert f"and right at {percent(float(said[RIGHT].sum() / said[[WRONG, RIGHT]].sum()))} %" in words(sure)


def test_the_mean_over_seeds(counted: Callable[..., RunDir]) -> None:
    runs = [counted(f"s{seed}", honest=seed == 0, seed=seed) for seed in (0, 1)]
    (sure,) = gathered(compared({"a": runs}))
    alone = [gathered(compared({"a": [run]}))[0] for run in runs]
    assert sure is not None
    errors = [each.error("all", 1) for each in alone if each]
    assert sure.error("all", 1) == pytest.approx(np.mean(errors))
    content = of_arm(sure)
    assert content is not None
    assert content["ece"] == pytest.approx(np.mean(errors))
    assert set(content["at_least"]) == {"0.9", "0.95", "0.99"}


@pytest.mark.parametrize("honest_here", [True, False])
def test_promises_are_judged_on_other_images(counted: Callable[..., RunDir], honest_here: bool) -> None:
    test = {"data.split.fractions": [0.5, 0.25, 0.25]}
    run = counted("a", here_honest=honest_here, split="test", **test)
    comparison = compared({"a": [run]}, "test")
    (sure,) = gathered(comparison)
    assert sure is not None
    promise = sure.promises[0]
    assert promise is not None
    assert (promise.right >= 0.9 - 0.02) == honest_here
    said = " ".join(notes(comparison, [sure]))
    assert "not from those that are scored here" in said
    assert honest_here or "promises were not kept" in said


@pytest.mark.slow
def test_the_section(counted: Callable[..., RunDir], page_of: PageOf, tmp_path: Path) -> None:
    runs = {name: [counted(name)] for name in ("a", "b")}
    text = page_of(runs)
    assert "At least" in text
    assert "fitted to these very images" in text
    folder = tmp_path / "report"
    assert "<svg" in (folder / "figures/confidence.svg").read_text()
    assert "figures/confidence.svg" in (folder / "report.md").read_text()
    arms = json.loads((folder / "scores.json").read_text())["arms"]
    assert all(0 <= arm["confidence"]["ece"] < 0.1 for arm in arms)


@pytest.mark.slow
def test_runs_without_counts_are_told_how_to_get_them(
    make_run: MakeRun, counted: Callable[..., RunDir], page_of: PageOf, tmp_path: Path
) -> None:
    old = make_run("old")
    text = page_of({"old": [old], "new": [counted("new")]})
    assert f"roadseg evaluate {old.path} --data.root DIR --split val" in text
    arms = json.loads((tmp_path / "report/scores.json").read_text())["arms"]
    assert arms[0]["confidence"] is None
    shutil.rmtree(tmp_path / "report/figures")
    text = page_of({"old": [old]})
    assert "No arm was scored with its confidence counted" in text
    assert not (tmp_path / "report/figures/confidence.svg").exists()
