"""runs and recipes: what there is, and what can be trained. torch is imported only by what computes."""

from __future__ import annotations

import argparse
from pathlib import Path

from roadseg.cli.terminal import new_console, say
from roadseg.config.recipes import RECIPES, describe


def runs_verb(arguments: argparse.Namespace) -> None:
    """List runs: how far each is, and its best score."""
    from roadseg.runs.listing import find_runs, read, run_table

    console = new_console()
    roots = arguments.directories or [path for path in [Path("runs")] if path.is_dir()]
    runs = [read(path) for path in find_runs(roots)]
    if not runs:
        where = " and ".join(map(str, arguments.directories)) or "./runs"
        say(console, f"no runs in {where}; roadseg train RECIPE --data.root DIR begins one")
        return
    console.print(run_table(runs))
    for run in runs:
        if run.damage:
            say(console, f"damaged: {run.damage}")


def recipes_verb(arguments: argparse.Namespace) -> None:
    """List the named experiments."""
    width = max(map(len, RECIPES))
    for name in RECIPES:
        say(new_console(), f"{name:<{width}}  {describe(name)}")
