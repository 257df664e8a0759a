"""Examine this machine for training, and advise where something is wrong."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from roadseg.system.hardware import choose_memory_format, choose_precision
from roadseg.system.processes import cpu_count, is_busy, load

GIB = 2**30
LITTLE_MEMORY = 6.0
"""GiB of memory below which training a full VGG16 becomes tight."""
LITTLE_DISK = 5.0
"""GiB of free disk below which keeping a few runs becomes tight."""


class Finding(NamedTuple):
    """One line of the doctor: the subject, its value, and advice ("" where nothing is wrong)."""

    what: str
    value: str
    advice: str = ""


def examine() -> list[Finding]:
    """All findings about Python, torch, device, precision, memory, disk and packages that get in the way."""
    device = torch.device(
        "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    )
    return [
        Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        Finding("torch", torch.__version__, _torch_advice()),
        _device(device),
        _precision(device),
        _load(load(), cpu_count()),
        _memory(),
        _disk(Path.cwd()),
        _torchvision(),
    ]


def _torch_advice() -> str:
    if torch.cuda.is_available() or shutil.which("nvidia-smi") is None:
        return ""
    return "an NVIDIA driver is here but this torch cannot use it; install a CUDA build of torch (pytorch.org)"


def _device(device: torch.device) -> Finding:
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory / GIB
        return Finding(
            "device", f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(device)}, {memory:.0f} GiB"
        )
    advice = "" if cpu_count() > 1 else "a single core trains slowly; start with the demo recipes"
    return Finding("device", f"{device.type}, {cpu_count()} cores, {torch.get_num_threads()} threads", advice)


def _precision(device: torch.device) -> Finding:
    precision = choose_precision(device, "auto")
    layout = str(choose_memory_format(device, precision)).removeprefix("torch.")
    name = {"bf16": "bfloat16", "fp32": "float32"}[precision]
    advice = "" if precision == "bf16" else "no bfloat16 hardware: float32 is faster here, keep --train.precision auto"
    return Finding("precision", f"{name}, {layout}", advice)


def _load(load: float, cores: int) -> Finding:
    """Threads that spin while they wait for one without a core cost the others theirs (docs/log.md)."""
    advice = (
        "other programs are at work: expect less speed; threads sleep while they wait (OMP_WAIT_POLICY=PASSIVE)"
        if is_busy(load, cores)
        else ""
    )
    return Finding("load", f"{load:.1f} on {cores} cores", advice)


def _memory() -> Finding:
    total = psutil.virtual_memory().total / GIB
    advice = (
        "" if total >= LITTLE_MEMORY else "little: lower --train.batch_size, --transforms.crop and --data.cache_gib"
    )
    return Finding("memory", f"{total:.1f} GiB", advice)


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / GIB
    advice = "" if free >= LITTLE_DISK else "little: a VGG16 run takes about 0.4 GiB; choose another place with --run"
    return Finding("disk", f"{free:.1f} GiB free in {folder}", advice)


def _torchvision() -> Finding:
    """Imported in a process of its own: a torchvision built for another torch can end the process that imports it."""
    check = subprocess.run(
        [sys.executable, "-c", "import torchvision; print(torchvision.__version__)"], capture_output=True, text=True
    )
    if check.returncode == 0:
        return Finding("torchvision", f"{check.stdout.strip()}, works (roadseg does not use it)")
    if "No module named 'torchvision'" in check.stderr:
        return Finding("torchvision", "not installed (roadseg does not use it)")
    advice = "it also breaks torchmetrics and transformers; run: pip uninstall torchvision"
    return Finding("torchvision", "installed but cannot be imported", advice)
