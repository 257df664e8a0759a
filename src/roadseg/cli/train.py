"""train: train a recipe. torch is imported only when training begins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, WithSettings
from roadseg.cli.terminal import INTERRUPTED, live_display, new_console, say
from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.config.settings import Config
from roadseg.errors import ConfigError


class TrainWords(WithSettings):
    """What to train, and where the run is kept."""

    recipe: Annotated[str, Argument("RECIPE")] = Field(description="a name that roadseg recipes lists")
    run: Annotated[Path | None, Flag("DIR")] = Field(
        None, description="run directory; default: runs/RECIPE/<next number>"
    )
    resume: bool = Field(False, description="continue the run (default: the recipe's newest) where it stopped")
    tensorboard: bool = Field(False, description="write curves and pictures for tensorboard --logdir RUN")


def train(words: TrainWords) -> int:
    """Train a recipe."""
    from roadseg.config.settings import difference
    from roadseg.runs.run_dir import RunDir, latest_run, next_run

    recipe(words.recipe)
    chosen = words.run or (latest_run if words.resume else next_run)(Path("runs"), words.recipe)
    run = RunDir(chosen)
    begun = words.resume and (chosen / "config.json").exists()
    settings = overridden(run.config() if begun else recipe(words.recipe), words.given)
    _check_trainable(settings, words.recipe)
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
    from roadseg.training.train import train as train_run
    from roadseg.training.watch import TensorBoard

    watch = TensorBoard(chosen / "tensorboard") if words.tensorboard else None
    try:
        with live_display(console) as display:
            scores = train_run(run, settings, display, resume=words.resume, watch=watch)
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


TRAIN = Command("train", TrainWords, train, "roadseg train camvid-fcn8s --data.root camvid")
