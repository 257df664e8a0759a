"""Seconds of a training step (forward, loss, backward) of FCN-8s in each precision and memory layout.

python benchmarks/training_step.py [--size 160] [--batch 2] [--repeats 5]

All settings run in turn in one process on the same inputs and weights; the loss must agree. The ratios are to float32
in NCHW with glibc as it comes; `kept` is after roadseg.system.hardware.keep_freed_memory().
"""

import argparse
import statistics
import time

import torch

from roadseg.config.settings import Model
from roadseg.models import build
from roadseg.models.upsample import upsample
from roadseg.system.hardware import keep_freed_memory
from roadseg.system.processes import cpu_count
from roadseg.training.losses import cross_entropy


def step(
    device: torch.device, bfloat16: bool, layout: torch.memory_format, size: int, batch: int
) -> tuple[float, float]:
    """Loss and seconds of one step."""
    torch.manual_seed(0)
    model = build(Model(name="fcn8s", head="light", dropout=0.0), 19).to(device, memory_format=layout)  # type: ignore[call-overload]
    images = torch.randn(batch, 3, size, size).to(device).contiguous(memory_format=layout)
    targets = torch.randint(0, 19, (batch, size, size)).to(device)
    seconds = []
    for _ in range(2):  # the first one warms up
        model.zero_grad()
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            logits = model(images)
        loss = cross_entropy(upsample(logits.float(), model.grid, (size, size)), targets)
        loss.backward()
        value = float(loss.detach())
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return value, seconds[-1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{device.type}, {cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}")
    settings = {
        "float32 NCHW": (False, torch.contiguous_format),
        "float32 NCHW, kept": (False, torch.contiguous_format),
        "float32 channels_last, kept": (False, torch.channels_last),
        "bfloat16 channels_last, kept": (True, torch.channels_last),
    }
    reference: tuple[float, float] | None = None
    for name, (bfloat16, layout) in settings.items():
        if "kept" in name:
            keep_freed_memory()
        results = [step(device, bfloat16, layout, arguments.size, arguments.batch) for _ in range(arguments.repeats)]
        loss, times = results[0][0], [seconds for _, seconds in results]
        median = statistics.median(times)
        reference = reference or (loss, median)
        assert abs(loss - reference[0]) < 0.02 * reference[0], f"{name}: loss {loss} differs from {reference[0]}"
        spread = f"{min(times):.2f}-{max(times):.2f}"
        print(f"{name:<30} {median:7.2f} s ({spread})  {reference[1] / median:5.2f} x", flush=True)


if __name__ == "__main__":
    main()
