"""Training alone and beside a busy process, with threads that sleep while they wait for each other or that spin.

OMP_WAIT_POLICY is read once, when torch is imported, so each side is a process of its own; they take turns.
"""

import argparse
import os
import statistics
import subprocess
import sys

POLICIES = {
    "sleeping": {"OMP_WAIT_POLICY": "PASSIVE"},
    "brief spin": {"GOMP_SPINCOUNT": "20000"},
    "unset": {},
}
STEPS = """
import sys, time, torch
from roadseg import models
from roadseg.config.recipes import recipe
torch.manual_seed(0)
model = models.build(recipe("demo-fcn16s").model, 19)
images = torch.randn(4, 3, 128, 256)
for step in range(int(sys.argv[1]) + 2):
    if step == 2:  # the first ones set up
        started = time.perf_counter()
    model(images).square().mean().backward()
print((time.perf_counter() - started) / int(sys.argv[1]))
"""


def seconds_per_step(policy: str, steps: int) -> float:
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"} | POLICIES[policy]
    words = [sys.executable, "-c", STEPS, str(steps)]
    return float(subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for beside in (False, True):
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"])] if beside else []
        times: dict[str, list[float]] = {policy: [] for policy in POLICIES}
        for _ in range(arguments.rounds):
            for policy in POLICIES:
                times[policy].append(seconds_per_step(policy, arguments.steps))
        for process in busy:
            process.kill()
        print("beside a busy process" if beside else "alone")
        base = statistics.median(times["sleeping"])
        for policy, seconds in times.items():
            middle = statistics.median(seconds)
            print(
                f"  {policy:<10} {middle:.3f} s a step ({min(seconds):.3f}-{max(seconds):.3f}), {middle / base:.2f} x"
            )


if __name__ == "__main__":
    main()
