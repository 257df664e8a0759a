"""train: train a recipe. torch is imported only when training begins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, WithSettings
from roadseg.cli.terminal import INTERRUPTED, live_display, new_console, say
from roadseg.config.overrides import crop_note, overridden
from roadseg.config.recipes import recipe
from roadseg.config.settings import difference
from roadseg.data import label_space
from roadseg.errors import ConfigError
from roadseg.runs.run_files import RunFiles, latest_run, next_run


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
    base = recipe(words.recipe)
    chosen = words.run or (latest_run if words.resume else next_run)(Path("runs"), words.recipe)
    run = RunFiles(chosen)
    begun = words.resume and (chosen / "config.json").exists()
    settings = overridden(run.config() if begun else base, words.given)
    if settings.recipe != words.recipe:
        raise ConfigError(
            f"the run is of the recipe {settings.recipe}, not {words.recipe}; give that name or another --run"
        )
    label_space(settings.data)
    if not begun:
        run.check_free()
    console = new_console()
    note = crop_note(base, settings, words.given)
    if note and not begun:
        say(console, note)
    different = difference(run.config(), settings) if begun else None
    if begun and run.complete:
        run.check_whole()
        if different:
            raise ConfigError(f"{run.path} is complete, with other settings ({different}); train anew without --resume")
        say(console, f"{run.path} is complete; nothing to do")
        return 0

    from roadseg.cli.tables import score_table
    from roadseg.runs.run_dir import RunDir
    from roadseg.training.interrupt import Interrupted
    from roadseg.training.train import train as train_run
    from roadseg.training.watch import TensorBoard

    watch = TensorBoard(chosen / "tensorboard") if words.tensorboard else None
    try:
        with live_display(console) as display:
            scores = train_run(RunDir(chosen), settings, display, resume=words.resume, watch=watch)
    except Interrupted as stop:
        say(console, f"{stop}: {run.path}")
        return INTERRUPTED
    console.print(score_table([settings.recipe], [scores], "val"))
    say(console, f"run: {run.path}")
    return 0


TRAIN = Command("train", TrainWords, train, "roadseg train camvid-fcn8s --data.root camvid")
