"""Runs side by side, and the tables that show them."""

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from roadseg.cli.main import main
from roadseg.cli.tables import score_table
from roadseg.config.settings import to_json
from roadseg.data.streets import synthesize
from roadseg.errors import ConfigError, RunError
from roadseg.runs.arms import Arm, by_seed, check_comparable, complete_runs, run_names
from roadseg.runs.facts import RunFacts, read_facts
from roadseg.runs.run_dir import RunDir
from roadseg.system.files import write_text


def changed(run: RunDir, place: Path, **values: object) -> RunDir:
    """A copy of a run whose validation report says something else."""
    shutil.copytree(run.path, place)
    path = place / "evaluation/val.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return RunDir(place)


def read(*runs: RunDir) -> list[RunFacts]:
    return [read_facts(run, "val") for run in runs]


def shown(*reports: dict[str, object]) -> str:
    text = io.StringIO()
    console = Console(file=text, width=120, force_terminal=True, color_system="standard")
    console.print(score_table([f"run {i}" for i, _ in enumerate(reports)], list(reports), "val"))
    return text.getvalue()


def test_what_cannot_be_compared_is_refused(trained: RunDir, tmp_path: Path) -> None:
    other_images = changed(trained, tmp_path / "a", targets_sha256="0")
    other_classes = changed(trained, tmp_path / "b", per_class={"cat": 1.0})
    check_comparable(read(trained, trained))
    with pytest.raises(RunError, match="other images"):
        check_comparable(read(trained, other_images))
    with pytest.raises(RunError, match="other classes"):
        check_comparable(read(trained, other_classes))
    with pytest.raises(RunError, match=r"no evaluation of 'test' \(has: val\)"):
        read_facts(trained, "test")
    with pytest.raises(RunError, match="no run in"):
        read_facts(RunDir(tmp_path), "val")


def test_no_score_is_bold_and_a_missing_class_has_a_dash(trained: RunDir, tmp_path: Path) -> None:
    per_class = dict.fromkeys(trained.labels().names, 0.25)
    better = changed(trained, tmp_path / "a", mean_iou=0.5, per_class={**per_class, "road": 0.75})
    worse = changed(trained, tmp_path / "b", mean_iou=0.4, per_class={**per_class, "car": None})
    text = shown(*(run.report for run in read(better, worse)))
    assert "50.0" in text
    assert "\x1b[1m50.0" not in text
    assert "\x1b[1m75.0" not in text
    assert "–" in text.split("│ car")[1].splitlines()[0]


@pytest.mark.slow
def test_a_folder_for_the_pictures_that_does_not_hold_them_is_refused(
    trained: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    synthesize(other, drives=4, frames=2, width=96, height=64, seed=1)
    few = tmp_path / "data"  # a word of the message too
    synthesize(few, drives=1, frames=2, width=96, height=64)
    for root, message in (
        (tmp_path / "none", "no folder"),
        (few, "is not in the data (4 of 4 are missing)"),
        (other, "4 of 4 images have other labels"),
    ):
        for more in ([], ["--output", str(tmp_path / "report")]):
            assert main(["compare", str(trained.path), "--data.root", str(root), *more]) == 2
            out, error = capsys.readouterr()
            assert out == ""
            assert message in error
            assert f" {root}" in error
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("name", ["splits.json", "labels.json", "metrics.jsonl", "evaluation/val.confusion.npz"])
def test_a_run_that_lacks_a_file_is_told_before_anything_else(
    trained: RunDir, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run, report = shutil.copytree(trained.path, tmp_path / "run"), tmp_path / "report"
    (run / name).unlink()
    assert main(["compare", str(trained.path), str(run), "--output", str(report)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert f"roadseg: {run / name} is missing" in error
    assert not report.exists()


@pytest.mark.slow
def test_a_report_takes_the_place_of_a_report_alone(
    trained: RunDir, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, report = shutil.copytree(trained.path, tmp_path / "run"), tmp_path / "report"
    before = sorted(run.rglob("*"))
    assert main(["compare", str(run), "--output", str(run)]) == 2
    assert f"{run} holds other files" in capsys.readouterr().err
    assert sorted(run.rglob("*")) == before
    (report / "figures").mkdir(parents=True)  # a report that was cut off
    assert main(["compare", str(run), "--output", str(report)]) == 0
    assert main(["compare", str(run), "--output", str(report)]) == 0
    (report / "study.json").write_text("{}")
    assert main(["compare", str(run), "--output", str(report)]) == 2
    assert "holds a study" in capsys.readouterr().err


def test_runs_that_differ_in_their_seed_alone_are_put_together(trained: RunDir, tmp_path: Path) -> None:
    def copy(name: str, **settings: object) -> RunDir:
        shutil.copytree(trained.path, tmp_path / name)
        write_text(tmp_path / name / "config.json", to_json(trained.config().model_copy(update=settings)))
        return RunDir(tmp_path / name)

    data, train = trained.config().data, trained.config().train
    elsewhere = {"data": data.model_copy(update={"workers": 1}), "train": train.model_copy(update={"recompute": True})}
    one, seed, twin = read(trained, copy("seed", seed=7, **elsewhere), copy("twin"))
    half = data.split.model_copy(update={"share": 0.5})
    few, other = read(
        copy("few", data=data.model_copy(update={"split": half})),
        copy("other", train=train.model_copy(update={"epochs": 9})),
    )
    assert by_seed([one, seed], ["a", "b"]) == [Arm("demo-fcn16s", (one, seed))]
    assert by_seed([one, other, seed], ["a", "b", "c"]) == [Arm("a", (one, seed)), Arm("b", (other,))]
    assert by_seed([one, twin], ["a", "b"]) == [Arm("a", (one,)), Arm("b", (twin,))]
    assert by_seed([few, one], ["a", "b"]) == [
        Arm("demo-fcn16s", (few,), share=0.5), Arm("demo-fcn16s", (one,), share=1.0),
    ]  # fmt: skip
    assert [arm.name for arm in by_seed([few, one, other], ["a", "b", "c"])] == ["a", "b", "c"]


def test_an_arm_is_named_by_its_fields() -> None:
    assert Arm("net").name == "net"
    assert Arm("net optimizer.lr=1e-3", share=0.25).name == "net optimizer.lr=1e-3 data.split.share=0.25"
    assert Arm("net", share=1.0, random=True).name == "net data.split.share=1"


def test_runs_are_named_as_shortly_as_they_differ(trained: RunDir, tmp_path: Path) -> None:
    one, twin = read(trained, RunDir(shutil.copytree(trained.path, tmp_path / "twin")))
    assert run_names([one]) == ["demo-fcn16s"]
    assert run_names([one, twin]) == [f"{run.path.parent.name}/{run.path.name}" for run in (one, twin)]
    with pytest.raises(ConfigError, match="stands twice; name each run once"):
        run_names([one, one])


def test_a_study_stands_for_its_runs(trained: RunDir, tmp_path: Path) -> None:
    shutil.copytree(trained.path, tmp_path / "runs" / "a")
    (tmp_path / "study.json").write_text(json.dumps({"runs": [{"run": "runs/a"}]}))
    assert [run.path for run in complete_runs([tmp_path])] == [tmp_path / "runs" / "a"]
    (tmp_path / "runs" / "a" / "COMPLETE").unlink()
    with pytest.raises(RunError, match="unfinished; run roadseg train demo-fcn16s --resume --run "):
        complete_runs([tmp_path])


def test_runs_of_other_classes_cannot_answer_together(trained: RunDir, tmp_path: Path) -> None:
    other = RunDir(shutil.copytree(trained.path, tmp_path / "other"))
    content = json.loads((other.path / "labels.json").read_text())
    content["classes"][0]["name"] = "motorway"
    (other.path / "labels.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match="have other classes; name runs of one data set"):
        complete_runs([trained.path, other.path])
