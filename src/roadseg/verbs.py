"""What each command does: one short function for each. torch is imported only by those that compute."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from roadseg.atomic import check_new, check_unused
from roadseg.errors import ConfigError
from roadseg.flags import given_settings, overridden
from roadseg.recipes import RECIPES, describe, recipe
from roadseg.terminal import INTERRUPTED, is_main_process, live_display, new_console, say

if TYPE_CHECKING:
    from roadseg.config import Config


def recipes_verb(arguments: argparse.Namespace) -> None:
    """List the named experiments."""
    width = max(map(len, RECIPES))
    for name in RECIPES:
        say(new_console(), f"{name:<{width}}  {describe(name)}")


def train_verb(arguments: argparse.Namespace) -> int:
    """Train a recipe."""
    from roadseg.config import difference
    from roadseg.runs import RunDir, latest_run, next_run

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

    from roadseg.interrupt import Interrupted
    from roadseg.tables import score_table
    from roadseg.train import train
    from roadseg.watch import TensorBoard

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


def evaluate_verb(arguments: argparse.Namespace) -> None:
    """Score a run on a split."""
    from roadseg.atomic import write_bytes
    from roadseg.evaluate import evaluate_run
    from roadseg.runs import RunDir
    from roadseg.tables import score_table

    console = new_console()
    run = RunDir(arguments.run)
    with live_display(console) as display:
        scores = evaluate_run(run, arguments.root, arguments.split, display)
    if arguments.output and is_main_process():
        write_bytes(arguments.output, (run.evaluation / f"{arguments.split}.json").read_bytes())
    console.print(score_table([run.config().recipe], [scores], arguments.split))


def predict_verb(arguments: argparse.Namespace) -> None:
    """Label pictures."""
    from roadseg.predict import predict
    from roadseg.runs import RunDir

    console = new_console()
    if arguments.at_least is not None and not 0 < arguments.at_least < 1:
        raise ConfigError(f"--at-least {arguments.at_least:g}: give a share between 0 and 1, such as 0.95")
    if arguments.format and arguments.at_least is not None:
        raise ConfigError("--format and --at-least exclude each other; a benchmark wants a class for every pixel")
    if arguments.format:
        from roadseg.submission import submit

        with live_display(console) as display:
            archive = submit(RunDir(arguments.run), arguments.inputs, arguments.output, arguments.format, display)
        say(console, f"archive: {archive} (names, sizes and ids checked)")
        return
    with live_display(console) as display:
        count = predict(RunDir(arguments.run), arguments.inputs, arguments.output, display, arguments.at_least)
    what = "1 image" if count == 1 else f"{count} images"
    say(console, f"{what} labelled; open {arguments.output / 'overlay'}")


def runs_verb(arguments: argparse.Namespace) -> None:
    """List runs: how far each is, and its best score."""
    from roadseg.listing import find_runs, read, run_table

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


def suspects_verb(arguments: argparse.Namespace) -> None:
    """Rank labels that are likely wrong, by networks that were not trained on their images."""
    from roadseg.ensemble import named_runs
    from roadseg.suspects import find, rows, write
    from roadseg.tables import suspect_table

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


def bench_verb(arguments: argparse.Namespace) -> None:
    """Time this machine at roadseg's work, and say how far it is from its best."""
    import json

    from roadseg.atomic import write_bytes
    from roadseg.bench import WORK, bench, bench_table

    unknown = [name for name in arguments.work if name not in WORK]
    if unknown:
        raise ConfigError(f"no work {unknown[0]!r} to time; choices: {', '.join(WORK)}")
    if arguments.rounds < 1:
        raise ConfigError(f"--rounds {arguments.rounds}: give at least 1")
    if arguments.output:
        check_new(arguments.output)
    console = new_console()
    with live_display(console) as display:
        content = bench(arguments.work or list(WORK), arguments.rounds, display)
    console.print(bench_table(content))
    if arguments.output:
        write_bytes(arguments.output, (json.dumps(content, indent=2) + "\n").encode())


def score_verb(arguments: argparse.Namespace) -> None:
    """Score label pictures of any tool, under every tool's definition."""
    import json

    from roadseg.atomic import write_bytes
    from roadseg.score.run import report, score
    from roadseg.score.table import reasons, spread_table
    from roadseg.tables import score_table

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


def doctor_verb(arguments: argparse.Namespace) -> None:
    """Say what this machine has."""
    from roadseg.doctor import examine

    console = new_console()
    for finding in examine():
        say(console, f"{finding.what:<12} {finding.value}")
        if finding.advice:
            console.print(f"{'':<12} {finding.advice}", style="yellow", highlight=False, markup=False, soft_wrap=True)
