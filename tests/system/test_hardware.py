import itertools
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
import torch

from roadseg.system import hardware

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("wanted", ["fp32", "bf16"])
@pytest.mark.parametrize("device", [CPU, CUDA, torch.device("mps")])
@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_the_precision_that_is_wanted_is_honoured(
    wanted: Literal["fp32", "bf16"], device: torch.device, has_bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "cpu_has_bfloat16", lambda: has_bfloat16)
    assert hardware.choose_precision(device, wanted) == wanted


@pytest.mark.parametrize(("has_bfloat16", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_takes_bfloat16_where_the_hardware_has_it(
    has_bfloat16: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "cpu_has_bfloat16", lambda: has_bfloat16)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bfloat16)
    assert hardware.choose_precision(CPU, "auto") == chosen
    assert hardware.choose_precision(CUDA, "auto") == chosen
    assert hardware.choose_precision(torch.device("mps"), "auto") == "fp32"


def test_this_cpu_is_known() -> None:
    assert hardware.cpu_has_bfloat16() in (True, False)
    assert hardware.choose_precision(CPU, "auto") in ("fp32", "bf16")


@pytest.mark.parametrize(
    ("cpuinfo", "found"),
    [
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("Features\t: fp asimd nobf16\n", False),
        ("flags\t: fpu avx2 bf16\n", False),
        (None, False),
    ],
)
def test_arm_names_bfloat16_among_its_features(
    cpuinfo: str | None, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        file.write_text(cpuinfo)
    monkeypatch.setattr(hardware, "open", lambda path: file.open(), raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    assert hardware.cpu_has_bfloat16() == found


def test_memory_format_is_channels_last_on_gpus_and_in_bfloat16() -> None:
    chosen = {
        (device.type, precision): hardware.choose_memory_format(device, precision)  # type: ignore[arg-type]
        for device, precision in itertools.product([CPU, CUDA], ["fp32", "bf16"])
    }
    assert [key for key, value in chosen.items() if value != torch.channels_last] == [("cpu", "fp32")]
    assert chosen["cpu", "fp32"] == torch.contiguous_format


def test_one_process_may_have_runs_of_both_precisions() -> None:
    for wanted, mixed in (("fp32", "no"), ("bf16", "bf16"), ("fp32", "no")):
        accelerator, memory_format = hardware.make_accelerator(wanted)  # type: ignore[arg-type]
        assert accelerator.mixed_precision == mixed
        assert memory_format == hardware.choose_memory_format(accelerator.device, wanted)  # type: ignore[arg-type]


def test_freed_memory_may_be_kept_twice() -> None:
    hardware.keep_freed_memory()
    hardware.keep_freed_memory()
    assert torch.ones(1000, 1000).sum() == 1_000_000


def test_freed_memory_is_left_alone_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(hardware.ctypes, "CDLL", refuse)
    hardware.keep_freed_memory()  # Linux without glibc
    monkeypatch.setattr(hardware.sys, "platform", "darwin")
    hardware.keep_freed_memory()


def test_peak_memory_is_that_of_this_process() -> None:
    before = hardware.peak_memory_gib(CPU)
    assert 0.01 < before < 1000
    block = torch.ones(2**24)  # 64 MiB
    assert hardware.peak_memory_gib(CPU) >= before
    assert hardware.peak_memory_gib(CPU) >= block.nbytes / 2**30


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_peak_memory_can_begin_anew() -> None:
    block = torch.ones(2**26)  # 256 MiB
    high = hardware.peak_memory_gib(CPU)
    del block
    hardware.forget_peak_memory(CPU)
    assert hardware.peak_memory_gib(CPU) < high - 0.1


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
def test_the_memory_of_a_parent_is_not_counted() -> None:
    held = torch.ones(2**27)  # 512 MiB
    script = (
        "import torch; from roadseg.system.hardware import peak_memory_gib; print(peak_memory_gib(torch.device('cpu')))"
    )
    mine = hardware.peak_memory_gib(CPU)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert held.sum() == 2**27
    assert float(done.stdout) < mine - 0.2
