"""bench and doctor: how fast this machine is, and what it has. torch is imported only by what computes."""

from __future__ import annotations

import argparse

from roadseg.cli.terminal import live_display, new_console, say
from roadseg.errors import ConfigError
from roadseg.system.files import check_new


def bench_verb(arguments: argparse.Namespace) -> None:
    """Time this machine at roadseg's work, and say how far it is from its best."""
    import json

    from roadseg.bench import WORK, bench, bench_table
    from roadseg.system.files import write_bytes

    unknown = [name for name in arguments.work if name not in WORK]
    if unknown:
        raise ConfigError(f"no work {unknown[0]!r} to time; choices: {', '.join(WORK)}")
    if arguments.rounds < 1:
        raise ConfigError(f"--rounds {arguments.rounds}: give at least 1")
    if arguments.output:
        check_new(arguments.output)
    console = new_console()
    with live_display(console) as display:
        content = bench(arguments.work or list(WORK), arguments.rounds, display)
    console.print(bench_table(content))
    if arguments.output:
        write_bytes(arguments.output, (json.dumps(content, indent=2) + "\n").encode())


def doctor_verb(arguments: argparse.Namespace) -> None:
    """Say what this machine has."""
    from roadseg.system.doctor import examine

    console = new_console()
    for finding in examine():
        say(console, f"{finding.what:<12} {finding.value}")
        if finding.advice:
            console.print(f"{'':<12} {finding.advice}", style="yellow", highlight=False, markup=False, soft_wrap=True)
