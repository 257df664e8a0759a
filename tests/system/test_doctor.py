"""What the doctor finds and advises."""

from pathlib import Path

import pytest
import torch

from roadseg.system import doctor
from roadseg.system.doctor import examine


def test_it_looks_at_everything() -> None:
    findings = {finding.what: finding for finding in examine()}
    assert set(findings) == {"Python", "torch", "device", "precision", "load", "memory", "disk", "torchvision"}
    assert findings["torch"].value == torch.__version__
    assert all(finding.value for finding in findings.values())


def test_a_broken_torchvision_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    finding = next(finding for finding in examine() if finding.what == "torchvision")
    assert finding.value == "installed but cannot be imported"
    assert "pip uninstall torchvision" in finding.advice


def test_a_small_machine_gets_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LITTLE_MEMORY", 1e9)
    monkeypatch.setattr(doctor, "LITTLE_DISK", 1e9)
    advice = {finding.what: finding.advice for finding in examine()}
    assert "batch_size" in advice["memory"]
    assert "--run" in advice["disk"]


def test_a_busy_machine_gets_advice() -> None:
    assert doctor._load(0.2, 2).advice == ""
    assert "OMP_WAIT_POLICY" in doctor._load(1.9, 2).advice
