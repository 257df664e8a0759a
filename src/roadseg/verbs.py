"""What each command does: one short function for each. torch is imported only by those that compute."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from roadseg.atomic import check_new, check_unused
from roadseg.errors import ConfigError, WorkFailed
from roadseg.flags import given_settings, overridden
from roadseg.recipes import RECIPES, describe, recipe
from roadseg.terminal import FAILED, INTERRUPTED, complain, is_main_process, live_display, new_console, say

if TYPE_CHECKING:
    from rich.console import Console

    from roadseg.config import Config
    from roadseg.progress import Display
    from roadseg.report.gather import Comparison


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


def compare_verb(arguments: argparse.Namespace) -> None:
    """Put the scores of runs side by side, and write a report on them."""
    from roadseg.compare import by_seed, comparable
    from roadseg.report.gather import Arm, check_pictures, with_intervals
    from roadseg.report.learning import divided, gather_shares
    from roadseg.report.verdicts import verdicts
    from roadseg.report.write import check_report_place
    from roadseg.runs import RunDir
    from roadseg.tables import score_table

    runs = [RunDir(path) for path in arguments.runs]
    split = arguments.split or ("test" if all("test" in run.evaluations() for run in runs) else "val")
    reports = comparable(runs, split)
    if arguments.output:
        check_report_place(arguments.output)
    names = [run.config().recipe for run in runs]
    if len(set(names)) < len(names):
        names = [f"{run.path.resolve().parent.name}/{run.path.resolve().name}" for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.path.resolve()) for run in runs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"{twice} stands twice; name each run once")
    console = new_console()
    arms = [Arm(name, tuple(members)) for name, members in by_seed(runs, names)]
    comparison = gather_shares(" and ".join(arm.name for arm in divided(arms)[0]), arms, split, arguments.root)
    if arguments.root:
        check_pictures(comparison, arguments.root)
    console.print(score_table(names, with_intervals(comparison, runs, reports), split))
    for verdict in verdicts(comparison):
        say(console, verdict.text)
    _say_learning(comparison, console)
    if arguments.output:
        with live_display(console) as display:
            _write_report(comparison, arguments.output, display, {})
        if comparison.missing:
            say(console, f"no pictures in the report: {comparison.missing}")
        say(console, f"report: {arguments.output / 'report.html'}")


def study_verb(arguments: argparse.Namespace) -> int:
    """Train recipes under one protocol, compare them, and write a report."""
    from roadseg import lock
    from roadseg.interrupt import Interrupted
    from roadseg.report.gather import gather
    from roadseg.report.learning import divided, gather_shares
    from roadseg.report.verdicts import verdicts
    from roadseg.study import check, check_output, complete_arms, make_arms, plan, run_study

    given = given_settings(arguments)
    if arguments.seeds and "seed" in given:
        raise ConfigError("--seeds and --seed exclude each other; give one of them")
    if arguments.folds < 0 or arguments.folds == 1:
        raise ConfigError(f"--folds {arguments.folds}: give at least 2, or leave it out")
    both = arguments.split == "both"
    if both and not arguments.folds:
        raise ConfigError("--split both compares grouped with random folds; say how many with --folds K")
    bases = [overridden(recipe(name), given) for name in arguments.recipes]
    varied = _varied(arguments.vary)
    twice = next((key for key in varied if key in given), None)
    if twice:
        raise ConfigError(f"--{twice} and --vary {twice} exclude each other; give one of them")
    trials = plan(make_arms(bases, varied), arguments.seeds or [bases[0].seed], arguments.folds, arguments.output, both)
    console = new_console()
    try:
        with live_display(console) as display:
            best_part = check(trials)
            chosen = [key for key in varied if key != "data.split.share"]
            part = "val" if chosen else best_part  # a setting that is chosen on test spoils the test
            check_output(trials, arguments.output)
            with lock.held(arguments.output) if is_main_process() else nullcontext():
                failures = run_study(trials, part, arguments.output, display)
                title = " and ".join(arguments.recipes) + "".join(f", {key} varied" for key in varied)
                complete = complete_arms([trial for trial in trials if not trial.leaky], failures)
                root = trials[0].settings.data.root
                comparison = gather_shares(title, complete, part, root) if complete else None
                random, _ = divided(complete_arms([trial for trial in trials if trial.leaky], failures))
                if comparison and {arm.name for arm in comparison.arms} & {arm.name for arm in random}:
                    comparison = replace(comparison, random=gather(f"{title}, random folds", random, part, root))
                if comparison:
                    _write_report(comparison, arguments.output, display, failures)
    except Interrupted as stop:
        say(console, f"{str(stop).split(';')[0]}; the same command continues")
        return INTERRUPTED
    if comparison:
        console.print(_arm_table(comparison))
        for verdict in verdicts(comparison):
            say(console, verdict.text)
        if comparison.random:
            from roadseg.report.leakage import measure, sentences

            for sentence in sentences(measure(comparison, comparison.random)):
                say(console, sentence)
        _say_learning(comparison, console)
        say(console, f"report: {arguments.output / 'report.html'}")
    else:
        say(console, "no report: each arm has a run that failed")
    for name, error in failures.items():
        complain(f"{name}: {error}", FAILED)
    return FAILED if failures else 0


def _say_learning(comparison: Comparison, console: Console) -> None:
    """What the learning curves say, where there are any."""
    if comparison.smaller is None:
        return
    from roadseg.report.learning import curves, rows, sentences
    from roadseg.tables import learning_table

    found = curves(comparison, comparison.smaller)
    console.print(learning_table(rows(found)))
    for verdict in sentences(found):
        say(console, verdict.text)


def _varied(given: list[list[str]]) -> dict[str, list[str]]:
    """The values of each --vary by setting."""
    varied: dict[str, list[str]] = {}
    for key, *values in given:
        if key == "seed":
            raise ConfigError("--vary seed: give several seeds with --seeds")
        if not values or key in varied:
            raise ConfigError(f"--vary {key}: give each setting once, with its values: --vary optimizer.name sgd adamw")
        varied[key] = values
    return varied


def _write_report(comparison: Comparison, output: Path, display: Display, failures: Mapping[str, str]) -> None:
    from roadseg.report import write_report

    if is_main_process():
        write_report(comparison, output, display, [f"{name}: {error}" for name, error in failures.items()])


def _arm_table(comparison: Comparison) -> Table:
    """The scores of a report in short."""
    from roadseg.tables import SCORES, Row, arm_table, caption

    rows = []
    for arm in comparison.arms:
        miou, interval = arm.score("mean_iou"), arm.interval
        means = {key: arm.score(key).mean for key in SCORES}
        rows.append(
            Row(arm.name, means, (miou.low, miou.high), (interval.low, interval.high) if interval else (None, None))
        )
    below = caption(comparison.units.kind, comparison.units.count) if comparison.units else "percent"
    if comparison.seeds > 1:
        below += ", and over seeds"
    images = f"{comparison.split}: images {len(comparison.ids)}, groups {comparison.groups or 'unknown'}"
    return arm_table(rows, images, below, comparison.seeds)


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


def next_verb(arguments: argparse.Namespace) -> None:
    """Choose unlabelled images to label next: they stand for what networks are unsure about."""
    from roadseg.ensemble import named_runs
    from roadseg.label_next import find, rows, write
    from roadseg.tables import next_table

    if arguments.count < 1:
        raise ConfigError(f"--count {arguments.count}: give how many images you can label, at least 1")
    runs = named_runs(arguments.runs)
    console = new_console()
    with live_display(console) as display:
        findings = find(runs, arguments.images, arguments.count, arguments.output, arguments.root, display)
        write(findings, arguments.output, display)
    console.print(next_table(rows(findings), len(findings.files)))
    say(console, f"look at them: {arguments.output / 'next.html'}")
    if findings.unread:
        everything = findings.unread + len(findings.files)
        raise WorkFailed(f"{findings.unread} of {everything} images could not be read; they were left out")


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
