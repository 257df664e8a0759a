"""The processes on this machine: its cores, other work on them, and those that torchrun started; without torch."""

import os


def is_main_process() -> bool:
    """Of several that torchrun started; without asking torch."""
    return os.environ.get("RANK", "0") == "0"


def several_processes() -> bool:
    """Whether torchrun started more than this one; without asking torch."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def cpu_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load() -> float:
    """Processes that were running or waiting for a core in the last minute, on average; 0 where unknown."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def is_busy(load: float, cores: int) -> bool:
    """Whether other programs are at work."""
    return load > cores / 2


def sleep_while_waiting() -> None:
    """Let the threads of a busy machine sleep while they wait for each other, unless the person chose for themselves.

    It must be called before torch is loaded. Beside a busy process steps take 0.57 of the time, alone 1.08 times as
    long (docs/log.md), so that a machine without other work is left as it is.
    """
    if is_busy(load(), cpu_count()):
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
