"""One process at a time trains a run: a lock that the system opens when that process ends, however it ends.

The lock is flock(2) on a file of the run, which stays when it is free and says who has it when it is not; it goes only
with a run that came to nothing. On a network file system without locks, or with locks that only one machine sees (old
NFS), two machines are not kept apart.
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from roadseg.errors import RunError

NAME = "train.lock"
PATIENCE = 10.0
"""Seconds to wait for the lock of a process that is gone: its loader processes inherited it and outlive it a little."""


@contextmanager
def held(run: Path) -> Iterator[None]:
    """Train the run alone. Makes its folder; raises `RunError` where another process trains it.

    Where an error ends it before anything was written, the folders that it made are removed with the lock.
    """
    made = [folder for folder in (run, *run.parents) if not folder.exists()]
    new = not (run / NAME).exists()
    with _opened(run) as file:
        file.truncate(0)
        file.write(f"{os.getpid()} {socket.gethostname()}\n")
        file.flush()
        try:
            yield
        except BaseException:
            if new:
                _remove_if_alone(run, made)
            raise
        finally:
            file.truncate(0)
            _release(file)


def _opened(run: Path) -> TextIO:
    """The file of the run with its lock; the folder and the file are made anew where another process removes them."""
    while True:
        run.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            file = (run / NAME).open("a+")
            try:
                _wait(file, fcntl.LOCK_EX, run)
                if os.path.samestat(os.fstat(file.fileno()), (run / NAME).stat()):
                    return file
            except BaseException:
                file.close()
                raise
            file.close()


def _remove_if_alone(run: Path, made: list[Path]) -> None:
    """Where nothing is beside the lock, which is held: it, and of the folders `made` those that nobody else uses."""
    with suppress(OSError):
        if [path.name for path in run.iterdir()] != [NAME]:
            return
        (run / NAME).unlink()
        for folder in made:
            folder.rmdir()


def check_idle(run: Path) -> None:
    """Raises `RunError` where a process trains the run."""
    if (run / NAME).exists():
        with (run / NAME).open() as file:
            _wait(file, fcntl.LOCK_SH, run)


def is_held(run: Path) -> bool:
    """Whether a process trains the run just now."""
    try:
        with (run / NAME).open() as file:
            return not _taken(file, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _wait(file: TextIO, kind: int, run: Path) -> None:
    """Take the lock; wait for it only where nobody holds it for long: a process that is gone, or one that looks."""
    deadline = time.monotonic() + PATIENCE
    while not _taken(file, kind):
        process, _, host = _holder(file)
        if time.monotonic() > deadline or _alive(process, host):
            raise RunError(
                f"{run} is being trained by process {process} on {host}; wait for its end, or stop it (kill {process})"
            )
        time.sleep(0.02)


def _taken(file: TextIO, kind: int) -> bool:
    """Try to take the lock; True as well where the file system has none."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _release(file: TextIO) -> None:
    """For child processes that inherited the lock as well: closing the file would leave it with them."""
    with suppress(OSError):  # no locks on this file system
        fcntl.flock(file, fcntl.LOCK_UN)


def _holder(file: TextIO) -> tuple[str, str, str]:
    file.seek(0)
    return file.read().strip().partition(" ")


def _alive(process: str, host: str) -> bool:
    """Whether the process still exists; of another machine's processes nothing is known, so they do."""
    if not process.isdigit() or host != socket.gethostname():
        return bool(host)
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True
