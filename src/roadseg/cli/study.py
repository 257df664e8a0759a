"""study: many runs under one protocol, and a report on them. torch is imported only by what computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from rich import box
from rich.markup import escape
from rich.table import Table

from roadseg.cli.compare import say_findings, write
from roadseg.cli.flags import Argument, Command, Flag, WithSettings
from roadseg.cli.terminal import FAILED, INTERRUPTED, complain, live_display, new_console, say
from roadseg.config.overrides import notes, overridden, setting_value
from roadseg.config.recipes import recipe
from roadseg.data import label_space
from roadseg.errors import ConfigError

if TYPE_CHECKING:
    from roadseg.report.comparison.arms import Comparison
    from roadseg.training.study import Outcome, Trial


class StudyWords(WithSettings):
    """What to train how often, and where it goes."""

    recipes: Annotated[tuple[str, ...], Argument("RECIPE")] = Field(description="names that roadseg recipes lists")
    output: Annotated[Path, Flag("DIR")] = Field(description="gets the runs and the report")
    seeds: Annotated[tuple[int, ...], Flag("N ...")] = Field((), description="train each of them once with each seed")
    folds: Annotated[int, Flag("K")] = Field(0, description="k-fold division: each image is scored once")
    split: Literal["grouped", "both"] = Field(
        "grouped",
        description="both: also train on random folds, and report how much they flatter (needs --folds)",
    )
    vary: Annotated[tuple[tuple[str, ...], ...], Flag("SETTING VALUE ...")] = Field(
        (), description="train with each of these values of a setting (a value of several numbers: 64,96); with "
        "several --vary, with all combinations",
    )  # fmt: skip


def study(words: StudyWords) -> int:
    """Train recipes under one protocol, compare them, and write a report."""
    title, trials, chosen = _planned(words)
    from roadseg.report.comparison.findings import Findings
    from roadseg.report.comparison.gather import gather_study
    from roadseg.training.interrupt import Interrupted
    from roadseg.training.study import run

    console = new_console()
    for base in map(recipe, words.recipes):
        for note in notes(base, overridden(base, words.given), words.given):
            say(console, f"{base.recipe}: {note}")
    told: list[Findings] = []

    def conclude(outcome: Outcome) -> None:
        if any(not arm.random for arm in outcome.arms):
            told.append(Findings(gather_study(title, outcome.arms, outcome.root)))
            write(told[0], words.output, display, outcome.failures)

    try:
        with live_display(console) as display:
            failures = run(trials, words.output, display, chosen, conclude).failures
    except Interrupted as stop:
        say(console, f"{str(stop).split(';')[0]}; the same command continues")
        return INTERRUPTED
    if told:
        console.print(arm_table(told[0].main))
        say_findings(told[0], console)
        say(console, f"report: {words.output / 'report.html'}")
    else:
        say(console, "no report: each arm has a run that failed")
    for name, error in failures.items():
        complain(f"{name}: {error}", FAILED)
    return FAILED if failures else 0


def _planned(words: StudyWords) -> tuple[str, list[Trial], bool]:
    """The study's title, its runs, and whether a setting is chosen by its scores, which would spoil a test."""
    if words.seeds and "seed" in words.given:
        raise ConfigError("--seeds and --seed exclude each other; give one of them")
    if words.folds < 0 or words.folds == 1:
        raise ConfigError(f"--folds {words.folds}: give at least 2, or leave it out")
    both = words.split == "both"
    if both and not words.folds:
        raise ConfigError("--split both compares grouped with random folds; say how many with --folds K")
    bases = [overridden(recipe(name), words.given) for name in words.recipes]
    varied = _varied(words.vary)
    twice = next((key for key in varied if key in words.given), None)
    if twice:
        raise ConfigError(f"--{twice} and --vary {twice} exclude each other; give one of them")
    for base in bases:
        label_space(base.data)
        for key, value in ((key, value) for key, values in varied.items() for value in values):
            overridden(base, {key: setting_value(key, value)})
    from roadseg.training.study import make_arms, plan

    arms = make_arms(bases, varied, words.given.keys())
    trials = plan(arms, words.seeds or [bases[0].seed], words.folds, words.output, both)
    title = " and ".join(words.recipes) + "".join(f", {key} varied" for key in varied)
    return title, trials, any(key != "data.split.share" for key in varied)


def _varied(given: tuple[tuple[str, ...], ...]) -> dict[str, list[str]]:
    """The values of each --vary by setting."""
    varied: dict[str, list[str]] = {}
    for key, *values in given:
        if key == "seed":
            raise ConfigError("--vary seed: give several seeds with --seeds")
        if not values or key in varied:
            raise ConfigError(f"--vary {key}: give each setting once, with its values: --vary optimizer.name sgd adamw")
        varied[key] = values
    return varied


SHORT = ("mean_iou", "micro_iou", "pixel_accuracy")
"""The scores in the table of a study."""


def arm_table(comparison: Comparison) -> Table:
    """One row for each arm, means over the seeds in percent, with the range of mIoU where there are several seeds."""
    from roadseg.cli.tables import caption, cells
    from roadseg.scoring.metrics import SCORES

    below = caption(comparison.units.kind, comparison.units.count)
    if comparison.seeds > 1:
        below += ", and over seeds"
    table = Table(
        title=f"{escape(comparison.split)}: images {len(comparison.ids)}, groups {comparison.groups}",
        title_justify="left", caption=escape(below), caption_justify="left", box=box.SIMPLE_HEAD,
    )  # fmt: skip
    table.add_column("", overflow="fold")
    headings = [SCORES[key].title for key in SHORT]
    headings[1:1] = [f"{comparison.seeds} seeds", "95 %"] if comparison.seeds > 1 else ["95 %"]
    for heading in headings:
        table.add_column(heading, justify="right")
    for arm in comparison.arms:
        row = cells([arm.score(key).mean for key in SHORT])
        between = [_span(arm.interval.low, arm.interval.high) if arm.interval else "–"]
        if comparison.seeds > 1:
            between.insert(0, _span(arm.score("mean_iou").low, arm.score("mean_iou").high))
        table.add_row(escape(arm.name), row[0], *between, *row[1:])
    return table


def _span(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{100 * low:.1f}–{100 * high:.1f}"


STUDY = Command(
    "study", StudyWords, study,
    "roadseg study camvid-fcn8s camvid-fcn32s --data.root camvid --seeds 0 1 2 --output study",
)  # fmt: skip
