"""train: train a recipe. torch is imported only when training begins."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from rich.console import Console

from roadseg.cli.flags import Argument, Command, Flag, WithSettings
from roadseg.cli.recipes import setting_lines
from roadseg.cli.terminal import INTERRUPTED, live_display, new_console, say
from roadseg.config.overrides import notes, overridden
from roadseg.config.recipes import recipe
from roadseg.config.settings import Config
from roadseg.data import label_space
from roadseg.errors import ConfigError, RunError
from roadseg.runs.run_files import RunFiles, latest_run, next_run
from roadseg.system.processes import cpu_count, is_busy, load
from roadseg.system.progress import duration


class TrainWords(WithSettings):
    """What to train, and where the run is kept."""

    recipe: Annotated[str, Argument("RECIPE")] = Field(description="a name that roadseg recipes lists")
    run: Annotated[Path | None, Flag("DIR")] = Field(
        None, description="run directory; default: runs/RECIPE/<next number>"
    )
    resume: bool = Field(
        False,
        description="continue the run (default: the recipe's newest) where it stopped; with other --train.epochs or "
        "--train.patience: of that length from there on (scores stay unless a later epoch is better)",
    )
    finish: bool = Field(False, description="with --resume: train no more, score the best epoch so far and end the run")
    dry_run: bool = Field(
        False, validation_alias="dry-run",
        description="show images, steps, settings and an estimate of the time, from a few timed steps; write nothing",
    )  # fmt: skip
    tensorboard: bool = Field(False, description="write curves and pictures for tensorboard --logdir RUN")


def train(words: TrainWords) -> int:
    """Train a recipe."""
    base = recipe(words.recipe)
    chosen = words.run or (latest_run if words.resume else next_run)(Path("runs"), words.recipe)
    run = RunFiles(chosen)
    begun = words.resume and (chosen / "config.json").exists()
    given = {**words.given, **_shortened(run, words)} if words.finish else words.given
    settings = overridden(run.config() if begun else base, given)
    if settings.recipe != words.recipe:
        raise ConfigError(
            f"the run is of the recipe {settings.recipe}, not {words.recipe}; give that name or another --run"
        )
    label_space(settings.data)
    if not begun:
        run.check_free()
    console = new_console()
    for note in [] if begun else notes(base, settings, words.given):
        say(console, note)
    if begun and run.ended(settings, new_length=True):
        say(console, f"{run.path} is complete; nothing to do")
        return 0
    if words.dry_run:
        return _dry_run(chosen, settings, console)
    from roadseg.cli.tables import score_table
    from roadseg.runs.run_dir import RunDir
    from roadseg.training.interrupt import Interrupted
    from roadseg.training.train import train as train_run
    from roadseg.training.watch import TensorBoard

    watch = TensorBoard(chosen / "tensorboard") if words.tensorboard else None
    try:
        with live_display(console) as display:
            scores = train_run(RunDir(chosen), settings, display, words.resume, new_length=True, watch=watch)
    except Interrupted as stop:
        say(console, f"{stop}: {run.path}")
        return INTERRUPTED
    console.print(score_table([settings.recipe], [scores], "val"))
    say(console, f"run: {run.path}")
    return 0


def _dry_run(path: Path, settings: Config, console: Console) -> int:
    """Say what the training would do."""
    from roadseg.runs.run_dir import RunDir
    from roadseg.training.forecast import forecast

    say(console, "reading the data, then a few steps; nothing is written")
    found = forecast(RunDir(path), settings)
    for part, images in found.images.items():
        drives = f", drives {found.groups[part]}" if part in found.groups else ""
        say(console, f"{part + ':':<6} images {images}{drives}")
    epochs = settings.train.epochs
    done = f", {found.steps_done} of them done" if found.steps_done else ""
    say(console, f"steps: {found.steps_per_epoch} an epoch, {epochs * found.steps_per_epoch} in {epochs} epochs{done}")
    busy = "; other programs are at work, without them it takes less" if is_busy(load(), cpu_count()) else ""
    pace = f"{found.step_seconds:.2g} s a step, {found.image_seconds:.2g} s a validation image"
    pace += f", {found.final_image_seconds:.2g} s with the CRF" if settings.crf.iterations else ""
    say(console, f"time:  about {duration(found.seconds)} on this machine ({pace}{busy})")
    for line in setting_lines(found.settings):
        say(console, line)
    return 0


def _shortened(run: RunFiles, words: TrainWords) -> dict[str, int]:
    """The length of a run that ends with its last whole epoch; nothing where it has ended.

    Raises `ConfigError` and `RunError` where it cannot end.
    """
    if not words.resume or {"train.epochs", "train.patience"} & words.given.keys():
        raise ConfigError("--finish goes with --resume, and without --train.epochs and --train.patience")
    run.config()
    if run.complete:
        return {}
    done = int(run.progress("last")["epoch"])
    if done == 0:
        raise RunError(f"no epoch of {run.path} is whole yet, there is nothing to score; --resume alone goes on")
    return {"train.epochs": done}


TRAIN = Command("train", TrainWords, train, "roadseg train camvid-fcn8s --data.root camvid")
