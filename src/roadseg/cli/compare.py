"""What roadseg compare and study do: networks side by side, and a report on them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from roadseg.cli.flags import given_settings
from roadseg.cli.terminal import FAILED, INTERRUPTED, complain, live_display, new_console, say
from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.errors import ConfigError
from roadseg.system.processes import is_main_process

if TYPE_CHECKING:
    from rich.console import Console

    from roadseg.report.comparison.arms import Comparison
    from roadseg.system.progress import Display


def compare_verb(arguments: argparse.Namespace) -> None:
    """Put the scores of runs side by side, and write a report on them."""
    from roadseg.cli.tables import score_table
    from roadseg.report.comparison.gather import check_pictures, with_intervals
    from roadseg.report.comparison.learning import divided, gather_shares
    from roadseg.report.comparison.verdicts import verdicts
    from roadseg.report.write import check_report_place
    from roadseg.runs.arms import by_seed, comparable, named_runs
    from roadseg.runs.run_dir import RunDir

    runs = [RunDir(path) for path in arguments.runs]
    split = arguments.split or ("test" if all("test" in run.evaluations() for run in runs) else "val")
    reports = comparable(runs, split)
    if arguments.output:
        check_report_place(arguments.output)
    names = named_runs(runs)
    console = new_console()
    arms = by_seed(runs, names)
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
    from roadseg.report.comparison.gather import gather
    from roadseg.report.comparison.learning import divided, gather_shares
    from roadseg.report.comparison.verdicts import verdicts
    from roadseg.runs import lock
    from roadseg.training.interrupt import Interrupted
    from roadseg.training.study import check, check_output, complete_arms, make_arms, plan, run_study

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
                complete = complete_arms(trials, failures)
                root = trials[0].settings.data.root
                main = [arm for arm in complete if not arm.random]
                comparison = gather_shares(title, main, part, root) if main else None
                random, _ = divided([arm for arm in complete if arm.random])
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
            from roadseg.report.comparison.leakage import measure, sentences

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
    from roadseg.cli.tables import learning_table
    from roadseg.report.comparison.learning import curves, rows, sentences

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
    from roadseg.cli.tables import Row, arm_table, caption
    from roadseg.scoring.metrics import SCORES

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
