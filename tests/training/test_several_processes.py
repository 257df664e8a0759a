"""Several processes, started by torchrun as a person would."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from roadseg.cli.main import main
from roadseg.data.streets import synthesize
from roadseg.runs.run_dir import RunDir

pytestmark = pytest.mark.slow

FLAGS = [
    "--model.width", "0.05", "--model.batch_norm", "false", "--model.skips", "scaled", "--model.dropout", "0",
    "--transforms.crop", "64", "64", "--train.epochs", "2", "--data.split.fractions", "0.5", "0.5", "0",
    "--optimizer.name", "sgd", "--optimizer.lr", "0.01", "--train.precision", "fp32",
]  # fmt: skip


TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ROADSEG = ["-m", "--", "roadseg"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def start(words: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(words, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def training(data: Path, run: Path, batch_size: int) -> list[str]:
    words = ["train", "demo-fcn16s", "--data.root", str(data), "--run", str(run), *FLAGS]
    return [*words, "--train.batch_size", str(batch_size)]


@pytest.fixture(scope="module")
def ten_streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built-in streets of which 7 train and 3 validate: an odd number for each of two processes."""
    root = tmp_path_factory.mktemp("ten") / "data"
    synthesize(root, drives=5, frames=2, width=96, height=64)
    return root


def test_two_processes_train_and_score_as_one(
    ten_streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At equal global batch: the same losses and weights to float tolerance, and every image scored exactly once.

    An epoch has a batch of 4 images and one of 3, of which the two processes get 2 and 1; 3 images validate.
    """
    one, two = RunDir(tmp_path / "one"), RunDir(tmp_path / "two")
    split = ["--data.split.scheme", "random", "--data.split.fractions", "0.7", "0.3", "0"]
    double = start([*TORCHRUN, *ROADSEG, *training(ten_streets, two.path, 2), *split, "--tensorboard"])
    assert main([*training(ten_streets, one.path, 4), *split]) == 0
    shown, error = double.communicate(timeout=300)
    assert double.returncode == 0, error
    event_files = [path.parent.name for path in two.path.glob("tensorboard/*/*")]
    assert sorted(event_files) == ["train", "val"], "only the first process writes"
    assert shown.count("best") == capsys.readouterr().out.count("best"), "only the first process prints"
    assert (len(one.splits().train), len(one.splits().val)) == (7, 3)
    assert [entry["step"] for entry in one.metrics()] == [2, 4]
    assert_same_run(one, two)


def assert_same_run(one: RunDir, two: RunDir) -> None:
    """The same curves, weights and scores, of the same images, each counted once."""
    for a, b in zip(one.metrics(), two.metrics(), strict=True):
        assert (a["epoch"], a["step"], a["lr"]) == (b["epoch"], b["step"], b["lr"])
        torch.testing.assert_close(a["train"]["loss"], b["train"]["loss"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(a["val"]["loss"], b["val"]["loss"], rtol=1e-4, atol=1e-5)
    for name, tensor in one.weights("last").items():
        torch.testing.assert_close(tensor, two.weights("last")[name], rtol=1e-3, atol=1e-5)
    reports = [json.loads((run.path / "evaluation/val.json").read_text()) for run in (one, two)]
    for key in ("images", "groups", "pixels", "targets_sha256"):
        assert reports[0][key] == reports[1][key]
    assert abs(reports[0]["mean_iou"] - reports[1]["mean_iou"]) < 1e-3
    stored = [np.load(run.path / "evaluation/val.confusion.npz") for run in (one, two)]
    assert tuple(stored[0]["ids"]) == tuple(stored[1]["ids"]) == one.splits().val
    assert np.array_equal(stored[0]["confusions"].sum(-1), stored[1]["confusions"].sum(-1)), "pixels by image and class"
    for image_id in one.splits().val:
        assert two.prediction_file("val", image_id).exists()


ONE_AFTER_ANOTHER = """
import json, os, sys
from roadseg.cli.main import main

for words in json.loads(sys.argv[1]):
    if code := main(words):
        sys.exit(code)
    if os.environ["RANK"] == "0":
        print("DONE", words[0], flush=True)
"""


@pytest.fixture(scope="module")
def begun(streets: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder in which two processes, started once, made a run, scored it again and made a study; what each said.

    The run has 5 training images and 1 for validation: one process is without.
    """
    folder = tmp_path_factory.mktemp("begun")
    split = ["--data.split.scheme", "random", "--data.split.fractions", "0.87", "0.12", "0.01"]
    train = [*training(streets, folder / "run", 1), *split, "--train.epochs", "1"]
    train += ["--model.skips", "normalised", "--model.batch_norm", "true"]
    evaluate = ["evaluate", str(folder / "run"), "--data.root", str(streets), "--split", "val"]
    study = ["study", "demo-fcn32s", "demo-fcn16s", "--data.root", str(streets), "--output", str(folder / "study")]
    study += ["--model.width", "0.05", "--transforms.crop", "64", "64", "--train.epochs", "1"]
    study += ["--data.split.fractions", "0.5", "0.5", "0"]
    script = folder / "one_after_another.py"
    script.write_text(ONE_AFTER_ANOTHER)
    process = start([*TORCHRUN, "--", str(script), json.dumps([train, evaluate, study])])
    output, error = process.communicate(timeout=180)
    assert process.returncode == 0, error
    said = re.findall(r"(.*?)^DONE (\w+)$", output, re.DOTALL | re.MULTILINE)
    return folder, {command: text for text, command in said}


def test_two_processes_make_a_study(begun: tuple[Path, dict[str, str]]) -> None:
    folder, shown = begun
    assert shown["study"].count("cpu x 2") == 2
    assert (folder / "study" / "report.html").exists()


def test_a_process_without_an_image_does_not_hang(begun: tuple[Path, dict[str, str]]) -> None:
    """With batch normalisation, whose statistics processes share in training, and one validation image for two.

    Of 5 training images the last one is left out: with it one process would have a batch more than the other.
    """
    folder, shown = begun
    run = RunDir(folder / "run")
    assert shown["evaluate"]
    assert (len(run.splits().train), len(run.splits().val)) == (5, 1)
    assert run.metrics()[0]["step"] == 2
    assert run.complete
    assert run.evaluations()["val"]["images"] == 1


SHORT_OF_MEMORY = """
import os, sys, torch
from roadseg.cli.main import main
from roadseg.models.base import Trunk

whole = Trunk.run

def run(trunk, block, features, *more):
    if os.environ["RANK"] == "1" and torch.is_grad_enabled():
        torch.empty(2**50, dtype=torch.uint8)
    return whole(trunk, block, features, *more)

Trunk.run = run
sys.exit(main())
"""


def test_too_little_memory_in_one_process_ends_all_with_advice(streets: Path, tmp_path: Path) -> None:
    script = tmp_path / "short_of_memory.py"
    script.write_text(SHORT_OF_MEMORY)
    process = start([*TORCHRUN, "--", str(script), *training(streets, tmp_path / "run", 2)])
    _, error = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "roadseg (process 1): out of memory with 2 images at a time, which 2 processes do not lower" in error
