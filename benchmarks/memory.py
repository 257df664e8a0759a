"""Peak memory and seconds of a training step that keeps the trunk's activations, and of one that recomputes them.

python benchmarks/memory.py [--networks fcn8s fcn_resnet18] [--size 160 480] [--batch 4] [--width 1]

Each side is a process of its own, so that neither profits from memory that the other has left behind; they take turns.
Peak memory is that of the GPU's tensors where there is one, else the largest resident set (VmHWM, Linux). `above base`
leaves out what the process held before the steps: the network, torch itself. On a CPU both losses must be equal.
"""

import argparse
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import torch

from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.data.loading import Batch
from roadseg.system.hardware import forget_peak_memory, make_accelerator
from roadseg.system.processes import cpu_count
from roadseg.training.learner import Learner
from roadseg.training.prepare import build_network

CLASSES, STEPS = 19, 3
MIB = 2**20


class Outcome(NamedTuple):
    """Of some training steps: memory before them and at its peak, both in MiB; median seconds of a step; last loss."""

    base: float
    peak: float
    seconds: float
    loss: float


def memory(device: torch.device, key: str) -> float:
    """MiB held now (`VmRSS`) or at most so far (`VmHWM`)."""
    if device.type == "cuda":
        held = torch.cuda.memory_allocated if key == "VmRSS" else torch.cuda.max_memory_allocated
        return held(device) / MIB
    found = re.search(rf"^{key}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found, "needs Linux or a GPU"
    return int(found[1]) / 1024


def steps(network: str, recompute: bool, size: tuple[int, int], batch: int, width: float) -> Outcome:
    """Steps on one random batch, in this process."""
    settings = overridden(recipe(f"kitti-{network}"), {"train.recompute": recompute, "model.width": width})
    accelerator, memory_format = make_accelerator("auto")
    learner = Learner(build_network(settings, CLASSES, True), accelerator, memory_format, None, None, 0)
    learner.begin_epoch()
    torch.manual_seed(0)
    targets = torch.randint(0, CLASSES, (batch, *size), dtype=torch.uint8)
    group = [Batch(torch.randn(batch, 3, *size), targets, [str(number) for number in range(batch)])]
    forget_peak_memory(accelerator.device)
    base = memory(accelerator.device, "VmRSS")
    seconds = []
    for number in range(STEPS):
        started = time.perf_counter()
        loss, _ = learner.step(group, number, 1e-3, float(targets.numel()))
        seconds.append(time.perf_counter() - started)
    return Outcome(base, memory(accelerator.device, "VmHWM"), statistics.median(seconds), loss / targets.numel())


def measured(network: str, recompute: bool, arguments: argparse.Namespace) -> Outcome:
    """`steps` in a new process."""
    size = [str(side) for side in arguments.size]
    words = ["--networks", network, "--size", *size, "--batch", str(arguments.batch), "--width", str(arguments.width)]
    done = subprocess.run(
        [sys.executable, __file__, *words, "--only", str(recompute)], check=True, stdout=subprocess.PIPE, text=True
    )
    return Outcome(*map(float, done.stdout.split()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["fcn8s", "unet", "fcn_resnet18"])
    parser.add_argument("--size", type=int, nargs=2, default=(160, 480), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--only", choices=("True", "False"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        size = tuple(arguments.size)
        print(*steps(arguments.networks[0], arguments.only == "True", size, arguments.batch, arguments.width))
        return
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"{device}, {cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for network in arguments.networks:
        kept, recomputed = (measured(network, recompute, arguments) for recompute in (False, True))
        assert device == "cuda" or kept.loss == recomputed.loss, f"{network}: {kept.loss} is not {recomputed.loss}"
        for name, outcome in (("kept", kept), ("recomputed", recomputed)):
            above, whole = outcome.peak - outcome.base, outcome.peak
            print(
                f"{network:<14} {name:<10} {whole:7.0f} MiB, {whole / kept.peak:.2f} x; above base {above:7.0f} MiB, "
                f"{above / (kept.peak - kept.base):.2f} x; {outcome.seconds / kept.seconds:.2f} x the time",
                flush=True,
            )


if __name__ == "__main__":
    main()
