"""evaluate and score: scores of a run, and of label pictures of any tool. torch is imported only by what computes."""

from __future__ import annotations

import argparse

from roadseg.cli.terminal import live_display, new_console, say
from roadseg.system.files import check_new
from roadseg.system.processes import is_main_process


def evaluate_verb(arguments: argparse.Namespace) -> None:
    """Score a run on a split."""
    from roadseg.cli.tables import score_table
    from roadseg.runs.run_dir import RunDir
    from roadseg.scoring.evaluate import evaluate_run
    from roadseg.system.files import write_bytes

    console = new_console()
    run = RunDir(arguments.run)
    with live_display(console) as display:
        scores = evaluate_run(run, arguments.root, arguments.split, display)
    if arguments.output and is_main_process():
        write_bytes(arguments.output, (run.evaluation / f"{arguments.split}.json").read_bytes())
    console.print(score_table([run.config().recipe], [scores], arguments.split))


def score_verb(arguments: argparse.Namespace) -> None:
    """Score label pictures of any tool, under every tool's definition."""
    import json

    from roadseg.cli.tables import score_table
    from roadseg.scoring.external.run import report, score
    from roadseg.scoring.external.table import reasons, spread_table
    from roadseg.system.files import write_bytes

    if arguments.output:
        check_new(arguments.output)
    console = new_console()
    codings = arguments.predictions_coding, arguments.targets_coding
    with live_display(console) as display:
        scored = score(arguments.predictions, arguments.targets, arguments.labels, display, codings)
    content = report(scored)
    for role, finding in zip(("predictions", "targets"), scored.codings, strict=True):
        say(console, f"{role + ':':<12} {finding.how}")
    say(console, f"pairs:       {len(scored.pairs)}, {scored.how}")
    if content["void_predictions"]:
        share = 100 * content["void_predictions"] / content["pixels"]
        say(console, f"{share:.2g} % of the labelled pixels are predicted as no class; they count as misses")
    console.print(score_table(["score"], [content], arguments.predictions.name))
    console.print(spread_table(content))
    for reason in reasons(content):
        say(console, reason)
    if arguments.output:
        write_bytes(arguments.output, (json.dumps(content, indent=2) + "\n").encode())
