"""Where the time of a training step goes, beside what each part would take at the machine's best pace.

python benchmarks/step_profile.py [--recipe camvid-fcn8s] [--classes 11] [--steps 5]

torch's profiler follows some steps on noise of the recipe's size, and every operator's own time is put down to one
part. The floors: operations of the convolutions at the best rate of a convolution or product, exponentials of the
loss, bytes that the optimizer must read and write at the bandwidth of a copy. What has no floor ought to be nothing.
"""

import argparse
from collections import Counter
from unittest.mock import patch

import torch
from rich.console import Console
from rich.table import Table
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.flop_counter import FlopCounterMode

from roadseg.bench.measure import Peak, in_turn, measure_peak
from roadseg.bench.work import IMAGE, collated, make_learner, settings, street_sample
from roadseg.config.settings import Config
from roadseg.data.loading import Batch
from roadseg.system.hardware import make_accelerator
from roadseg.training.learner import Learner

PARTS = {
    "convolutions, forward": ("mkldnn_convolution", "cudnn_convolution", "_slow_conv2d_forward", "thnn_conv2d"),
    "convolutions, backward": ("convolution_backward",),
    "pooling, activation, normalisation": (
        "max_pool2d_with_indices", "max_pool2d_with_indices_backward", "relu_", "clamp_min_", "threshold_backward",
        "native_batch_norm", "native_batch_norm_backward", "bernoulli_", "native_dropout", "div_",
    ),
    "casts and copies": ("copy_",),
}  # fmt: skip
REGIONS = {"loss": "loss", "Optimizer.step": "optimizer", "Optimizer.zero_grad": "optimizer"}
BYTES_PER_PARAMETER = {"adamw": 28, "adam": 28, "sgd": 20}
"""Weight, gradient and moments in float32, read and (but for the gradient) written once."""


def make_batch(config: Config, classes: int) -> Batch:
    """An augmented batch of noise of KITTI's size."""
    samples = [street_sample(*IMAGE, seed, classes) for seed in range(config.train.batch_size)]
    return collated(samples, config, 0)


def part_of(event: FunctionEvent) -> str:
    """The part that an operator's own time belongs to: that of the region it runs in, or its own."""
    ancestor = event
    while ancestor is not None:
        for region, part in REGIONS.items():
            if ancestor.name.startswith(region):
                return part
        ancestor = ancestor.cpu_parent
    name = event.name.removeprefix("aten::")
    return next((part for part, names in PARTS.items() if name in names), "everything else")


def profiled(learner: Learner, batch: Batch, steps: int) -> Counter[str]:
    """Seconds a step of each part."""
    weight = learner.weight([batch])
    fused = learner.loss

    def marked(*arguments: object) -> object:
        with record_function("loss"):
            return fused(*arguments)

    seconds: Counter[str] = Counter()
    with (
        patch.object(learner, "loss", marked),
        profile(activities=[ProfilerActivity.CPU]) as recorded,
    ):
        for number in range(steps):
            learner.step([batch], number, 1.0, weight)
    for event in recorded.events():
        seconds[part_of(event)] += event.self_cpu_time_total / 1e6 / steps
    return seconds


def floors(learner: Learner, batch: Batch, config: Config, classes: int, peak: Peak) -> dict[str, float]:
    """Seconds that each part would take at the machine's best pace."""
    with FlopCounterMode(display=False) as counter:
        learner.step([batch], 0, 1.0, 1.0)
    counts = counter.get_flop_counts()["Global"]
    aten = torch.ops.aten
    trained = sum(p.numel() for p in learner.network.parameters() if p.requires_grad)
    return {
        "convolutions, forward": counts[aten.convolution] / peak.flops,
        "convolutions, backward": counts[aten.convolution_backward] / peak.flops,
        "loss": batch.targets.numel() * classes / peak.exponentials,
        "optimizer": trained * BYTES_PER_PARAMETER[config.optimizer.name] / peak.bandwidth,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", default="camvid-fcn8s")
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--steps", type=int, default=5)
    arguments = parser.parse_args()
    config = settings(arguments.recipe)
    accelerator, layout = make_accelerator(config.train.precision)
    device, precision = accelerator.device, "bf16" if accelerator.mixed_precision == "bf16" else "fp32"
    if device.type != "cpu":
        raise SystemExit("operators are timed on the CPU alone; hide the GPU with CUDA_VISIBLE_DEVICES=")
    peak = measure_peak(device, precision)
    learner = make_learner(config, arguments.classes, accelerator, layout)
    batch = make_batch(config, arguments.classes)
    weight = learner.weight([batch])
    works = {
        "step": lambda: learner.step([batch], 0, 1.0, weight),
        "augmented batch": lambda: make_batch(config, arguments.classes),
    }
    timings = in_turn(works, arguments.steps, device)
    seconds = profiled(learner, batch, arguments.steps)
    least = floors(learner, batch, config, arguments.classes, peak)
    print_parts(seconds, least, timings["step"].median, f"{arguments.recipe}, {device.type}, {precision}")
    step, data = timings["step"], timings["augmented batch"]
    print(f"unprofiled: a step {step.median:.3f} s ({step.low:.3f}-{step.high:.3f}), ", end="")
    print(f"its data (noise made and augmented) {data.median:.3f} s, {100 * data.median / step.median:.1f} % of it")
    print(f"best pace: {peak.flops / 1e9:.0f} GFLOP/s, {peak.bandwidth / 1e9:.0f} GB/s, ", end="")
    print(f"{peak.exponentials / 1e9:.1f} G exponentials/s")


def print_parts(seconds: Counter[str], least: dict[str, float], step: float, title: str) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("part")
    for name in ("ms", "share", "floor, ms", "times the floor"):
        table.add_column(name, justify="right")
    for part, value in seconds.most_common():
        floor = least.get(part)
        table.add_row(
            part, f"{1000 * value:.1f}", f"{100 * value / seconds.total():.1f} %",
            "" if floor is None else f"{1000 * floor:.1f}", "" if floor is None else f"{value / floor:.2f}",
        )  # fmt: skip
    total = sum(least.values())
    table.add_section()
    table.add_row(
        "all", f"{1000 * seconds.total():.1f}", "100 %", f"{1000 * total:.1f}", f"{seconds.total() / total:.2f}"
    )
    Console().print(table)


if __name__ == "__main__":
    main()
