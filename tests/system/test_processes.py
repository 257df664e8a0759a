"""Cores, load, and the processes of torchrun."""

import os

import pytest

from roadseg.system import processes


@pytest.mark.parametrize(
    ("load", "chosen", "policy"), [(0.4, None, None), (3.0, None, "PASSIVE"), (3.0, "ACTIVE", "ACTIVE")]
)
def test_threads_sleep_on_a_busy_machine_unless_someone_chose(
    load: float, chosen: str | None, policy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "load", lambda: load)
    monkeypatch.setattr(processes, "cpu_count", lambda: 2)
    monkeypatch.setenv("OMP_WAIT_POLICY", "kept for the end of the test")
    if chosen:
        monkeypatch.setenv("OMP_WAIT_POLICY", chosen)
    else:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    processes.sleep_while_waiting()
    assert os.environ.get("OMP_WAIT_POLICY") == policy


def test_at_least_one_core_may_be_used() -> None:
    assert processes.cpu_count() >= 1
