"""suspects: labels that are likely wrong. torch is imported only by what computes."""

from __future__ import annotations

import argparse

from roadseg.cli.terminal import live_display, new_console, say
from roadseg.errors import ConfigError
from roadseg.system.files import check_unused


def suspects_verb(arguments: argparse.Namespace) -> None:
    """Rank labels that are likely wrong, by networks that were not trained on their images."""
    from roadseg.cli.tables import suspect_table
    from roadseg.curation.suspects import find, rows, write
    from roadseg.inference.ensemble import named_runs

    if arguments.output.resolve().is_relative_to(arguments.root.resolve()):
        raise ConfigError(f"--output {arguments.output} lies in the data, which is only read; choose another folder")
    runs = named_runs(arguments.runs)
    if not (arguments.output / "suspects.json").exists():
        check_unused(arguments.output)
    console = new_console()
    with live_display(console) as display:
        findings = find(runs, arguments.root, display)
        write(findings, arguments.root, arguments.output, display)
    if findings.trained_on:
        say(console, f"{len(findings.trained_on)} images were in the training of every run and were not looked at")
    console.print(suspect_table(rows(findings), len(findings.records)))
    say(console, f"look at them: {arguments.output / 'suspects.html'}")
