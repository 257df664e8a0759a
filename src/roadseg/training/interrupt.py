"""Stop long work on SIGTERM and Ctrl-C at a point where nothing is lost."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):
    """A signal asked training to stop; everything so far is saved and `--resume` continues."""


class StopFlag:
    """Set by SIGTERM and Ctrl-C; looked at after each step. A second signal takes its usual course."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        self.asked = True
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def stop_on_signals() -> Iterator[StopFlag]:
    """A flag that SIGTERM and SIGINT set while the context is open."""
    flag = StopFlag()
    before = {number: signal.signal(number, flag) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
