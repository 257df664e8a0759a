"""Kill a training run at random moments, resume it each time, and compare its weights with an uninterrupted run's.

python benchmarks/kill_and_resume.py --kills 5

SIGKILL and SIGTERM alternate. The moments are random and add up to most of what the uninterrupted training took.
Exit code 1 if a single byte of the final weights differs.
"""

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKPOINTS = ("last.safetensors", "best.safetensors")


def command(data: Path, run: Path, epochs: int) -> list[str]:
    flags = {
        "--data.root": data, "--run": run, "--train.epochs": epochs, "--train.batch_size": 2,
        "--train.checkpoint_minutes": 0.005, "--model.width": 0.1, "--data.split.fractions": "0.7 0.3 0",
    }  # fmt: skip
    words = [word for flag, value in flags.items() for word in (flag, *str(value).split())]
    return [sys.executable, "-m", "roadseg", "train", "demo-fcn16s", "--resume", *words]


def hashes(run: Path) -> dict[str, str]:
    return {name: hashlib.sha256((run / "checkpoints" / name).read_bytes()).hexdigest() for name in CHECKPOINTS}


def begun(words: list[str]) -> "subprocess.Popen[str]":
    """The command, once it has read its data and begins to train."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "to train" in line:
            break
    return process


def stopped(words: list[str], after: float, number: signal.Signals) -> str:
    """Begin the command, signal it after some seconds of training, and say how it ended."""
    process = begun(words)
    time.sleep(after)
    process.send_signal(number)
    _, error = process.communicate()
    assert "Traceback" not in error, error
    return f"{number.name} after {after:.2f} s of training: exit {process.returncode}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: threads cost more than they bring
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        data, whole, cut = (Path(folder) / name for name in ("streets", "whole", "cut"))
        synthesize = [
            "data",
            "synthesize",
            str(data),
            "--drives",
            "4",
            "--frames",
            "3",
            "--width",
            "208",
            "--height",
            "64",
        ]
        subprocess.run([sys.executable, "-m", "roadseg", *synthesize], check=True, stdout=subprocess.DEVNULL)
        process = begun(command(data, whole, arguments.epochs))
        start = time.monotonic()
        process.communicate()
        seconds = time.monotonic() - start
        print(f"uninterrupted: {seconds:.1f} s of training, exit {process.returncode}", flush=True)
        for kill in range(arguments.kills):
            number = signal.SIGKILL if kill % 2 == 0 else signal.SIGTERM
            how = stopped(
                command(data, cut, arguments.epochs), moments.uniform(0, 1.8 / arguments.kills) * seconds, number
            )
            lines = (cut / "metrics.jsonl").read_text().count("\n") if (cut / "metrics.jsonl").exists() else 0
            print(f"{how}, {lines} of {arguments.epochs} epochs done", flush=True)
        subprocess.run(command(data, cut, arguments.epochs), check=True, stdout=subprocess.DEVNULL)
        expected, found = hashes(whole), hashes(cut)
    for name in CHECKPOINTS:
        print(f"{name}: {expected[name][:16]} {'=' if expected[name] == found[name] else '!='} {found[name][:16]}")
    return int(expected != found)


if __name__ == "__main__":
    sys.exit(main())
