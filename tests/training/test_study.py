"""Studies: what is planned, what is refused, what is kept, and what a failed run does to the others."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadseg.cli.main import main
from roadseg.config.settings import Config
from roadseg.data import label_space, load_records
from roadseg.errors import ConfigError, DataError, RunError, WeightsError, WorkFailed
from roadseg.runs import lock
from roadseg.runs.arms import Arm
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display
from roadseg.training import study
from roadseg.training.interrupt import Interrupted
from roadseg.training.study import Trial, check, check_output, complete_arms, make_arms, plan, run_study, seconds_left

pytestmark = pytest.mark.slow

Configure = Callable[..., Config]
EPOCHS = 12
"""Of each run of `study_command`."""


class Told(Display):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.left: list[float | None] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def stage(self, what: str, done: int, total: int, seconds_left: float | None) -> None:
        self.lines.append(what)
        self.left.append(seconds_left)


def small(tiny: Configure, **changes: object) -> Config:
    return tiny("demo-fcn32s", **{"train.epochs": 1, **changes})


def test_arms_are_all_combinations(tiny: Configure) -> None:
    vary = {"optimizer.name": ["sgd", "adamw"], "transforms.crop": ["64,96", "none"]}
    arms = make_arms([tiny("demo-fcn32s"), tiny("demo-fcn16s")], vary)
    assert len(arms) == 8
    chosen = arms[Arm("demo-fcn16s optimizer.name=sgd transforms.crop=64,96")]
    assert (chosen.model.name, chosen.optimizer.name, chosen.transforms.crop) == ("fcn16s", "sgd", (64, 96))
    assert arms[Arm("demo-fcn32s optimizer.name=adamw transforms.crop=none")].transforms.crop is None


def test_a_crop_that_was_given_stays_where_the_size_varies(tiny: Configure) -> None:
    base, vary = tiny(transforms__crop=[64, 80], transforms__scale=[1, 2]), {"transforms.resize": ["48,64"]}
    (follows,) = make_arms([base], vary).values()
    (stays,) = make_arms([base], vary, {"transforms.crop"}).values()
    assert (follows.transforms.crop, stays.transforms.crop) == ((48, 64), (64, 80))
    base = tiny(transforms__crop=[64, 80], transforms__scale=[1, 1])
    with pytest.raises(ConfigError, match="crop 64 80 is larger than any image"):
        make_arms([base], vary, {"transforms.crop"})


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({"optimizer.nme": ["sgd"]}, r"no setting 'optimizer.nme'; did you mean optimizer.name"),
        ({"learning_rate": ["1e-3"]}, r"no setting 'learning_rate'; did you mean optimizer.lr\? roadseg train --help"),
        ({"epoch": ["3"]}, r"no setting 'epoch'; did you mean train.epochs\?"),
        ({"xyz": ["3"]}, r"no setting 'xyz'; roadseg train --help lists them"),
        ({"optimizer.name": ["sgd", "sgd"]}, r"demo-fcn32s optimizer.name=sgd stands twice"),
        ({"optimizer.lr": ["1e-3", "0.001"]}, r"demo-fcn32s optimizer.lr=0.001 stands twice"),
        ({"optimizer.lr": ["-1"]}, r"--optimizer.lr: input should be greater than 0"),
        ({"transforms.crop": ["64"]}, r"--transforms.crop: wrong number of values"),
        ({"transforms.crop": ["64,64,64"]}, r"--transforms.crop: wrong number of values"),
    ],
)
def test_bad_variations_are_refused(tiny: Configure, vary: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_arms([small(tiny)], vary)


def test_arms_that_would_train_alike_are_refused(tiny: Configure) -> None:
    """Without first weights the trunk has the head's rate, whatever is given; with them the rates differ."""
    vary = {"optimizer.trunk_lr": ["1e-4", "1e-3"]}
    with pytest.raises(ConfigError, match=r"would train as demo-fcn32s optimizer\.trunk_lr=1e-4 does"):
        make_arms([small(tiny)], vary)
    assert len(make_arms([small(tiny)], {"model.weights": ["imagenet"], **vary})) == 2
    single = make_arms([small(tiny)], {"optimizer.trunk_lr": ["1e-4"]})
    assert [settings.optimizer.trunk_lr for settings in single.values()] == [None]


def test_the_plan_goes_seed_by_seed(tiny: Configure, tmp_path: Path) -> None:
    arms = make_arms([tiny("demo-fcn32s"), tiny("demo-fcn16s")], {"model.weights": ["a/b.pth", "none"]})
    trials = plan(arms, [3, 4], 0, tmp_path)
    assert [trial.settings.seed for trial in trials] == [3] * 4 + [4] * 4
    assert trials[0].run.path == tmp_path / "runs" / "demo-fcn32s,model.weights=a_b.pth" / "seed-3"
    assert trials[0].name == "demo-fcn32s model.weights=a/b.pth seed 3"
    assert len({trial.run.path for trial in trials}) == 8


def test_two_runs_in_one_place_are_refused(tiny: Configure, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a seed 3 and a seed 3 are one run"):
        plan({Arm("a"): small(tiny)}, [3, 4, 3], 0, tmp_path)
    with pytest.raises(ConfigError, match="a/b seed 3 and a_b seed 3 are one run"):
        plan({Arm("a_b"): small(tiny), Arm("a/b"): tiny("demo-fcn16s")}, [3], 0, tmp_path)


def test_folds_are_of_groups_unless_told_otherwise(tiny: Configure, tmp_path: Path) -> None:
    trials = plan({Arm("a"): small(tiny)}, [0], 3, tmp_path)
    assert [trial.settings.data.split.fold for trial in trials] == [0, 1, 2]
    assert {trial.settings.data.split.scheme for trial in trials} == {"grouped"}
    assert trials[2].name == "a seed 0, fold 2"
    random = plan({Arm("a"): small(tiny, data__split__scheme="random")}, [0], 2, tmp_path)
    assert random[0].settings.data.split.scheme == "random"


def test_the_part_to_report_is_test_where_there_is_one(tiny: Configure, tmp_path: Path) -> None:
    assert check(plan({Arm("a"): small(tiny)}, [0], 0, tmp_path)) == "val"
    divided = small(tiny, data__split__fractions=["0.5", "0.25", "0.25"])
    assert check(plan({Arm("a"): divided}, [0], 0, tmp_path)) == "test"
    assert check(plan({Arm("a"): divided}, [0], 2, tmp_path)) == "val"
    assert not list(tmp_path.iterdir())


def test_arms_on_other_images_or_classes_are_refused(tiny: Configure, tmp_path: Path) -> None:
    other_classes = plan({Arm("a"): small(tiny), Arm("b"): small(tiny, data__classes="all")}, [0], 0, tmp_path)
    with pytest.raises(ConfigError, match="b has other classes than a"):
        check(other_classes)
    other_images = plan({Arm("a"): small(tiny), Arm("b"): small(tiny, data__split__scheme="random")}, [0], 0, tmp_path)
    with pytest.raises(ConfigError, match="b divides the images otherwise than a"):
        check(other_images)


def test_a_study_may_grow_but_not_lose_runs(tiny: Configure, streets: Path, tmp_path: Path) -> None:
    arms = make_arms([small(tiny), tiny("demo-fcn16s")], {})
    trials = plan(arms, [0], 0, tmp_path)
    check_output(trials, tmp_path)
    run_study(trials[:1], "val", tmp_path, Told())
    check_output(trials, tmp_path)
    with pytest.raises(ConfigError, match=r"holds a study with runs/demo-fcn32s/seed-0, which is not named here"):
        check_output(trials[1:], tmp_path)
    with pytest.raises(ConfigError, match="lies in the data"):
        check_output(plan(arms, [0], 0, streets / "study"), streets / "study")


def test_a_bad_test_label_is_told_before_training(tiny: Configure, streets: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(streets, data)
    settings = small(tiny, data__root=str(data), data__split__fractions=["0.5", "0.25", "0.25"])
    trials = plan({Arm("a"): settings}, [0], 0, tmp_path / "study")
    assert check(trials) == "test"
    (image_id, *_) = load_records(settings.data).splits.test
    label = data / "training/semantic" / f"{image_id}.png"
    Image.fromarray(np.full((64, 96), 200, np.uint8)).save(label)
    with pytest.raises(DataError, match="label 200"):
        run_study(trials, "test", tmp_path / "study", Told())
    assert not (tmp_path / "study/runs").exists()


@pytest.mark.parametrize("part", ["train", "val", "test"])
@pytest.mark.parametrize("kind", ["image_2", "semantic"])
def test_bad_data_leaves_nothing_behind_and_is_told_once(
    tiny: Configure,
    streets: Path,
    tmp_path: Path,
    part: str,
    kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, output = tmp_path / "data", tmp_path / "a" / "study"
    shutil.copytree(streets, data)
    words = [*study_command(data, output), "--data.split.fractions", "0.5", "0.25", "0.25"]
    divided = small(tiny, data__root=str(data), data__split__fractions=["0.5", "0.25", "0.25"])
    bad = data / "training" / kind / f"{getattr(load_records(divided.data).splits, part)[-1]}.png"
    bad.write_bytes(bad.read_bytes()[:-50])
    assert main(words) == 2
    out, error = capsys.readouterr()
    assert (out + error).count(bad.name) == 1
    assert error.startswith("roadseg: ")
    assert not (tmp_path / "a").exists()


def test_bad_data_leaves_a_study_as_it_is(
    tiny: Configure, streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, output = tmp_path / "data", tmp_path / "study"
    shutil.copytree(streets, data)
    settings = small(tiny, data__root=str(data))
    run_study(plan(make_arms([settings], {}), [0], 0, output), "val", output, Told())
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    bad = data / "training" / "semantic" / f"{load_records(settings.data).splits.train[-1]}.png"
    bad.write_bytes(bad.read_bytes()[:-50])
    more = plan(make_arms([settings], {}), [0, 1], 0, output)
    with pytest.raises(DataError, match=f"{bad.name}.*replace the file"):
        run_study(more, "val", output, Told())
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


def test_a_study_is_not_put_among_other_files(
    streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place, name in ((tmp_path / "mine", "notes.txt"), (tmp_path / "run", "config.json")):
        place.mkdir()
        (place / name).write_text("mine")
        (place / lock.NAME).write_text("")
        assert main(study_command(streets, place)) == 2
        assert f"{place} holds other files ({name}); choose a new or empty folder" in capsys.readouterr().err
        assert {path.name for path in place.iterdir()} == {name, lock.NAME}
    assert main(study_command(streets, tmp_path / "mine" / "notes.txt")) == 2
    assert "is a file" in capsys.readouterr().err


def test_a_network_that_cannot_be_made_is_refused_before_anything_is_trained(tiny: Configure, tmp_path: Path) -> None:
    weights = make_arms([small(tiny)], {"model.weights": ["none", str(tmp_path / "missing.pth")]})
    with pytest.raises(WeightsError, match=r"no weights file .*missing.pth"):
        check(plan(weights, [0], 0, tmp_path / "study"))
    assert not (tmp_path / "study").exists()


def test_a_run_with_other_settings_in_the_way_is_refused(tiny: Configure, trained: RunDir, tmp_path: Path) -> None:
    place = tmp_path / "runs/a/seed-0"
    place.parent.mkdir(parents=True)
    place.symlink_to(trained.path)
    with pytest.raises(RunError, match=r"seed-0 was made with other settings \(.* is .* there and .* here\)"):
        check(plan({Arm("a"): small(tiny)}, [0], 0, tmp_path))


def test_a_run_whose_length_changed_is_refused(tiny: Configure, trained: RunDir, tmp_path: Path) -> None:
    place = tmp_path / "runs/a/seed-0"
    shutil.copytree(trained.path, place)
    content = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(
        json.dumps({**content, "earlier": [{"steps": 2, "epochs": 1, "patience": None}]})
    )
    with pytest.raises(RunError, match="seed-0 changed its length after 2 steps"):
        check(plan({Arm("a"): tiny()}, [0], 0, tmp_path))


def test_runs_of_other_images_are_refused_before_anything_is_trained(
    tiny: Configure, streets: Path, tmp_path: Path
) -> None:
    root = tmp_path / "streets"
    shutil.copytree(streets, root)
    settings = small(tiny, data__root=str(root))
    (trial,) = plan({Arm("a"): settings}, [0], 0, tmp_path)
    trial.run.create(settings, label_space(settings.data), load_records(settings.data).splits)
    check([trial])
    shutil.move(root, tmp_path / "moved")
    moved = small(tiny, data__root=str(tmp_path / "moved"))
    check(plan({Arm("a"): moved}, [0], 0, tmp_path))
    for kind in ("image_2", "semantic"):
        min((tmp_path / "moved/training" / kind).iterdir()).unlink()
    with pytest.raises(RunError, match=r"the images have changed since .*seed-0 began"):
        check(plan({Arm("a"): moved}, [0], 0, tmp_path))


def test_complete_runs_are_kept_and_the_rest_is_made(tiny: Configure, tmp_path: Path) -> None:
    arms = make_arms([small(tiny), tiny("demo-fcn16s", train__epochs=1)], {})
    trials = plan(arms, [0, 1], 0, tmp_path)
    run_study(trials[:2], "val", tmp_path, Told())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    told = Told()
    assert run_study(trials, "val", tmp_path, told) == {}
    kept = [path for path in before if path.name != "study.json"]
    assert kept
    assert all(path.stat().st_mtime_ns == before[path] for path in kept)
    assert told.lines[:2] == ["2 of 4 runs are complete already", "run 3/4: demo-fcn32s seed 1"]
    assert all(left is not None and left > 0 for left in told.left)
    assert seconds_left(trials) == 0
    assert [(arm.name, len(arm.runs)) for arm in complete_arms(trials, {}, "val")] == [
        ("demo-fcn32s", 2),
        ("demo-fcn16s", 2),
    ]
    stored = json.loads((tmp_path / "study.json").read_text())["runs"]
    assert {entry["state"] for entry in stored} == {"complete"}
    assert all((tmp_path / entry["run"] / "COMPLETE").exists() for entry in stored)


def test_complete_runs_that_lost_something_are_refused_or_scored_again(tiny: Configure, tmp_path: Path) -> None:
    (trial,) = trials = plan({Arm("a"): small(tiny)}, [0], 0, tmp_path)
    run_study(trials, "val", tmp_path, Told())
    report = trial.run.evaluations()["val"]
    (trial.run.evaluation / "val.confusion.npz").unlink()
    check(trials)
    assert run_study(trials, "val", tmp_path, Told()) == {}
    again = trial.run.evaluations()["val"]
    assert {**again, "seconds_per_image": 0} == {**report, "seconds_per_image": 0}
    for name in ("metrics.jsonl", "checkpoints/best.safetensors"):
        content = (trial.run.path / name).read_bytes()
        (trial.run.path / name).unlink()
        with pytest.raises(RunError, match=rf"{name} is missing or damaged; .*, or remove {trial.run.path} and"):
            check(trials)
        (trial.run.path / name).write_bytes(content)
    check(trials)


def test_a_run_that_fails_does_not_stop_the_others(tiny: Configure, tmp_path: Path) -> None:
    arms = make_arms([small(tiny, optimizer__name="sgd")], {"optimizer.lr": ["1e38", "1e-3"]})
    trials = plan(arms, [0], 0, tmp_path)
    failures = run_study(trials, "val", tmp_path, Told())
    assert list(failures) == ["demo-fcn32s optimizer.lr=1e38 seed 0"]
    assert [arm.name for arm in complete_arms(trials, failures, "val")] == ["demo-fcn32s optimizer.lr=1e-3"]
    states = {entry["arm"]: entry for entry in json.loads((tmp_path / "study.json").read_text())["runs"]}
    assert states["demo-fcn32s optimizer.lr=1e38"]["state"] == "failed"
    assert states["demo-fcn32s optimizer.lr=1e38"]["error"].startswith("loss is")
    only: list[Trial] = trials[:1]
    with pytest.raises(WorkFailed, match="loss is"):
        run_study(only, "val", tmp_path, Told())


def failing(errors: dict[str, Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """Training fails for the recipes that are named; the others are not trained either, and count as complete."""

    def train(run: RunDir, settings: Config, display: Display, resume: bool, begin: Callable[[], None]) -> None:
        begin()
        if settings.recipe in errors:
            raise errors[settings.recipe]
        run.path.mkdir(parents=True)
        run.write_metrics([])
        run.finish()

    monkeypatch.setattr(study, "train", train)
    monkeypatch.setattr(RunDir, "evaluated", lambda run, part: run.complete)


def test_too_little_memory_for_one_network_does_not_stop_the_others(
    tiny: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = plan(make_arms([small(tiny), tiny("demo-fcn16s")], {}), [0], 0, tmp_path)
    failing({"demo-fcn32s": RuntimeError("CUDA out of memory. Tried to allocate")}, monkeypatch)
    failures = run_study(trials, "val", tmp_path, Told())
    assert list(failures) == ["demo-fcn32s seed 0"]
    assert failures["demo-fcn32s seed 0"].startswith("out of memory; lower --train.batch_size")
    assert trials[1].run.complete


def test_a_fault_of_our_own_is_not_taken_for_a_failed_run(
    tiny: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = plan(make_arms([small(tiny), tiny("demo-fcn16s")], {}), [0], 0, tmp_path)
    failing({"demo-fcn32s": RuntimeError("shapes do not match")}, monkeypatch)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run_study(trials, "val", tmp_path, Told())


def test_of_several_processes_none_goes_on_without_the_one_that_failed(
    tiny: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = plan(make_arms([small(tiny), tiny("demo-fcn16s")], {}), [0], 0, tmp_path)
    failing({"demo-fcn32s": WorkFailed("loss is nan")}, monkeypatch)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(WorkFailed, match="loss is nan"):
        run_study(trials, "val", tmp_path, Told())
    assert not trials[1].run.complete


def test_an_interrupted_study_says_that_nothing_runs(
    tiny: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing({"demo-fcn32s": Interrupted("stopped")}, monkeypatch)
    with pytest.raises(Interrupted):
        run_study(plan({Arm("a"): small(tiny)}, [0], 0, tmp_path), "val", tmp_path, Told())
    (entry,) = json.loads((tmp_path / "study.json").read_text())["runs"]
    assert entry["state"] == "planned"


def test_without_a_complete_arm_there_is_no_report(
    streets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(trials: list[Trial], *_: object) -> dict[str, str]:
        return {trials[1].name: "loss is nan"}

    monkeypatch.setattr(study, "run_study", run)
    words = ["study", "demo-fcn32s", "--data.root", str(streets), "--seeds", "0", "1", "--output", str(tmp_path / "s")]
    assert main(words) == 1
    out, error = capsys.readouterr()
    assert "no report: each arm has a run that failed" in out
    assert "demo-fcn32s seed 1: loss is nan" in error


def test_a_study_is_made_by_one_process_at_a_time(
    streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["study", "demo-fcn32s", "--data.root", str(streets), "--output", str(tmp_path)]
    with lock.held(tmp_path):
        assert main(words) == 2
    assert f"{tmp_path} is being trained by process {os.getpid()}" in capsys.readouterr().err
    assert not (tmp_path / "study.json").exists()


def study_command(streets: Path, output: Path) -> list[str]:
    words = ["study", "demo-fcn32s", "demo-fcn16s", "--data.root", str(streets), "--output", str(output)]
    words += ["--model.width", "0.05", "--transforms.crop", "64", "64", "--train.batch_size", "2"]
    return [*words, "--train.epochs", str(EPOCHS), "--data.split.fractions", "0.5", "0.5", "0"]


def test_a_study_that_was_stopped_half_way_continues(
    streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped as a process by the system's signal, in the second run, which has epochs left for a busy machine."""
    output = tmp_path / "study"
    first, second = (RunDir(output / "runs" / f"demo-{network}" / "seed-0") for network in ("fcn32s", "fcn16s"))
    words = study_command(streets, output)
    process = subprocess.Popen(
        [sys.executable, "-m", "roadseg", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while process.poll() is None and not second.metrics():
        time.sleep(0.05)
    process.terminate()
    out, error = process.communicate(timeout=60)
    assert process.returncode == 3, error
    assert out.splitlines()[-1].endswith("; the same command continues")
    assert first.complete
    assert 0 < len(second.metrics()) < EPOCHS
    assert not (output / "report.html").exists()
    finished = {path: path.stat().st_mtime_ns for path in first.path.rglob("*") if path.is_file()}

    assert main(words) == 0
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in finished.items())
    assert second.complete
    page = (output / "report.html").read_text()
    assert "demo-fcn32s" in page
    assert "demo-fcn16s" in page
    assert f"report: {output / 'report.html'}" in capsys.readouterr().out.replace("\n", "")


def test_every_grouped_fold_has_a_random_counterpart(tiny: Configure, tmp_path: Path) -> None:
    arms = make_arms([small(tiny)], {})
    with pytest.raises(ConfigError, match="leave out the scheme random"):
        plan(make_arms([small(tiny, **{"data.split.scheme": "random"})], {}), [0], 2, tmp_path, both=True)
    trials = plan(arms, [0, 1], 2, tmp_path, both=True)
    assert [trial.run.path.name for trial in trials[:4]] == [
        "seed-0-fold-0", "seed-0-fold-1", "seed-0-random-fold-0", "seed-0-random-fold-1",
    ]  # fmt: skip
    assert [trial.settings.data.split.scheme for trial in trials] == ["grouped", "grouped", "random", "random"] * 2
    assert [trial.random for trial in trials] == [False, False, True, True] * 2
    assert trials[2].name == "demo-fcn32s seed 0, random fold 0"
    assert check(trials) == "val"
    grouped = plan(arms, [0, 1], 2, tmp_path)
    assert [trial.run.path for trial in grouped] == [trial.run.path for trial in trials if not trial.random]


def test_images_that_are_groups_of_their_own_leak_nothing(
    tiny: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    shutil.copytree(small(tiny).data.root or "", data)
    (data / "drives.txt").write_text("")
    trials = plan(make_arms([small(tiny, **{"data.root": str(data)})], {}), [0], 2, tmp_path / "out", both=True)
    with pytest.raises(ConfigError, match="each of the 8 images is a group of its own"):
        check(trials)


def test_the_inflation_is_told_and_a_grouped_study_may_grow_to_it(
    streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    words = ["study", "demo-fcn32s", "--data.root", str(streets), "--output", str(output), "--model.width", "0.05"]
    words += ["--transforms.crop", "64", "64", "--train.epochs", "1", "--train.batch_size", "2"]
    assert main([*words, "--split", "both"]) == 2
    assert "--folds K" in capsys.readouterr().err
    assert main([*words, "--folds", "2"]) == 0
    before = {path: path.stat().st_mtime_ns for path in (output / "runs").rglob("COMPLETE")}
    assert "Random folds" not in capsys.readouterr().out
    assert main([*words, "--folds", "2", "--split", "both"]) == 0
    shown = capsys.readouterr().out
    assert "2 of 4 runs are complete already" in shown
    assert "Random folds " in shown
    assert all(path.stat().st_mtime_ns == before[path] for path in before)
    assert [entry["random"] for entry in json.loads((output / "study.json").read_text())["runs"]] == [False] * 2 + [
        True
    ] * 2
    assert '<section id="leakage"' in (output / "report.html").read_text()
    assert main([*words, "--folds", "2"]) == 2
    assert "which is not named here" in capsys.readouterr().err


def test_arms_may_differ_in_the_share_of_the_same_training_images(tiny: Configure, tmp_path: Path) -> None:
    arms = make_arms([small(tiny)], {"data.split.share": ["0.25", "0.5", "1"]})
    trials = plan(arms, [0, 3], 0, tmp_path)
    drawn = {(trial.settings.seed, trial.settings.data.split.share): trial.settings.data for trial in trials}
    assert [drawn[seed, share].split.share_seed for seed in (0, 3) for share in (0.25, 0.5, 1)] == [0, 0, 0, 3, 3, 0]
    assert check(trials) == "val"
    quarter, half, all_of_them = (set(load_records(drawn[3, share]).splits.train) for share in (0.25, 0.5, 1))
    assert quarter < half < all_of_them
    other = plan(
        {Arm("a"): small(tiny), Arm("b"): small(tiny, data__split__share=0.5, data__split__seed=1)}, [0], 0, tmp_path
    )
    with pytest.raises(ConfigError, match="b divides the images otherwise than a"):
        check(other)


def test_a_study_of_shares_says_what_more_images_would_bring(
    streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    words = ["study", "demo-fcn32s", "--data.root", str(streets), "--output", str(output), "--model.width", "0.05"]
    words += ["--transforms.crop", "64", "64", "--train.epochs", "1", "--train.batch_size", "2"]
    words += ["--data.split.fractions", "0.5", "0.25", "0.25", "--vary", "data.split.share"]
    assert main([*words, "0.25", "0.5"]) == 0
    assert "test: images 2" in capsys.readouterr().out  # no setting is chosen, so it need not be val
    assert 'id="learning"' not in (output / "report.html").read_text()
    assert main([*words, "0.25", "0.5", "1"]) == 0
    shown = capsys.readouterr().out
    assert "2 of 3 runs are complete already" in shown
    assert "mIoU by the number of training images" in shown
    assert "wice as many" in shown
    assert '<section id="learning"' in (output / "report.html").read_text()
    runs = [str(output / "runs" / f"demo-fcn32s,data.split.share={share}" / "seed-0") for share in ("0.25", "0.5", "1")]
    assert main(["compare", *runs]) == 0
    shown = capsys.readouterr().out
    assert "wice as many" in shown
    assert "demo-fcn32s," not in shown.split("mIoU by the number of training images")[1]
    assert main([*words, "0", "1"]) == 2
    assert "--data.split.share: input should be greater than 0" in capsys.readouterr().err
