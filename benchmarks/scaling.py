"""Images per second of training on one process and on several, and how much of a whole process each one adds.

python benchmarks/scaling.py [--processes 1 2 4] [--network fcn8s] [--head light] [--crop 320 640] [--batch 4]

Every process works on a batch of its own, as in training. With GPUs each process has one; without them each has one
thread, so that there should not be more processes than cores. The first count is what the others are compared with. A
random network sees random images: reading data is left out. docs/scaling.md says what to expect.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

import torch

from roadseg.bench import work
from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.system.hardware import make_accelerator


def train(network: str, changes: dict[str, object], steps: int) -> None:
    """Steps in this process, together with those that torchrun started beside it; the first one prints the result."""
    accelerator, memory_format = make_accelerator("auto")
    config = overridden(recipe(f"kitti-{network}"), changes)
    learner = work.make_learner(config, work.CLASSES, accelerator, memory_format)
    group = [work.make_batch(config)]
    weight = learner.weight(group) * accelerator.num_processes
    seconds = []
    for number in range(steps + 2):  # the first two set up
        started = time.perf_counter()
        learner.step(group, number, 1e-3, weight)  # waits for the loss of all processes
        seconds.append(time.perf_counter() - started)
    if accelerator.is_main_process:
        gradients = sum(p.numel() for p in learner.network.parameters() if p.requires_grad)
        print(statistics.median(seconds[2:]), 4 * gradients)


def measured(processes: int, words: list[str]) -> tuple[float, float]:
    """Seconds of a step on so many processes, and bytes of the gradients of one."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "--"]
    launcher = [sys.executable, *(torchrun if processes > 1 else [])]
    done = subprocess.run(
        [*launcher, __file__, *words, "--only"],
        check=True, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    seconds, size = done.stdout.split()[-2:]
    return float(seconds), float(size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--network", default="fcn8s")
    parser.add_argument("--head", choices=("light", "vgg"), help="of the FCNs; default: light")
    parser.add_argument("--crop", type=int, nargs=2, default=(320, 640), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--only", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    changes = {
        "transforms.crop": arguments.crop,
        "train.batch_size": arguments.batch,
        "model.width": arguments.width,
    } | ({"model.head": arguments.head} if arguments.head else {})
    if arguments.only:
        train(arguments.network, changes, arguments.steps)
        return
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu, one thread for each process"
    print(f"{arguments.network}, batches of {arguments.batch} x {arguments.crop[0]}x{arguments.crop[1]}, {device}")
    reference: float | None = None
    for processes in arguments.processes:
        seconds, size = measured(processes, sys.argv[1:])
        pace = processes * arguments.batch / seconds
        reference = reference or pace / processes
        share, sent = pace / processes / reference, 2 * (processes - 1) / processes * size
        print(
            f"{processes:3} processes  {seconds:7.3f} s a step  {pace:8.2f} images/s, {share:.0%} "
            f"of {processes} x {reference:.2f}; each sends {sent / 1e6:.0f} MB a step",
            flush=True,
        )


if __name__ == "__main__":
    main()
