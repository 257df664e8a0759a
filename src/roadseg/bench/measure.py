"""Time and memory, measured in turn, and what this machine reaches at best."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from roadseg.system.hardware import Precision, choose_memory_format, forget_peak_memory, peak_memory_gib

PEAK_ROUNDS, MEMORY_ROUNDS = 7, 9


class Timing(NamedTuple):
    """Seconds of a piece of work: the median of several rounds, the least and the most."""

    median: float
    low: float
    high: float


class Peak(NamedTuple):
    """What the machine reaches on the plainest work: operations a second, bytes a second, exponentials a second."""

    flops: float
    bandwidth: float
    exponentials: float


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


def _best(work: Callable[[], object], device: torch.device) -> float:
    return in_turn({"": work}, PEAK_ROUNDS, device)[""].low


@torch.inference_mode()
def measure_peak(device: torch.device, precision: Precision) -> Peak:
    """The best of several tries: a convolution and a product of matrices; a copy; exponentials in the cache."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    layout = choose_memory_format(device, precision)
    images = torch.randn(4, 256, 64, 64, device=device, dtype=dtype).contiguous(memory_format=layout)
    weight = torch.randn(256, 256, 3, 3, device=device, dtype=dtype).contiguous(memory_format=layout)
    matrix = torch.randn(2048, 2048, device=device, dtype=dtype)
    convolution = 2 * images.numel() * weight[0].numel() / _best(lambda: F.conv2d(images, weight, padding=1), device)
    product = 2 * 2048**3 / _best(lambda: matrix @ matrix, device)
    return Peak(max(convolution, product), _bandwidth(device), _exponentials(device))


def _bandwidth(device: torch.device) -> float:
    source = torch.zeros(2**26, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / _best(lambda: target.copy_(source), device)


def _exponentials(device: torch.device) -> float:
    values = torch.randn(2**17 if device.type == "cpu" else 2**26, device=device)
    result = torch.empty_like(values)

    def repeated() -> Tensor:
        for _ in range(16):
            torch.exp(values, out=result)
        return result

    return 16 * values.numel() / _best(repeated, device)
