"""evaluate: scores of a run. torch is imported only by what computes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, Words
from roadseg.cli.terminal import live_display, new_console
from roadseg.runs.run_files import RunFiles
from roadseg.system.processes import is_main_process


class EvaluateWords(Words):
    """Which run, and on which images."""

    run: Annotated[Path, Argument("RUN")] = Field(description="run directory")
    root: Annotated[Path, Flag("DIR")] = Field(validation_alias="data.root", description="top folder of the data set")
    split: str = Field(description="train, val, test, another split of the data set, or all")
    output: Annotated[Path | None, Flag("FILE.json")] = Field(None, description="also write the scores here")


def evaluate(words: EvaluateWords) -> None:
    """Score a run on a split."""
    RunFiles(words.run).config()
    from roadseg.cli.tables import score_table
    from roadseg.runs.run_dir import RunDir
    from roadseg.scoring.evaluate import evaluate_run
    from roadseg.system.files import write_bytes

    console = new_console()
    run = RunDir(words.run)
    with live_display(console) as display:
        scores = evaluate_run(run, words.root, words.split, display)
    if words.output and is_main_process():
        write_bytes(words.output, (run.evaluation / f"{words.split}.json").read_bytes())
    console.print(score_table([run.config().recipe], [scores], words.split))


EVALUATE = Command(
    "evaluate", EvaluateWords, evaluate, "roadseg evaluate runs/camvid-fcn8s/1 --data.root camvid --split val"
)
