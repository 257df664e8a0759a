"""runs: what was trained."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Words
from roadseg.cli.terminal import new_console, say


class RunsWords(Words):
    """Where to look."""

    directories: Annotated[tuple[Path, ...], Argument("DIR")] = Field(
        (), description="folders to look in, and below (default: runs)"
    )


def runs(words: RunsWords) -> None:
    """List runs: how far each is, and its best score."""
    from roadseg.runs.listing import find_runs, read, run_table

    console = new_console()
    roots = words.directories or [path for path in [Path("runs")] if path.is_dir()]
    listed = [read(path) for path in find_runs(roots)]
    if not listed:
        where = " and ".join(map(str, words.directories)) or "./runs"
        say(console, f"no runs in {where}; roadseg train RECIPE --data.root DIR begins one")
        return
    console.print(run_table(listed))
    for run in listed:
        if run.damage:
            say(console, f"damaged: {run.damage}")


RUNS = Command("runs", RunsWords, runs, "roadseg runs studies")
