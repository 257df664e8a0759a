"""Time and memory, measured in turn, and what this machine reaches at best."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F

from roadseg.system.hardware import Precision, choose_memory_format, forget_peak_memory, peak_memory_gib

PEAK_ROUNDS, MEMORY_ROUNDS = 7, 9


class Timing(NamedTuple):
    """Seconds of a piece of work: the median of several rounds, the least and the most."""

    median: float
    low: float
    high: float


Resource = Literal["flops", "bandwidth", "exponentials", "comparisons"]
"""What may bound the pace: floating point operations, bytes of memory; exponentials and comparisons in the cache."""


class Peak(NamedTuple):
    """What the machine reaches at best, of each `Resource` a second."""

    flops: float
    bandwidth: float
    exponentials: float
    comparisons: float


class Plain(NamedTuple):
    """A work that does nothing but use one resource, and how much of it."""

    run: Callable[[], object]
    amount: float


def in_turn(
    sides: Mapping[str, Callable[[], object]],
    rounds: int,
    device: torch.device,
    done: Callable[[], None] = lambda: None,
) -> dict[str, Timing]:
    """Seconds of each side. Every round runs each of them once, so that what disturbs the machine disturbs all.

    A first round, which pays for memory and caches, is not counted. `done` is called after each piece of work.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, work in sides.items():
            started = time.perf_counter()
            work()
            synchronise(device)
            seconds[name].append(time.perf_counter() - started)
            done()
    return {name: _timing(values[1:]) for name, values in seconds.items()}


def extra_memory(work: Callable[[], object], device: torch.device) -> float:
    """MiB that a piece of work needs beyond what the process holds before it, the median of several; Linux or a GPU."""
    work()
    found = []
    for _ in range(MEMORY_ROUNDS):
        forget_peak_memory(device)
        before = peak_memory_gib(device)
        work()
        found.append(1024 * (peak_memory_gib(device) - before))
    return statistics.median(found)


def synchronise(device: torch.device) -> None:
    """Wait for a GPU."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _timing(seconds: list[float]) -> Timing:
    return Timing(statistics.median(seconds), min(seconds), max(seconds))


def plain_works(device: torch.device, precision: Precision) -> dict[Resource, tuple[Plain, ...]]:
    """The plainest work on each resource: a convolution and a product of matrices; a copy; in the cache, exponentials
    and comparisons.
    """
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    layout = choose_memory_format(device, precision)
    images = torch.randn(4, 256, 64, 64, device=device, dtype=dtype).contiguous(memory_format=layout)
    weight = torch.randn(256, 256, 3, 3, device=device, dtype=dtype).contiguous(memory_format=layout)
    matrix = torch.randn(2048, 2048, device=device, dtype=dtype)
    source = torch.zeros(2**26, device=device)
    target = torch.empty_like(source)
    values = torch.randn(2**17 if device.type == "cpu" else 2**26, device=device)
    result = torch.empty_like(values)
    return {
        "flops": (
            Plain(lambda: F.conv2d(images, weight, padding=1), 2 * images.numel() * weight[0].numel()),
            Plain(lambda: matrix @ matrix, 2 * 2048**3),
        ),
        "bandwidth": (Plain(lambda: target.copy_(source), 2 * source.nbytes),),
        "exponentials": (_repeated(lambda: torch.exp(values, out=result), values.numel()),),
        "comparisons": (_repeated(lambda: torch.maximum(values, result, out=result), values.numel()),),
    }


def _repeated(work: Callable[[], object], amount: int, times: int = 16) -> Plain:
    def run() -> None:
        for _ in range(times):
            work()

    return Plain(run, times * amount)


def measure_peak(device: torch.device, precision: Precision) -> Peak:
    """The best of several tries of each of `plain_works`."""
    paces = {
        resource: max(plain.amount / in_turn({"": plain.run}, PEAK_ROUNDS, device)[""].low for plain in works)
        for resource, works in plain_works(device, precision).items()
    }
    return Peak(**paces)
