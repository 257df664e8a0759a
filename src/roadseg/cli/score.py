"""score: scores of label pictures of any tool. torch is imported only by what computes."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, Words
from roadseg.cli.terminal import live_display, new_console, say
from roadseg.system.files import check_new

Coding = Literal["ids", "train-ids", "colors"]


class ScoreWords(Words):
    """Which pictures, and what their values mean."""

    predictions: Annotated[Path, Argument("PREDICTIONS")] = Field(description="label PNG, or folder of them")
    targets: Annotated[Path, Argument("TARGETS")] = Field(description="the true ones")
    labels: Annotated[str, Flag("NAME")] = Field(description="kitti, cityscapes, camvid, streets, or a roadseg.yaml")
    predictions_coding: Coding | None = Field(
        None, validation_alias="predictions-coding", description="of the predictions (default: found out)"
    )
    targets_coding: Coding | None = Field(
        None, validation_alias="targets-coding", description="of the targets (default: found out)"
    )
    output: Annotated[Path | None, Flag("FILE.json")] = Field(None, description="also write the scores here")


def score(words: ScoreWords) -> None:
    """Score label pictures of any tool, under every tool's definition."""
    import json

    from roadseg.cli.tables import score_table
    from roadseg.scoring.external.run import report, score as score_pictures
    from roadseg.scoring.external.table import reasons, spread_table
    from roadseg.system.files import write_bytes

    if words.output:
        check_new(words.output)
    console = new_console()
    codings = words.predictions_coding, words.targets_coding
    with live_display(console) as display:
        scored = score_pictures(words.predictions, words.targets, words.labels, display, codings)
    content = report(scored)
    for role, finding in zip(("predictions", "targets"), scored.codings, strict=True):
        say(console, f"{role + ':':<12} {finding.how}")
    say(console, f"pairs:       {len(scored.pairs)}, {scored.how}")
    if content["void_predictions"]:
        share = 100 * content["void_predictions"] / content["pixels"]
        say(console, f"{share:.2g} % of the labelled pixels are predicted as no class; they count as misses")
    console.print(score_table(["score"], [content], words.predictions.name))
    console.print(spread_table(content))
    for reason in reasons(content):
        say(console, reason)
    if words.output:
        write_bytes(words.output, (json.dumps(content, indent=2) + "\n").encode())


SCORE = Command("score", ScoreWords, score, "roadseg score predictions labels --labels camvid")
