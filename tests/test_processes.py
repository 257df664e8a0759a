"""Several processes, started by torchrun as a person would."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from roadseg.runs import RunDir

FLAGS = [
    "--model.width", "0.05", "--model.batch_norm", "false", "--model.skips", "scaled", "--model.dropout", "0",
    "--transforms.crop", "64", "64", "--train.epochs", "2", "--data.split.fractions", "0.5", "0.5", "0",
    "--optimizer.name", "sgd", "--optimizer.lr", "0.01", "--train.precision", "fp32",
]  # fmt: skip


def start(launcher: list[str], streets: Path, run: Path, batch_size: int, *more: str) -> "subprocess.Popen[str]":
    words = ["roadseg", "train", "demo-fcn16s", "--data.root", str(streets), "--run", str(run), *FLAGS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [*launcher, *words, "--train.batch_size", str(batch_size), *more],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_two_processes_train_and_score_as_one(streets: Path, tmp_path: Path) -> None:
    """At equal global batch: the same losses and weights to float tolerance, and every image scored exactly once."""
    one, two = RunDir(tmp_path / "one"), RunDir(tmp_path / "two")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    single = start([sys.executable, "-m"], streets, one.path, 4)
    double = start(torchrun, streets, two.path, 2, "--tensorboard")
    outputs = [process.communicate(timeout=300) for process in (single, double)]
    assert single.returncode == 0, outputs[0][1]
    assert double.returncode == 0, outputs[1][1]
    event_files = [path.parent.name for path in two.path.glob("tensorboard/*/*")]
    assert sorted(event_files) == ["train", "val"], "only the first process writes"
    assert outputs[1][0].count("best") == outputs[0][0].count("best"), "only the first process prints"
    for a, b in zip(one.metrics(), two.metrics(), strict=True):
        torch.testing.assert_close(a["train"]["loss"], b["train"]["loss"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(a["val"]["loss"], b["val"]["loss"], rtol=1e-4, atol=1e-5)
    for name, tensor in one.weights("last").items():
        torch.testing.assert_close(tensor, two.weights("last")[name], rtol=1e-3, atol=1e-5)
    reports = [json.loads((run.path / "evaluation/val.json").read_text()) for run in (one, two)]
    assert reports[0]["pixels"] == reports[1]["pixels"]
    assert abs(reports[0]["mean_iou"] - reports[1]["mean_iou"]) < 1e-3


def test_two_processes_make_a_study(streets: Path, tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    words = ["roadseg", "study", "demo-fcn32s", "demo-fcn16s", "--data.root", str(streets), "--output", str(tmp_path)]
    flags = ["--model.width", "0.05", "--transforms.crop", "64", "64", "--train.epochs", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [*torchrun, *words, *flags, "--data.split.fractions", "0.5", "0.5", "0"],
        env=environment, text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cpu x 2") == 2
    assert (tmp_path / "report.html").exists()


def test_a_process_without_a_validation_image_does_not_hang(streets: Path, tmp_path: Path) -> None:
    """With batch normalisation, whose statistics processes share in training, and one validation image for two."""
    run = RunDir(tmp_path / "run")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    flags = ["--data.split.scheme", "random", "--data.split.fractions", "0.87", "0.12", "0.01", "--train.epochs", "1"]
    flags += ["--model.skips", "normalised", "--model.batch_norm", "true"]
    process = start(torchrun, streets, run.path, 1, *flags)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert len(run.splits().val) == 1
    assert run.complete
