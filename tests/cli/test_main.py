"""The command line as a person meets it: what works, and what is said when something is wrong."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from roadseg.cli.flags import Command, Parser, Words, add_command
from roadseg.cli.main import AFTER_DATA, BEFORE_DATA, DATA, main
from roadseg.config.recipes import about_data, names, recipe
from roadseg.config.registry import NETWORKS
from roadseg.runs import lock
from roadseg.runs.run_dir import RunDir

pytestmark = pytest.mark.slow

TINY_FLAGS = [
    "--model.width", "0.05", "--transforms.crop", "64", "64", "--train.epochs", "1", "--train.batch_size", "2",
    "--data.split.fractions", "0.5", "0.5", "0",
]  # fmt: skip


@pytest.fixture
def data(streets: Path, tmp_path: Path) -> Path:
    """A copy of the built-in streets that a test may spoil."""
    shutil.copytree(streets, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def run(trained: RunDir, tmp_path: Path) -> Path:
    """A copy of a complete run that a test may spoil."""
    shutil.copytree(trained.path, tmp_path / "run")
    return tmp_path / "run"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def call_with(entry: Callable[[list[str]], int], argv: tuple[object, ...]) -> int:
    """The exit code of a command line."""
    try:
        return entry([str(word) for word in argv])
    except SystemExit as stop:
        return int(stop.code or 0)


COMMANDS = (*BEFORE_DATA, *DATA, *AFTER_DATA)


def needs_words(words: type[Words]) -> bool:
    return any(field.is_required() for name, field in words.model_fields.items() if name != "given")


EXAMPLES = [command.example for command in COMMANDS if needs_words(command.words)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_who_left_something_out_gets_an_example_that_is_whole(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = example.split()[1:]
    verb = words[: 2 if words[0] == "data" else 1]
    monkeypatch.chdir(tmp_path)
    assert call_with(main, tuple(verb)) == 2
    _, error = capsys.readouterr()
    assert error.splitlines()[1] == f"for example: {example}"
    if words != ["data", "synthesize", "streets"]:
        assert call(*words) == 2, "there are no such files"
        assert "arguments" not in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def call(*argv: object) -> int:
    return call_with(main, argv)


def train(data: Path, run: Path, *flags: object) -> int:
    return call("train", "demo-fcn16s", "--data.root", data, "--run", run, *TINY_FLAGS, *flags)


def label(data: Path) -> Path:
    return data / "training/semantic/000000_10.png"


def test_from_streets_to_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, run = tmp_path / "streets", tmp_path / "run"
    assert call("data", "synthesize", data, "--drives", 4, "--frames", 2, "--width", 96, "--height", 64) == 0
    before = files(data)
    assert train(data, run) == 0
    assert call("evaluate", run, "--data.root", data, "--split", "train", "--output", tmp_path / "train.json") == 0
    assert call("evaluate", run, "--data.root", data, "--split", "all") == 0
    assert call("compare", run) == 0
    assert call("predict", run, data / "training/image_2", "--output", tmp_path / "out") == 0
    assert files(data) == before
    report = json.loads((tmp_path / "train.json").read_text())
    assert report["images"] + json.loads((run / "evaluation/val.json").read_text())["images"] == 8
    assert {path.parent.name for path in (tmp_path / "out").rglob("*.png")} == {
        "labels",
        "color",
        "overlay",
        "confidence",
    }
    shown = capsys.readouterr()
    assert "mIoU" in shown.out
    assert shown.err == ""
    assert train(data, run, "--resume") == 0
    assert "complete" in capsys.readouterr().out


def test_the_list_of_runs(
    data: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("runs") == 0
    assert "no runs in ./runs; roadseg train" in capsys.readouterr().out
    shutil.copytree(run, "runs/demo-fcn16s/1")
    shutil.copytree(run, "runs/demo-fcn16s/2")
    Path("runs/demo-fcn16s/2/metrics.jsonl").write_text("{")
    assert call("runs") == 0
    shown = capsys.readouterr().out
    assert re.search(r"runs/demo-fcn16s/1 +complete +2/2", shown)
    assert re.search(r"runs/demo-fcn16s/2 +damaged", shown)
    assert "damaged: runs/demo-fcn16s/2/metrics.jsonl" in shown
    assert call("runs", data) == 0
    assert "no runs in" in capsys.readouterr().out


def test_an_unfinished_run_is_scored_with_a_word_about_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "COMPLETE").unlink()
    assert call("compare", run) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"{run} is unfinished: trained for 2 of 2 epochs; its best weights so far count" in told


def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    assert call("train", "demo-fcn16s", "--data.root", "data", *TINY_FLAGS, "--train.epochs", 3, "--dry-run") == 0
    shown = capsys.readouterr().out
    assert files(tmp_path) == before
    assert not Path("runs").exists()
    assert "train: images 4, drives 2\nval:   images 4, drives 2\ntest:  images 0\n" in shown
    assert "steps: 2 an epoch, 6 in 3 epochs" in shown
    assert re.search(r"time:  about \d+ s on this machine \(\S+ s a step, \S+ s a validation image", shown)
    assert re.search(r"optimizer.trunk_lr +none\n", shown)


def test_a_watched_run(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(data, tmp_path / "run", "--tensorboard") == 0
    assert sorted(path.name for path in (tmp_path / "run/tensorboard").iterdir()) == ["train", "val"]
    assert capsys.readouterr().err == ""


def test_a_run_is_trained_once_at_a_time(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "COMPLETE").unlink()
    with lock.held(run):
        assert call("train", "demo-fcn16s", "--run", run, "--resume") == 2
    error = capsys.readouterr().err
    assert f"{run} is being trained by process" in error
    assert len(error.strip().splitlines()) == 1


def test_numbered_runs_and_resuming_the_newest(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["train", "demo-fcn16s", "--data.root", "data", *TINY_FLAGS]
    assert call(*command) == 0
    assert call(*command) == 0
    assert (tmp_path / "runs/demo-fcn16s/2/COMPLETE").exists()
    (tmp_path / "runs/demo-fcn16s/2/COMPLETE").unlink()
    assert call("train", "demo-fcn16s", "--resume") == 0
    assert "resuming" in capsys.readouterr().out
    assert (tmp_path / "runs/demo-fcn16s/2/COMPLETE").exists()


def test_a_report_finds_images_that_were_moved(
    data: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((run / "config.json").read_text())
    config["data"]["root"] = str(tmp_path / "before")
    (run / "config.json").write_text(json.dumps(config))
    assert call("compare", run, "--output", tmp_path / "report") == 0
    assert f"no pictures in the report: no folder {tmp_path / 'before'} with images" in capsys.readouterr().out
    assert call("compare", run, "--data.root", data, "--output", tmp_path / "report") == 0
    assert "no pictures" not in capsys.readouterr().out
    assert list((tmp_path / "report/figures").glob("*.webp"))


def test_a_run_continues_where_it_and_its_data_were_moved(data: Path, tmp_path: Path) -> None:
    assert train(data, tmp_path / "run") == 0
    (tmp_path / "run/COMPLETE").unlink()
    shutil.move(tmp_path / "run", tmp_path / "elsewhere")
    shutil.move(data, tmp_path / "moved")
    flags = ["--run", tmp_path / "elsewhere", "--resume", "--data.root", tmp_path / "moved", "--data.workers", 0]
    assert call("train", "demo-fcn16s", *flags) == 0
    assert (tmp_path / "elsewhere/COMPLETE").exists()


def test_other_labels_under_the_same_names_never_replace_a_score(
    data: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained, path = RunDir(run).evaluations()["val"], run / "evaluation/val.json"
    assert call("evaluate", run, "--data.root", data, "--split", "val") == 0
    again = RunDir(run).evaluations()["val"]
    assert {**again, "seconds_per_image": 0} == {**trained, "seconds_per_image": 0}
    before = path.read_bytes()
    other = tmp_path / "other"
    assert (
        call("data", "synthesize", other, "--drives", 4, "--frames", 2, "--width", 96, "--height", 64, "--seed", 1) == 0
    )
    assert call("evaluate", run, "--data.root", other, "--split", "val") == 2
    assert "has no split 'val'; choices: all" in capsys.readouterr().err
    assert call("evaluate", run, "--data.root", other) == 0
    assert RunDir(run).evaluations()["other-all"]["images"] == 8
    assert path.read_bytes() == before
    shutil.copytree(other, tmp_path / "elsewhere/other")
    assert call("evaluate", run, "--data.root", tmp_path / "elsewhere/other") == 0
    assert call("evaluate", run, "--data.root", other) == 0
    assert sorted(RunDir(run).evaluations()) == ["other-all", "other-all-2", "val"]


def test_a_run_is_scored_where_it_was_trained_unless_told_otherwise(
    run: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(run / "evaluation")
    assert call("evaluate", run) == 0
    assert f"scores: {run}/evaluation/val.json" in capsys.readouterr().out
    lost = RunDir(run).splits().val[0]
    for folder in ("image_2", "semantic"):
        (data / f"training/{folder}/{lost}.png").unlink()
    assert call("evaluate", run, "--data.root", data) == 2, "a part of the run's images, which it was trained on"
    assert "was trained on" in capsys.readouterr().err
    assert list(RunDir(run).evaluations()) == ["val"]


def test_recipes_and_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("recipes", "--all") == 0
    assert len(capsys.readouterr().out.splitlines()) == len(names())
    assert call("recipes") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert all(any(re.search(rf"\b{name}\b", line) for line in lines) for name in (*NETWORKS, *about_data()))
    assert call("recipes", "camvid") == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == [name for name in names() if name.startswith("camvid-")]
    assert call("recipes", "camvid-fcn16s") == 0
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
    assert shown["transforms.crop"] == "320 320"
    assert shown["transforms.resize"] == "none"
    assert shown["model.name"] == "fcn16s"
    assert call("doctor") == 0
    assert "torch" in capsys.readouterr().out


def test_a_stored_division_is_reused(data: Path, tmp_path: Path) -> None:
    stored = tmp_path / "splits.json"
    flags = ["--data.split.scheme", "random", "--data.split.seed", "5", "--data.split.fractions", "0.5", "0.5", "0"]
    assert call("data", "split", "demo-fcn16s", "--data.root", data, *flags, "--output", stored) == 0
    assert train(data, tmp_path / "run", "--data.split.scheme", "file", "--data.split.file", stored) == 0
    assert json.loads((tmp_path / "run/splits.json").read_text()) == json.loads(stored.read_text())


def test_a_division_is_told_by_its_groups(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data.root", data, "--data.split.fractions", "0.75", "0.25", "0", "--output", tmp_path / "splits.json"]
    listed = {line.split()[0]: line.split()[1] for line in (data / "drives.txt").read_text().splitlines()}
    assert call("data", "split", "demo-fcn16s", *flags) == 0
    train, val, _ = capsys.readouterr().out.splitlines()
    stored = json.loads((tmp_path / "splits.json").read_text())
    drives = {part: sorted({listed[name.removesuffix("_10")] for name in stored[part]}) for part in ("train", "val")}
    assert train == f"train: 6 images, 3 groups: {', '.join(drives['train'])}"
    assert val == f"val: 2 images, 1 group: {drives['val'][0]}"
    monkeypatch.setattr("roadseg.cli.data.split.MOST_GROUPS", 1)
    (tmp_path / "splits.json").unlink()
    assert call("data", "split", "demo-fcn16s", *flags) == 0
    assert f"3 groups: {drives['train'][0]} and 2 more" in capsys.readouterr().out


def test_the_help_shows_the_values_of_the_recipe_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "passes over the training images [12]" in shown
    assert "In brackets: the value in camvid-fcn8s" in shown
    assert "example: roadseg train camvid-fcn8s --data.root camvid" in shown
    assert call("train", "kitti-fcn8s", "--help") == 0
    assert "passes over the training images [30]" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_default_is_in_the_help(command: Command[Any]) -> None:
    parser = Parser(prog="test")
    add_command(lambda *args, **options: parser, command, recipe("camvid-fcn8s"))
    shown = " ".join(parser.format_help().split())
    fields = {name: field for name, field in command.words.model_fields.items() if name != "given"}
    defaults = [field.default for field in fields.values() if not field.is_required()]
    for default in defaults:
        assert default in (None, False, ()) or f"(default: {default})" in shown


def test_help_does_not_import_torch() -> None:
    code = "import sys; from roadseg.cli.main import main\ntry: main(['train', '--help'])\nexcept SystemExit: pass\n"
    code += "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


class RunsCode:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path(MARK),)


MARK = "code-was-run"


def nan_weights(path: Path) -> None:
    save_file({"features.0.weight": torch.full((64, 3, 3, 3), float("nan"))}, path)


BadInput = Callable[[Path, Path, Path], int]
"""Given data, a run and an empty folder that may be spoilt: the exit code of a command that must fail."""


def spoilt(spoil: Callable[[Path], object]) -> BadInput:
    def attempt(data: Path, run: Path, out: Path) -> int:
        spoil(data)
        return train(data, out / "new")

    return attempt


def flags(*given: object) -> BadInput:
    return lambda data, run, out: train(data, out / "new", *given)


def weights(make: Callable[[Path], object], name: str = "w.safetensors") -> BadInput:
    def attempt(data: Path, run: Path, out: Path) -> int:
        make(data / name)
        return train(data, out / "new", "--model.weights", data / name)

    return attempt


def command(*argv: str) -> BadInput:
    """A command in which DATA, RUN and OUT stand for folders."""

    def attempt(data: Path, run: Path, out: Path) -> int:
        places = {"DATA": data, "RUN": run, "OUT": out, "RUN-parent": run.parent}
        return call(*(places.get(word, word) for word in argv))

    return attempt


def without_tensorboard(data: Path, run: Path, out: Path) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "roadseg.training.event_file", None)
        return train(data, out, "--tensorboard")


def on_run(spoil: Callable[[Path], object], *argv: str) -> BadInput:
    def attempt(data: Path, run: Path, out: Path) -> int:
        spoil(run)
        return command(*argv)(data, run, out)

    return attempt


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def edit_split(run: Path) -> None:
    path = run / "splits.json"
    path.write_text(path.read_text().replace("000000_10", "000099_10"))


EVALUATE = ("evaluate", "RUN", "--data.root", "DATA", "--split", "val")
PREDICT = ("predict", "RUN", "DATA/none", "--output", "OUT")

BAD_INPUTS: dict[str, tuple[BadInput, str]] = {
    "wrong root": (command("train", "demo-fcn16s", "--data.root", "/no/such", "--run", "OUT"), "/no/such"),
    "data that was moved": (
        command("evaluate", "RUN", "--data.root", "DATA/none", "--split", "val"), "that has them with --data.root",
    ),
    "no root": (command("train", "demo-fcn16s", "--run", "OUT"), "--data.root"),
    "missing label": (spoilt(lambda data: label(data).unlink()), "000000_10.png has no label"),
    "missing image": (spoilt(lambda d: (d / "training/image_2/000001_10.png").unlink()), "has no image"),
    "truncated PNG": (spoilt(lambda d: label(d).write_bytes(label(d).read_bytes()[:200])), "000000_10.png"),
    "empty file": (spoilt(lambda d: label(d).write_bytes(b"")), "000000_10.png"),
    "id 200": (spoilt(lambda d: Image.fromarray(np.full((64, 96), 200, np.uint8)).save(label(d))), "label 200"),
    "RGB label": (spoilt(lambda d: Image.new("RGB", (96, 64)).save(label(d))), "RGB"),
    "label of another size": (spoilt(lambda d: Image.new("L", (95, 64)).save(label(d))), "95x64"),
    "unknown recipe": (command("train", "kitti-fcn8", "--data.root", "DATA"), "did you mean kitti-fcn8s"),
    "unknown flag": (flags("--train.epoch", 3), "did you mean --train.epochs"),
    "flag of another name": (flags("--learning_rate", 3), "did you mean --optimizer.lr"),
    "unknown command": (command("trian"), "train"),
    "negative epochs": (flags("--train.epochs", -3), "--train.epochs"),
    "not a number": (flags("--optimizer.lr", "fast"), "--optimizer.lr"),
    "infinite rate": (flags("--optimizer.lr", "inf"), "--optimizer.lr"),
    "reversed scale": (flags("--transforms.scale", 2, 1), "smaller one first"),
    "one fold": (flags("--data.split.folds", 1), "at least 2 folds"),
    "too many folds": (flags("--data.split.folds", 99, "--data.split.scheme", "grouped"), "99 folds"),
    "unknown model": (flags("--model.name", "fcn32"), "fcn32s"),
    "unknown data set": (flags("--data.name", "kiti"), "kitti"),
    "caffe padding of a light head": (flags("--model.padding", "caffe"), "head 'vgg'"),
    "no weights": (flags("--model.weights", "/no/such.pth"), "/no/such.pth"),
    "NaN in weights": (weights(nan_weights), "features.0.weight"),
    "pickle that runs code": (weights(lambda path: torch.save(RunsCode(), path), "w.pth"), "refused"),
    "text as weights": (weights(lambda path: path.write_text("hello")), "w.safetensors"),
    "weights of another network": (
        weights(lambda path: save_file({"conv.weight": torch.zeros(1)}, path)), "features.0.weight",
    ),
    "not a run": (on_run(lambda run: (run / "config.json").unlink(), *EVALUATE), "no run in"),
    "unknown key in config.json": (
        on_run(lambda r: (r / "config.json").write_text('{"epochs": 3}'), *EVALUATE), "config.json",
    ),
    "damaged weights of a run": (
        on_run(lambda run: flip_bit(run / "checkpoints/best.safetensors"), *EVALUATE), "sha256",
    ),
    "edited splits": (on_run(edit_split, "evaluate", "RUN", "--split", "train"), "splits.json"),
    "unknown split": (command("evaluate", "RUN", "--data.root", "DATA", "--split", "dev"), "'dev'"),
    "a run is already there": (lambda data, run, out: train(data, run), "already holds a run"),
    "resumed with other settings": (
        on_run(lambda r: (r / "COMPLETE").unlink(), "train", "demo-fcn16s", "--run", "RUN", "--resume", "--seed", "9"),
        "other settings",
    ),
    "run of another recipe": (command("train", "demo-fcn8s", "--run", "RUN", "--resume"), "demo-fcn16s"),
    "nothing to predict": (command("predict", "RUN", "/no/such/*.png", "--output", "OUT"), "/no/such/*.png"),
    "a video to predict": (command("predict", "RUN", "drive.mp4", "--output", "OUT"), "ffmpeg"),
    "a submission of other images": (
        command("predict", "RUN", "DATA", "--output", "OUT", "--format", "cityscapes"), "berlin_000123_000019",
    ),
    "a submission of nothing": (
        command("predict", "RUN", "DATA/none", "--output", "OUT", "--format", "kitti"), "DATA/none",
    ),
    "a submission to nobody": (command("predict", "RUN", "DATA", "--output", "OUT", "--format", "voc"), "cityscapes"),
    "an output that is the input": (command("predict", "RUN", "DATA", "--output", "DATA"), "choose another --output"),
    "a run among other files": (lambda data, run, out: train(data, data), "holds other files"),
    "the folder of a recipe's runs": (command("predict", "RUN-parent", "DATA", "--output", "OUT"), "did you mean"),
    "streets over other files": (command("data", "synthesize", "DATA"), "DATA-path"),
    "streets of no size": (command("data", "synthesize", "OUT", "--width", "0"), "width"),
    "streets of no drive": (command("data", "synthesize", "OUT", "--drives", "0"), "give 1 or more"),
    "more folds than drives": (
        command("study", "demo-fcn16s", "--data.root", "DATA", "--output", "OUT", "--folds", "9"), "at most 4",
    ),
    "no validation images": (flags("--data.split.fractions", 1, 0, 0), "train or val empty"),
    "a tiny crop": (flags("--transforms.crop", 16, 16), "--transforms.crop"),
    "a pattern that Python refuses": (command("predict", "RUN", "DATA/**.bmp", "--output", "OUT"), "no image in"),
    "two beginnings": (flags("--model.weights", "a.pth", "--model.from_run", "b"), "exclude each other"),
    "a checkpoint's description is damaged": (
        on_run(lambda run: (run / "checkpoints/best.json").write_text("{}"), *EVALUATE), "best.json",
    ),
    "a complete run without its metrics": (
        on_run(lambda r: (r / "metrics.jsonl").unlink(), "train", "demo-fcn16s", "--run", "RUN", "--resume"), "remove",
    ),
    "a report is damaged": (
        on_run(lambda run: (run / "evaluation/val.json").write_text("["), "compare", "RUN", "RUN"), "evaluation",
    ),
    "a run compared with itself": (command("compare", "RUN", "RUN"), "stands twice"),
    "a seed of letters": (
        command("study", "demo-fcn16s", "--data.root", "DATA", "--output", "OUT", "--seed", "x"), "--seed",
    ),
    "no tensorboard": (without_tensorboard, "pip install tensorboard"),
    "no folder of runs": (command("runs", "DATA/none"), "no folder"),
    "no evaluation to compare": (command("compare", "RUN", "RUN", "--split", "test"), "roadseg evaluate"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_told_in_two_lines_and_changes_nothing(
    name: str,
    data: Path,
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    attempt, expected = BAD_INPUTS[name]
    capsys.readouterr()
    before: dict[str, bytes] = {}

    def recording_main(argv: list[str]) -> int:
        before.update(files(run))  # after the test has spoilt what it spoils
        return main(argv)

    monkeypatch.setattr(sys.modules[__name__], "call", lambda *argv: call_with(recording_main, argv))
    code = attempt(data, run, out)
    error = capsys.readouterr().err
    assert code == 2, error
    assert expected.replace("DATA-path", str(data)) in error
    assert 1 <= len(error.strip().splitlines()) <= 2, error
    assert "Traceback" not in error
    assert not out.exists() or not files(out)
    assert files(run) == before
    assert not (tmp_path / MARK).exists()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small file system with options; needs root on Linux."""
    place = tmp_path / "mount"
    place.mkdir()

    def mount(options: str) -> Path:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("cannot mount a file system here (needs root)")
        return place

    try:
        yield mount
    finally:
        subprocess.run(["umount", place], capture_output=True, check=False)


def test_a_full_disk_ends_with_one_line_and_no_half_file(
    data: Path, mounted: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = mounted("size=200k")
    assert train(data, place / "run") == 1
    error = capsys.readouterr().err
    assert "No space left" in error
    assert len(error.strip().splitlines()) <= 2
    assert not [path for path in (place / "run/checkpoints").iterdir() if path.suffix in (".safetensors", ".trainer")]


def test_a_place_that_cannot_be_written(
    data: Path, mounted: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = mounted("size=1m,ro")
    assert train(data, place / "run") in (1, 2)
    error = capsys.readouterr().err
    assert "Read-only" in error
    assert len(error.strip().splitlines()) <= 2


def test_too_little_memory_is_told(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(data, tmp_path / "new", "--model.width", "1e12") == 1
    error = capsys.readouterr().err
    assert "out of memory; lower" in error
    assert len(error.strip().splitlines()) == 1


def test_a_complete_run_is_not_taken_for_one_with_other_settings(
    trained: RunDir, streets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "demo-fcn16s", "--run", str(trained.path), "--resume"]
    assert main(words) == 0
    assert main([*words, "--train.batch_size", "1"]) == 2
    assert "is complete, with other settings (train.batch_size is 2 there and 1 here)" in capsys.readouterr().err


def test_a_division_is_never_replaced(streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "split.json"
    words = ["data", "split", "demo-fcn16s", "--data.root", str(streets), "--output"]
    assert main([*words, str(file)]) == 0
    assert f"division: {file}" in capsys.readouterr().out
    before = file.read_bytes()
    assert main([*words, str(file), "--data.split.seed", "5"]) == 2
    assert main([*words, str(tmp_path / "nowhere/split.json")]) == 2
    assert "exists already" in (said := capsys.readouterr().err)
    assert "no folder" in said
    assert file.read_bytes() == before


def test_a_varied_setting_has_no_flag_beside_it(
    streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["study", "demo-fcn16s", "--data.root", str(streets), "--output", str(tmp_path / "out")]
    assert main([*words, "--vary", "optimizer.lr", "1e-3", "--optimizer.lr", "5e-3"]) == 2
    assert "--vary optimizer.lr exclude each other" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
