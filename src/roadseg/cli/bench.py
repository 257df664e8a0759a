"""bench: how fast this machine is."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, Words
from roadseg.cli.terminal import live_display, new_console
from roadseg.errors import ConfigError
from roadseg.system.files import check_new


class BenchWords(Words):
    """What to time, and how often."""

    work: Annotated[tuple[str, ...], Argument("WORK")] = Field(
        (), description="train, infer, loss, metrics, loader (default: all)"
    )
    rounds: Annotated[int, Flag("N")] = Field(5, description="how often each is timed")
    output: Annotated[Path | None, Flag("FILE.json")] = Field(None, description="also write the figures here")


def bench(words: BenchWords) -> None:
    """Benchmark this machine against its peak."""
    import json

    from roadseg.bench import WORK, bench as time_work, bench_table
    from roadseg.system.files import write_bytes

    unknown = [name for name in words.work if name not in WORK]
    if unknown:
        raise ConfigError(f"no work {unknown[0]!r} to time; choices: {', '.join(WORK)}")
    if words.rounds < 1:
        raise ConfigError(f"--rounds {words.rounds}: give at least 1")
    if words.output:
        check_new(words.output)
    console = new_console()
    with live_display(console) as display:
        content = time_work(list(words.work) or list(WORK), words.rounds, display)
    console.print(bench_table(content))
    if words.output:
        write_bytes(words.output, (json.dumps(content, indent=2) + "\n").encode())


BENCH = Command("bench", BenchWords, bench, "roadseg bench train loader")
