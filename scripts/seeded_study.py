"""Hashes of everything that one seeded tiny study computes: equal before and after a change that only moves code.

    python scripts/seeded_study.py [--output FILE]

It draws streets, trains three networks (one with a CRF) with two seeds, scores them, writes the report, labels pictures
and ranks suspect labels, with the `roadseg` of this interpreter on one thread, and prints a SHA-256 for each file.
Times, memory and places are left out, because they differ from run to run.
On one machine two prints are equal, bit for bit.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PASSING = ("seconds", "seconds_per_image", "memory_gib", "run", "runs", "data", "label_file", "images_per_second")
"""Keys whose values differ from run to run."""
SETTINGS = (
    "--model.width", "0.05", "--transforms.crop", "64", "64", "--train.epochs", "2", "--train.batch_size", "2",
    "--train.precision", "fp32", "--data.split.fractions", "0.4", "0.2", "0.4",
)  # fmt: skip


def roadseg(*words: str) -> None:
    """Run a command in the current folder."""
    subprocess.run([sys.executable, "-m", "roadseg", *words], check=True, stdout=subprocess.DEVNULL)


def lasting(content: Any) -> Any:
    """JSON without what differs from run to run."""
    if isinstance(content, dict):
        return {key: lasting(value) for key, value in content.items() if key not in PASSING}
    return [lasting(value) for value in content] if isinstance(content, list) else content


def digest(path: Path) -> str:
    """SHA-256 of a file, of JSON without what differs from run to run."""
    content = path.read_bytes()
    if path.suffix in (".json", ".jsonl"):
        lines = content.decode().splitlines() if path.suffix == ".jsonl" else [content.decode()]
        content = json.dumps([lasting(json.loads(line)) for line in lines], sort_keys=True).encode()
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Make the study in a temporary folder and print the hashes, sorted by file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="also write the hashes here")
    output = parser.parse_args().output
    target = output.resolve() if output else None
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        roadseg("data", "synthesize", "streets", "--drives", "16", "--frames", "2", "--width", "96", "--height", "64")
        recipes = ("demo-fcn32s", "demo-fcn16s", "demo-fcn8s_crf")
        roadseg("study", *recipes, "--data.root", "streets", "--seeds", "0", "1", "--output", "study", *SETTINGS)
        roadseg("predict", "study/runs/demo-fcn8s_crf/seed-0", "streets/training/image_2", "--output", "labelled")
        roadseg("suspects", "study/runs/demo-fcn16s/seed-0", "--data.root", "streets", "--output", "suspects")
        patterns = (
            "study/runs/*/*/metrics.jsonl", "study/runs/*/*/splits.json", "study/runs/*/*/temperature.json",
            "study/runs/*/*/checkpoints/*.safetensors", "study/runs/*/*/evaluation/*.json",
            "study/scores.json", "labelled/*/*.png", "suspects/suspects.json",
        )  # fmt: skip
        files = [path for pattern in patterns for path in sorted(Path().glob(pattern))]
        lines = [f"{digest(path)}  {path}" for path in files]
        whole = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        print("\n".join([*lines, f"{whole}  all {len(lines)} files"]))
        if target:
            target.write_text("\n".join([*lines, f"{whole}  all {len(lines)} files"]) + "\n")
        os.chdir("/")


if __name__ == "__main__":
    main()
