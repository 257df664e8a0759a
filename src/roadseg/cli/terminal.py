"""What a command says on the terminal, and the code that it leaves with. Of several processes only the first speaks."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console

from roadseg.runs.run_files import RunFiles
from roadseg.system.processes import is_main_process
from roadseg.system.progress import Bars, Display, Plain

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 3
"""Exit codes besides 0: the work failed; wrong usage or bad input; interrupted, everything so far is saved."""


def new_console() -> Console:
    """Standard output; silent in all but the first process."""
    return Console(quiet=not is_main_process())


def say(console: Console, text: str) -> None:
    """Print a line as it is."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def complain(message: str, code: int) -> int:
    """Print an error and return the exit code."""
    process = "" if is_main_process() else f" (process {os.environ['RANK']})"
    print(f"roadseg{process}: {message}", file=sys.stderr)
    return code


def say_unfinished(console: Console, runs: Iterable[RunFiles]) -> None:
    """Say of each run whose training did not come to its end how far it is."""
    for run in runs:
        if run.length():
            say(console, f"{run.length()}; its best weights so far count")


@contextmanager
def live_display(console: Console) -> Iterator[Display]:
    """Bars on a terminal, plain lines elsewhere."""
    if console.is_terminal:
        with Bars(console) as bars:
            yield bars
    else:
        yield Plain(console)
