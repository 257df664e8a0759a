"""One process trains a run: the lock is real, ends with its process, and is only looked at by readers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from roadseg.errors import RunError
from roadseg.runs import lock

pytestmark = pytest.mark.slow

HOLD = """
import os, sys, time
from pathlib import Path
from roadseg.runs import lock

def fork():
    if os.fork() == 0:  # as a loader process inherits the lock
        time.sleep(1)
        os._exit(0)

with lock.held(Path(sys.argv[1])):
    if sys.argv[2] != "alone":
        fork()
    if sys.argv[2] != "released":
        print(sys.argv[2], flush=True)
        time.sleep(60)
print("released", flush=True)
time.sleep(60)
"""


@contextmanager
def holder(run: Path, kind: str) -> "Iterator[subprocess.Popen[str]]":
    """Another process that holds the lock: `alone`, or `forked` with a child, or with a child has `released` it."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(run), kind], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == f"{kind}\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_two_processes_do_not_hold_one_run(tmp_path: Path) -> None:
    with holder(tmp_path, "alone") as other:
        assert lock.is_held(tmp_path)
        message = rf"being trained by process {other.pid} on .*\(kill {other.pid}\)"
        with pytest.raises(RunError, match=message), lock.held(tmp_path):
            pass
        with pytest.raises(RunError, match=message):
            lock.check_idle(tmp_path)
        assert lock.is_held(tmp_path), "looking has not changed it"
    assert not lock.is_held(tmp_path), "a killed process holds nothing"
    lock.check_idle(tmp_path)
    with lock.held(tmp_path):
        assert (tmp_path / lock.NAME).read_text().split()[0] == str(os.getpid())


def test_a_killed_process_is_waited_for_until_its_children_end(tmp_path: Path) -> None:
    with holder(tmp_path, "forked") as other:
        other.kill()
        other.wait()
        assert lock.is_held(tmp_path)
        with lock.held(tmp_path):
            pass


def test_a_process_that_is_done_frees_the_run_though_its_children_live(tmp_path: Path) -> None:
    with holder(tmp_path, "released"):
        assert not lock.is_held(tmp_path)


def test_many_lookers_do_not_keep_a_trainer_out(tmp_path: Path) -> None:
    with lock.held(tmp_path):
        pass
    looking = (
        "import sys; from roadseg.runs import lock; from pathlib import Path; print('looking', flush=True)\n"
        "while True: lock.is_held(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", looking, str(tmp_path)]
    lookers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for looker in lookers:
            assert looker.stdout is not None
            looker.stdout.readline()
        for _ in range(20):
            with lock.held(tmp_path):
                pass
    finally:
        for looker in lookers:
            looker.kill()
            looker.communicate()


def test_no_run_is_not_held_and_nothing_is_made(tmp_path: Path) -> None:
    lock.check_idle(tmp_path / "none")
    assert not lock.is_held(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def fail_later(run: Path) -> None:
    (run / "config.json").write_text("{}")
    raise ValueError("later")


def test_a_run_that_came_to_nothing_leaves_nothing(tmp_path: Path) -> None:
    run = tmp_path / "a" / "b"
    with pytest.raises(ValueError, match="bad data"), lock.held(run):
        raise ValueError("bad data")
    assert not list(tmp_path.iterdir())
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match="bad data"), lock.held(run):
        raise ValueError("bad data")
    assert [path.name for path in tmp_path.rglob("*")] == ["a"], "what was there stays"
    with pytest.raises(ValueError, match="later"), lock.held(run):
        fail_later(run)
    assert sorted(path.name for path in run.iterdir()) == ["config.json", lock.NAME]
    (run / "config.json").unlink()
    with pytest.raises(ValueError, match="bad data"), lock.held(run):
        raise ValueError("bad data")
    assert (run / lock.NAME).exists(), "an older lock is not ours to remove"


def test_a_lock_that_another_process_removes_while_we_wait_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, wait, waited = tmp_path / "run", lock._wait, list[int]()

    def removed_meanwhile(file: TextIO, kind: int, run: Path) -> None:
        wait(file, kind, run)
        waited.append(file.fileno())
        if len(waited) == 1:
            (run / lock.NAME).unlink()
            run.rmdir()

    monkeypatch.setattr(lock, "_wait", removed_meanwhile)
    with lock.held(run):
        assert lock.is_held(run), "a lock on a file that is gone keeps nobody out"
    assert len(waited) == 2
