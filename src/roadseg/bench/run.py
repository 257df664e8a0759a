"""Time the work, and put it beside what the machine reaches at best."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import torch
from rich.table import Table

from roadseg.bench.measure import Timing, in_turn, measure_peak
from roadseg.bench.work import WORK, Machine, Work
from roadseg.system.hardware import Precision, cpu_count, make_accelerator, peak_memory_gib
from roadseg.system.progress import Display


def bench(names: Sequence[str], rounds: int, display: Display) -> dict[str, Any]:
    """Figures of the works of these names, as `roadseg bench --output` writes them; times in seconds."""
    accelerator, memory_format = make_accelerator("auto")
    device = accelerator.device
    precision: Precision = "bf16" if accelerator.mixed_precision == "bf16" else "fp32"
    display.begin("measuring the machine", 1)
    machine = Machine(accelerator, memory_format, measure_peak(device, precision))
    results = {}
    for name in names:
        work = WORK[name](machine)
        display.begin(name, rounds + 1)
        results[name] = figures(work, in_turn({name: work.run}, rounds, device, display.advance)[name])
    return {
        "machine": {
            "device": device.type, "name": _name(device), "cores": cpu_count(), "threads": torch.get_num_threads(),
            "torch": torch.__version__, "precision": precision, "peak": machine.peak._asdict(),
        },
        "rounds": rounds,
        "results": results,
        "memory_gib": peak_memory_gib(device),
    }  # fmt: skip


def figures(work: Work, timing: Timing) -> dict[str, Any]:
    """A row of the table as numbers."""
    return {
        "what": work.what,
        "seconds": timing._asdict(),
        "images_per_second": work.images / timing.median,
        "floor_seconds": work.floor,
        "floor_of": work.floor_of,
        "share_of_peak": work.floor / timing.median,
    }


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()


def bench_table(content: dict[str, Any]) -> Table:
    """The figures for a person."""
    machine, peak = content["machine"], content["machine"]["peak"]
    table = Table(
        title=f"{machine['device']}, {machine['cores']} cores, {machine['threads']} threads, torch {machine['torch']}, "
        f"{machine['precision']}; medians of {content['rounds']} rounds",
        caption="floor: the convolutions alone (train, infer), exponentials (loss), full-size logits copied once "
        "(metrics; bands may do better), samples read and written once (loader), at the best pace of this machine: "
        f"{peak['flops'] / 1e9:.0f} GFLOP/s, {peak['exponentials'] / 1e9:.1f} G exponentials/s, "
        f"{peak['bandwidth'] / 1e9:.0f} GB/s. Other programs that run now make all of them slower.",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("")
    table.add_column("what")
    for name in ("ms", "least-most", "images/s", "floor", "of best"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in content["results"].items():
        seconds = row["seconds"]
        table.add_row(
            name, row["what"], milliseconds(seconds["median"]),
            f"{milliseconds(seconds['low'])}-{milliseconds(seconds['high'])}", f"{row['images_per_second']:.1f}",
            milliseconds(row["floor_seconds"]), f"{100 * row['share_of_peak']:.0f} %",
        )  # fmt: skip
    return table


def milliseconds(seconds: float) -> str:
    """With at least two digits."""
    value = 1000 * seconds
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
