"""A training step and a prediction of camvid-fcn8s with a compiled trunk and without, and how long compiling takes.

python benchmarks/compile.py [--rounds 5]

Needs a C++ compiler (CPU) or Triton (GPU). Both sides take turns in one process; the first losses must agree
to 2 %. The trunk alone is compiled: torch 2.13 expects another layout of replication_pad2d's gradient than it gets, and
stops, where the skips are compiled too.
"""

import argparse
import math
import time

import torch

from roadseg.bench.measure import in_turn, synchronise
from roadseg.bench.work import collated, make_learner, make_prediction, settings, street_sample
from roadseg.system.hardware import make_accelerator
from roadseg.system.processes import cpu_count

CLASSES, SIZE = 11, (360, 480)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    config = settings("camvid-fcn8s")
    accelerator, layout = make_accelerator("auto")
    device = accelerator.device
    batch = collated([street_sample(*SIZE, classes=CLASSES)] * config.train.batch_size, config, 0)
    image = street_sample(*SIZE).image
    print(
        f"{device.type}, {cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}", flush=True
    )
    steps, predictions, losses = {}, {}, {}
    for name in ("plain", "compiled"):
        learner = make_learner(config, CLASSES, accelerator, layout)
        weight = learner.weight([batch])
        if name == "compiled":
            learner.network.trunk.compile()
        steps[name] = lambda learner=learner, weight=weight: learner.step([batch], 0, 1.0, weight)
        predictions[name] = make_prediction(learner, image, config)
        for what, work in (("step", steps[name]), ("prediction", predictions[name])):
            started = time.perf_counter()
            result = work()
            synchronise(device)
            if what == "step":
                losses[name] = result[0]
            print(f"first {what}, {name}: {time.perf_counter() - started:.1f} s", flush=True)
    assert math.isclose(losses["plain"], losses["compiled"], rel_tol=2e-2), losses
    for what, sides in (("step", steps), ("prediction", predictions)):
        timings = in_turn(sides, rounds, device)
        for name, timing in timings.items():
            print(f"{what}, {name}: {timing.median:.3f} s ({timing.low:.3f}-{timing.high:.3f})")
        print(f"{what}: plain / compiled = {timings['plain'].median / timings['compiled'].median:.2f}", flush=True)


if __name__ == "__main__":
    main()
