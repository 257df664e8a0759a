"""The device, and the fastest precision and memory layout on it."""

import ctypes
import gc
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from torch import nn

from roadseg.errors import ConfigError

Precision = Literal["fp32", "bf16"]

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Parameters of glibc's mallopt(3)."""


def cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware (AVX512-BF16, AMX, Arm's BF16). Emulation is ~10 times slower."""
    capabilities = torch.backends.cpu.get_cpu_capability()
    if capabilities.startswith("AVX"):
        # torch knows what it may use (ATEN_CPU_CAPABILITY); the two questions below ask the processor alone.
        wide = capabilities.startswith("AVX512")
        return wide and bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return _cpu_flag("bf16")


def _cpu_flag(flag: str) -> bool:
    try:
        with open("/proc/cpuinfo") as info:  # noqa: PTH123
            return any(flag in line.split() for line in info if line.lower().startswith("features"))
    except OSError:
        return False


def choose_precision(device: torch.device, wanted: Literal["auto", "fp32", "bf16"]) -> Precision:
    """The wanted precision; for `auto` bfloat16 where the hardware computes in it, else float32."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device.type == "cpu" and cpu_has_bfloat16() else "fp32"


def choose_memory_format(device: torch.device, precision: Precision) -> torch.memory_format:
    """channels_last for convolutions in bfloat16 or on a GPU; NCHW for float32 on a CPU, where it is faster.

    Measured by benchmarks/training_step.py; figures in docs/log.md.
    """
    fast = device.type == "cuda" or precision == "bf16"
    return torch.channels_last if fast else torch.contiguous_format


def own_device() -> torch.device:
    """The device of this process: a GPU where there is one, else the CPU, whose memory is then kept."""
    keep_freed_memory()
    # Accelerate joins processes on CPUs only when it is told
    device: torch.device = PartialState(cpu=not torch.accelerator.is_available()).device
    return device


def named_device(name: str | torch.device) -> torch.device:
    """A device as torch names it; `auto` is this process's own. Raises `ConfigError` where torch knows none."""
    if name == "auto":
        return own_device()
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        reason = str(error).splitlines()[0]
        raise ConfigError(f"no device {str(name)!r} ({reason}); give auto, cpu, or one as torch names it") from error


def make_accelerator(wanted: Literal["auto", "fp32", "bf16"]) -> tuple[Accelerator, torch.memory_format]:
    """Accelerate's view of this process (device, precision, other processes), and the fastest memory layout on it."""
    device = own_device()
    precision = choose_precision(device, wanted)
    AcceleratorState._reset_state()  # or a second run in one process could not have another precision
    on_cpu = not torch.accelerator.is_available()
    accelerator = Accelerator(cpu=on_cpu, mixed_precision="bf16" if precision == "bf16" else "no")
    return accelerator, choose_memory_format(device, precision)


def store_in_bfloat16(model: nn.Module) -> None:
    """Keep the weights of convolutions in bfloat16, where they compute in it: the same results, but no cast each time.

    For a network that learns no more. With fc6 and fc7 of VGG16 the casts are 0.8 GB of memory traffic an image.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.to(torch.bfloat16)


def summed(accelerator: Accelerator, *values: float) -> list[float]:
    """Each value's sum over all processes."""
    if accelerator.num_processes == 1:
        return list(values)
    shared: torch.Tensor = accelerator.reduce(torch.tensor(values, dtype=torch.float64, device=accelerator.device))
    return shared.tolist()


def forget_peak_memory(device: torch.device) -> None:
    """Reset `peak_memory_gib`, because a process may train several networks.

    On a CPU this needs Linux; elsewhere the peak is that since the process began.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    give_back_memory(device)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def give_back_memory(device: torch.device) -> None:
    """Return cached free memory to the system: that of torch on a GPU, else that of `keep_freed_memory`."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    with suppress(OSError, AttributeError):  # not glibc; no such file
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def keep_freed_memory() -> None:
    """Let glibc keep the memory of freed tensors instead of returning it and faulting it in again.

    Every step allocates and frees activations of up to hundreds of MB. Without this, page faults take 10 to 40 % of a
    training step on a CPU (docs/log.md). It has an effect only on Linux with glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_TOP_PAD, 64 * 2**20)


def peak_memory_gib(device: torch.device) -> float:
    """Peak memory in GiB since `forget_peak_memory`: of the GPU if there is one, else of the resident set."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    with suppress(OSError):  # Linux; getrusage would begin at what the process that started this one has held
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 2**30
