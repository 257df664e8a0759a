"""evaluate: scores of a run. torch is imported only by what computes."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, Words
from roadseg.cli.terminal import live_display, new_console, say, say_unfinished
from roadseg.data import label_space
from roadseg.runs.run_files import RunFiles
from roadseg.system.processes import is_main_process


class EvaluateWords(Words):
    """Which run, and on which images."""

    run: Annotated[Path, Argument("RUN")] = Field(description="run directory")
    root: Annotated[Path | None, Flag("DIR")] = Field(
        None, validation_alias="data.root",
        description="where the data set is now, or another one of its kind (default: where it was in training)",
    )  # fmt: skip
    split: str | None = Field(
        None,
        description="train, val, test, another split of the data set, or all (default: test where the run has one, "
        "else val; of another data set all)",
    )
    output: Annotated[Path | None, Flag("FILE.json")] = Field(None, description="also write the scores here")


def evaluate(words: EvaluateWords) -> None:
    """Score a run: on its test images, or on those of another data set of the same classes."""
    data = RunFiles(words.run).config().data
    label_space(data.model_copy(update={"root": words.root or data.root}))
    from roadseg.cli.tables import score_table
    from roadseg.runs.run_dir import RunDir
    from roadseg.scoring.evaluate import score_images
    from roadseg.scoring.images import choose
    from roadseg.system.files import write_bytes

    console = new_console()
    run = RunDir(words.run)
    images = choose(run, words.root, words.split)
    say_unfinished(console, [run])
    with live_display(console) as display:
        scores = score_images(run, images, display)
    if words.output and is_main_process():
        write_bytes(words.output, (run.evaluation / f"{images.name}.json").read_bytes())
    console.print(score_table([run.config().recipe], [scores], images.name))
    say(console, f"scores: {run.evaluation / images.name}.json")


EVALUATE = Command("evaluate", EvaluateWords, evaluate, "roadseg evaluate runs/camvid-fcn8s/1")
