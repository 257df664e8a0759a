"""train: train a recipe. torch is imported only when training begins."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from roadseg.cli.flags import given_settings
from roadseg.cli.terminal import INTERRUPTED, live_display, new_console, say
from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.errors import ConfigError

if TYPE_CHECKING:
    from roadseg.config.settings import Config


def train_verb(arguments: argparse.Namespace) -> int:
    """Train a recipe."""
    from roadseg.config.settings import difference
    from roadseg.runs.run_dir import RunDir, latest_run, next_run

    recipe(arguments.recipe)
    chosen = arguments.run or (latest_run if arguments.resume else next_run)(Path("runs"), arguments.recipe)
    run = RunDir(chosen)
    begun = arguments.resume and (chosen / "config.json").exists()
    settings = overridden(run.config() if begun else recipe(arguments.recipe), given_settings(arguments))
    _check_trainable(settings, arguments.recipe)
    console = new_console()
    if begun and run.complete:
        run.check_whole()
        different = difference(run.config(), settings)
        if different:
            raise ConfigError(f"{run.path} is complete, with other settings ({different}); train anew without --resume")
        say(console, f"{run.path} is complete; nothing to do")
        return 0

    from roadseg.cli.tables import score_table
    from roadseg.training.interrupt import Interrupted
    from roadseg.training.train import train
    from roadseg.training.watch import TensorBoard

    watch = TensorBoard(chosen / "tensorboard") if arguments.tensorboard else None
    try:
        with live_display(console) as display:
            scores = train(run, settings, display, resume=arguments.resume, watch=watch)
    except Interrupted as stop:
        say(console, f"{stop}: {run.path}")
        return INTERRUPTED
    console.print(score_table([settings.recipe], [scores], "val"))
    say(console, f"run: {run.path}")
    return 0


def _check_trainable(settings: Config, name: str) -> None:
    if settings.recipe != name:
        raise ConfigError(f"the run is of the recipe {settings.recipe}, not {name}; give that name or another --run")
    if settings.data.root is None:
        raise ConfigError("no data; give the data set's top folder with --data.root DIR")
