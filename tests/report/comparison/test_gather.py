"""What is read from runs: single ones, seeds, folds; and what is refused."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from roadseg.config.settings import to_json
from roadseg.data import load_records
from roadseg.errors import RunError
from roadseg.report.comparison import words
from roadseg.report.comparison.arms import Spread
from roadseg.report.comparison.gather import gather
from roadseg.runs.arms import read_arm
from roadseg.runs.run_dir import RunDir
from roadseg.scoring import metrics, stats
from roadseg.system.files import write_text

pytestmark = pytest.mark.slow

MakeRun = Callable[..., RunDir]

FOLDS = {"data.split.scheme": "grouped", "data.split.folds": 2, "data.split.fractions": [0.5, 0.5, 0.0]}


def stated(run: RunDir) -> dict[str, object]:
    content: dict[str, object] = json.loads((run.evaluation / "val.json").read_text())
    return content


def test_a_single_run_has_the_numbers_of_its_evaluation(make_run: MakeRun) -> None:
    run = make_run()
    comparison = gather("x", [read_arm("a", (run,), "val")])
    (arm,), report = comparison.arms, stated(run)
    for name in ("mean_iou", "micro_iou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou"):
        assert arm.score(name) == Spread(report[name], report[name], report[name])
    per_class = dict(zip(comparison.space.names, (spread.mean for spread in arm.per_class), strict=True))
    assert per_class == report["per_class"]
    assert None in per_class.values()
    assert arm.interval is not None
    assert [arm.interval.low, arm.interval.high] == report["ci95"]["mean_iou"]  # type: ignore[index]
    assert (comparison.groups, len(comparison.ids)) == (report["groups"], report["images"])


def test_a_trained_run_can_be_read(trained: RunDir) -> None:
    comparison = gather("x", [read_arm("a", (trained,), "val")])
    assert comparison.arms[0].score("mean_iou").mean == stated(trained)["mean_iou"]


def test_seeds_are_scored_one_by_one(make_run: MakeRun) -> None:
    runs = [make_run(f"s{seed}", wrong=0.2 * (1 + seed), seed=seed) for seed in (0, 1, 2)]
    comparison = gather("x", [read_arm("a", tuple(reversed(runs)), "val")])
    (arm,) = comparison.arms
    scores = [stated(run)["mean_iou"] for run in runs]
    assert [seed.scores["mean_iou"] for seed in arm.seeds] == scores
    assert arm.score("mean_iou").mean == pytest.approx(np.mean(np.array(scores, float)))
    assert (arm.score("mean_iou").low, arm.score("mean_iou").high) == (min(scores), max(scores))
    assert arm.interval is not None
    assert arm.interval.low <= np.mean(np.array(scores, float)) <= arm.interval.high


def test_the_interval_of_equal_seeds_is_that_of_one(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("s0", seed=0)
    shutil.copytree(run.path, tmp_path / "s1")
    twin = RunDir(tmp_path / "s1")
    write_text(twin.path / "config.json", to_json(run.config().model_copy(update={"seed": 1})))
    (arm,) = gather("x", [read_arm("a", (run, twin), "val")]).arms
    assert len(arm.seeds) == 2
    assert arm.interval is not None
    assert [arm.interval.low, arm.interval.high] == pytest.approx(stated(run)["ci95"]["mean_iou"])


def test_folds_are_pooled_before_they_are_scored(make_run: MakeRun) -> None:
    runs = [make_run(f"f{fold}", wrong=0.1 + 0.6 * fold, **FOLDS, **{"data.split.fold": fold}) for fold in (0, 1)]
    comparison = gather("x", [read_arm("a", runs, "val")])
    (arm,) = comparison.arms
    parts = [np.load(run.evaluation / "val.confusion.npz") for run in runs]
    ids = [name for part in parts for name in part["ids"]]
    pooled = np.concatenate([part["confusions"] for part in parts])
    records = {record.id: record for record in load_records(runs[0].config().data).records["val"]}
    records |= {record.id: record for record in load_records(runs[0].config().data).records["train"]}
    assert comparison.ids == tuple(sorted(records))
    assert arm.score("mean_iou").mean == pytest.approx(float(metrics.mean_iou(pooled.sum(0))))
    mean_of_folds = np.mean([float(str(stated(run)["mean_iou"])) for run in runs])
    assert arm.score("mean_iou").mean != pytest.approx(mean_of_folds, abs=1e-4)
    units = stats.resampling_units([records[name].group for name in ids])
    counts = units.sums(metrics.margins(pooled))
    expected = stats.estimate(counts, metrics.scores, metrics.units_of_scores(counts)).interval_of_shares()
    assert arm.interval is not None
    assert comparison.units is not None
    assert (comparison.units.kind, comparison.units.count) == ("group", 4)
    assert arm.interval.low == pytest.approx(expected[0, 0])
    assert [run.path.name for run in arm.seeds[0].run_of].count("f0") == len(parts[0]["ids"])


def test_a_single_fold_is_not_told_as_all_of_them(make_run: MakeRun) -> None:
    comparison = gather("x", [read_arm("a", (make_run(**FOLDS),), "val")])
    assert comparison.folds == 0
    assert "folds" not in " ".join([*words.facts(comparison), *dict(words.method(comparison)).values()])


def test_the_images_may_have_been_moved(make_run: MakeRun, streets: Path, tmp_path: Path) -> None:
    run = make_run(**{"data.root": str(shutil.copytree(streets, tmp_path / "before"))})
    shutil.move(tmp_path / "before", tmp_path / "after")
    assert gather("x", [read_arm("a", (run,), "val")]).records is None
    assert gather("x", [read_arm("a", (run,), "val")], tmp_path / "after").records is not None


def test_without_the_data_drives_and_intervals_are_known(make_run: MakeRun, streets: Path, tmp_path: Path) -> None:
    changes = {"data.root": str(shutil.copytree(streets, tmp_path / "moved")), **FOLDS}
    runs = [make_run(f"f{fold}", **changes, **{"data.split.fold": fold}) for fold in (0, 1)]
    there = gather("x", [read_arm("a", runs, "val")])
    shutil.rmtree(tmp_path / "moved")
    gone = gather("x", [read_arm("a", runs, "val")])
    assert (gone.groups, gone.arms[0].interval) == (there.groups, there.arms[0].interval)
    assert gone.arms[0].interval is not None
    assert str(tmp_path / "moved") in gone.missing


def test_what_cannot_be_compared_is_refused(make_run: MakeRun) -> None:
    run, twin = make_run("a"), make_run("b")
    with pytest.raises(RunError, match=r"scored by two runs of seed 0"):
        gather("x", [read_arm("a", (run, twin), "val")])
    with pytest.raises(RunError, match=r"no evaluation of 'test' \(has: val\); make it with roadseg evaluate"):
        gather("x", [read_arm("a", (run,), "test")])
    other = make_run("c", **{"data.classes": "all"})
    with pytest.raises(RunError, match=r"c and a score other classes"):
        gather("x", [read_arm("a", (run,), "val"), read_arm("c", (other,), "val")])
    elsewhere = make_run("d", **{"data.split.seed": 1})
    with pytest.raises(RunError, match=r"d and a were scored on other images"):
        gather("x", [read_arm("a", (run,), "val"), read_arm("d", (elsewhere,), "val")])


def test_a_spread_leaves_out_what_does_not_exist() -> None:
    assert Spread.of([0.25, None, 0.75]) == Spread(0.5, 0.25, 0.75, math.sqrt(0.125))
    assert Spread.of([0.25, None]) == Spread(0.25, 0.25, 0.25)
    assert Spread.of([None]) == Spread(None, None, None)
