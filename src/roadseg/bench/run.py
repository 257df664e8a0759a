"""Time the work, and put it beside what the machine reaches at best."""

import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from rich.table import Table

from roadseg.bench.measure import Resource, Timing, in_turn, plain_works
from roadseg.bench.work import WORK, Machine, Work
from roadseg.system.hardware import Precision, make_accelerator, peak_memory_gib
from roadseg.system.processes import cpu_count
from roadseg.system.progress import Display

UNITS: dict[Resource, str] = {
    "flops": "{:.0f} GFLOP/s",
    "bandwidth": "{:.0f} GB/s",
    "exponentials": "{:.1f} G exponentials/s",
    "comparisons": "{:.1f} G comparisons/s",
}
"""A pace for a person, from billions a second."""
SET = "*"
"""Marks a work that set the best pace itself."""


def bench(names: Sequence[str], rounds: int, display: Display) -> dict[str, Any]:
    """Figures of the works of these names, as `roadseg bench --output` writes them; times in seconds.

    Each round runs the work and what is plainest on the resource that bounds it, so that both see the same machine.
    """
    accelerator, memory_format = make_accelerator("auto")
    device = accelerator.device
    precision: Precision = "bf16" if accelerator.mixed_precision == "bf16" else "fp32"
    machine, plain = Machine(accelerator, memory_format), plain_works(device, precision)
    rows, paces = {}, dict[Resource, float]()
    for name in names:
        work = WORK[name](machine)
        simplest = dict(enumerate(plain[work.resource]))
        sides = {"": work.run} | {str(number): each.run for number, each in simplest.items()}
        display.begin(name, (rounds + 1) * len(sides))
        timings = in_turn(sides, rounds, device, display.advance)
        rows[name] = measured(work, timings[""])
        pace = max(each.amount / timings[str(number)].low for number, each in simplest.items())
        paces[work.resource] = max(pace, paces.get(work.resource, 0.0))
    peak = peak_paces(rows.values(), paces)
    return {
        "machine": {
            "device": device.type, "name": _name(device), "cores": cpu_count(), "threads": torch.get_num_threads(),
            "torch": torch.__version__, "precision": precision, "peak": peak,
        },
        "rounds": rounds,
        "results": {name: with_floor(row, paces, peak) for name, row in rows.items()},
        "memory_gib": peak_memory_gib(device),
    }  # fmt: skip


def measured(work: Work, timing: Timing) -> dict[str, Any]:
    """A row of the table as numbers, without its floor."""
    return {
        "what": work.what,
        "seconds": timing._asdict(),
        "images_per_second": work.images / timing.median,
        "resource": work.resource,
        "amount": work.amount,
        "floor_of": work.floor_of,
    }


def peak_paces(rows: Iterable[dict[str, Any]], plain: Mapping[Resource, float]) -> dict[Resource, float]:
    """Of each resource a second, the most that the machine reached: on plain work, or on a row's own.

    Work that is faster than plain work (other programs slowed that down) shows what the machine can do.
    """
    peak = dict(plain)
    for row in rows:
        peak[row["resource"]] = max(peak[row["resource"]], _pace(row))
    return peak


def with_floor(row: dict[str, Any], plain: Mapping[Resource, float], peak: Mapping[Resource, float]) -> dict[str, Any]:
    """The row with its time at the peak, the share of the peak that its least time reaches, and if it set the peak."""
    resource = row["resource"]
    return row | {
        "floor_seconds": row["amount"] / peak[resource],
        "share_of_peak": _pace(row) / peak[resource],
        "sets_peak": plain[resource] < _pace(row) == peak[resource],
    }


def _pace(row: dict[str, Any]) -> float:
    return float(row["amount"] / row["seconds"]["low"])


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()


def bench_table(content: dict[str, Any]) -> Table:
    """The figures for a person."""
    machine, rows = content["machine"], content["results"]
    peak = ", ".join(UNITS[resource].format(pace / 1e9) for resource, pace in machine["peak"].items())
    caption = (
        "floor: the convolutions alone (train, infer), an exponential (loss) or a comparison (metrics) for each logit, "
        f"samples read and written once (loader), at the best pace seen on this machine: {peak}. of best: floor / "
        "least time. Other programs that run now make all of them slower."
    )
    if any(row["sets_peak"] for row in rows.values()):
        caption += f" {SET}: nothing plainer was faster, so that this work itself set the best pace."
    table = Table(
        title=f"{machine['device']}, {machine['cores']} cores, {machine['threads']} threads, torch {machine['torch']}, "
        f"{machine['precision']}; medians of {content['rounds']} rounds",
        caption=caption,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("")
    table.add_column("what")
    for name in ("ms", "least-most", "images/s", "floor", "of best"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, row in rows.items():
        seconds = row["seconds"]
        table.add_row(
            name, row["what"], milliseconds(seconds["median"]),
            f"{milliseconds(seconds['low'])}-{milliseconds(seconds['high'])}", f"{row['images_per_second']:.1f}",
            milliseconds(row["floor_seconds"]), f"{100 * row['share_of_peak']:.0f} %" + SET * row["sets_peak"],
        )  # fmt: skip
    return table


def milliseconds(seconds: float) -> str:
    """With at least two digits."""
    value = 1000 * seconds
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
