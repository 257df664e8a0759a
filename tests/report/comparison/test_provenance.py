"""Settings that differ, cost, and commands that give the same settings again."""

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.config.settings import Config, Stretch
from roadseg.inference.predictor import load_model
from roadseg.report import write_report
from roadseg.report.comparison import provenance
from roadseg.report.comparison.arms import ScoredArm, Study
from roadseg.report.comparison.caveats import caveats
from roadseg.report.comparison.findings import Findings
from roadseg.report.comparison.gather import gather
from roadseg.runs.arms import Arm, read_arm
from roadseg.runs.facts import read_facts
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display

MakeRun = Callable[..., RunDir]


def scored(*arms: Arm) -> tuple[ScoredArm, ...]:
    return gather("x", arms, resamples=200).arms


def test_only_what_differs_between_arms_is_listed(make_run: MakeRun) -> None:
    arms = scored(
        read_arm("a", (make_run("a0"), make_run("a1", seed=1)), "val"),
        read_arm("b", (make_run("b0", **{"optimizer.lr": 0.01, "data.cache_gib": 1}),), "val"),
    )
    rows = [(row.name, row.values) for row in provenance.differing_settings(arms)]
    assert rows == [("seed", ("0, 1", "0")), ("optimizer.lr", ("0.002", "0.01"))]
    assert provenance.differing_settings(arms[:1]) == []


def test_cost_is_that_of_the_metrics(make_run: MakeRun) -> None:
    cost = {row.name: row.values[0] for row in provenance.costs(scored(read_arm("a", (make_run(),), "val")))}
    assert cost["training time of a run"] == "3 min"  # three epochs of 62 s
    assert cost["peak memory in training"] == "1.5 GiB"
    assert cost["images at a time in training"] == "2"
    assert cost["images per second, prediction"] == "4"
    assert (cost["epochs"], cost["best epoch"]) == ("3", "3")


def test_a_batch_that_was_divided_for_want_of_memory_is_told(make_run: MakeRun) -> None:
    run = make_run()
    run.write_metrics([entry | {"images_at_once": 4 if entry["epoch"] < 3 else 1} for entry in run.metrics()])
    cost = {row.name: row.values[0] for row in provenance.costs(scored(read_arm("a", (run,), "val")))}
    assert cost["images at a time in training"] == "1–4"


def test_the_best_epoch_is_the_first_with_the_highest_score() -> None:
    scores = [0.1, None, 0.3, 0.3, 0.2]
    assert provenance.best_epoch([{"epoch": n, "val": {"mean_iou": score}} for n, score in enumerate(scores, 1)]) == 3


def test_fast_networks_have_whole_images_per_second(make_run: MakeRun) -> None:
    run = make_run()
    path = run.evaluation / "val.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seconds_per_image": 0.004}))
    (arm,) = scored(read_arm("a", (run,), "val"))
    cost = {row.name: row.values[0] for row in provenance.costs([arm])}
    assert cost["images per second, prediction"] == "250"


def test_parameters_are_counted_without_weights(trained: RunDir) -> None:
    assert provenance.parameters(read_facts(trained, "val")) == sum(p.numel() for p in load_model(trained).parameters())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer.lr": 1 / 3, "train.clip": 1.0, "model.batch_norm": False, "seed": 7, "transforms.scale": [0.5, 2]},
    ],
)
def test_commands_give_the_same_settings(make_run: MakeRun, changes: dict[str, object]) -> None:
    run = make_run("with space", **changes)
    (arm,) = scored(read_arm("a", (run,), "val"))
    train, evaluate = (shlex.split(line) for line in provenance.commands(arm, "val"))
    assert train[:5] == ["roadseg", "train", "demo-fcn16s", "--run", "again/runs/with space"]
    assert evaluate[:3] == ["roadseg", "evaluate", "again/runs/with space"]
    flags: dict[str, list[str]] = {}
    for word in train[5:]:
        if word.startswith("--"):
            flags[word[2:]] = []
        else:
            flags[list(flags)[-1]].append(word)
    given = {key: values if len(values) > 1 else values[0] for key, values in flags.items()}
    again: Config = overridden(recipe("demo-fcn16s"), given)
    assert again == run.config()


def test_a_run_whose_length_was_changed_is_told_in_words_not_by_a_flag(made_arm: Callable[..., Arm]) -> None:
    arm, other = made_arm("a", ["d"] * 4, 0.2), made_arm("b", ["d"] * 4, 0.3)
    past = (Stretch(steps=8, epochs=1, patience=None),)
    run = replace(arm.runs[0], settings=arm.runs[0].settings.model_copy(update={"earlier": past}))
    comparison = gather("x", [replace(arm, runs=(run,)), other], resamples=200)
    assert provenance.differing_settings(comparison.arms) == []
    assert "--earlier" not in provenance.commands(comparison.arms[0], "val")[0]
    assert any(text.startswith("The length of a was changed while it was trained") for text in caveats(comparison))


@pytest.mark.slow
def test_commands_name_the_folder_that_the_data_is_in_now(make_run: MakeRun, streets: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(streets, tmp_path / "moved")
    comparison = gather(
        "x", [read_arm("a", (make_run("a"),), "val"), read_arm("b", (make_run("b", wrong=0.1),), "val")], moved
    )
    write_report(Findings(Study(comparison)), tmp_path / "report", Display())
    page, text = ((tmp_path / "report" / f"report.{kind}").read_text() for kind in ("html", "md"))
    compare = f"roadseg compare again/runs/a again/runs/b --split val --data.root {moved} --output again/report"
    for content in (page, text):
        assert compare in content
        repeated = content[content.index("Commands that repeat it") :]
        assert repeated.count(f"--data.root {moved}") == 5, "train, evaluate twice, compare once"
        assert f"--data.root {streets}" not in content
    write_report(Findings(Study(gather("x", [arm.arm for arm in comparison.arms]))), tmp_path / "report", Display())
    page = (tmp_path / "report" / "report.html").read_text()
    assert "roadseg compare again/runs/a again/runs/b --split val --output again/report" in page
    assert page.count(f"--data.root {streets}") == 4
