"""compare: runs side by side. torch is imported only by what computes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from rich import box
from rich.markup import escape
from rich.table import Table

from roadseg.cli.flags import Argument, Command, Flag, Words
from roadseg.cli.terminal import live_display, new_console, say, say_unfinished
from roadseg.runs.run_files import RunFiles
from roadseg.system.processes import is_main_process

if TYPE_CHECKING:
    from rich.console import Console

    from roadseg.report.comparison.findings import Findings
    from roadseg.system.progress import Display


class CompareWords(Words):
    """Which runs, on which images."""

    runs: Annotated[tuple[Path, ...], Argument("RUN")] = Field(description="run directories")
    split: str | None = Field(
        None, description="evaluated split to compare (default: test where all were scored on it, or val)"
    )
    root: Annotated[Path | None, Flag("DIR")] = Field(
        None, validation_alias="data.root",
        description="where the images of the report are now (default: where they were in training)",
    )  # fmt: skip
    output: Annotated[Path | None, Flag("DIR")] = Field(
        None, description="also write report.html, report.md, scores.json and figures/"
    )


def compare(words: CompareWords) -> None:
    """Put the scores of runs side by side, and write a report on them."""
    for path in words.runs:
        RunFiles(path).config()
    from roadseg.cli.tables import score_table
    from roadseg.report.comparison.findings import findings_of
    from roadseg.report.write import check_report_place
    from roadseg.runs.arms import read_comparable, run_names
    from roadseg.runs.run_dir import RunDir

    places = [RunDir(path) for path in words.runs]
    runs = read_comparable(places, words.split)
    if words.output:
        check_report_place(words.output)
    console = new_console()
    say_unfinished(console, places)
    findings = findings_of(runs, words.root)
    console.print(score_table(run_names(runs), [run.report for run in runs], runs[0].split))
    say_findings(findings, console)
    if words.output:
        with live_display(console) as display:
            write(findings, words.output, display, {})
        if findings.main.missing:
            say(console, f"no pictures in the report: {findings.main.missing}")
        say(console, f"report: {words.output / 'report.html'}")


def say_findings(findings: Findings, console: Console) -> None:
    """Verdicts, what random folds would have shown, what more labels would bring, and what to try next."""
    from roadseg.report.comparison import leakage, learning

    for verdict in findings.verdicts:
        say(console, verdict.text)
    for sentence in leakage.sentences(findings.leakage) if findings.leakage else []:
        say(console, sentence)
    if findings.curves:
        console.print(learning_table(learning.rows(findings.curves)))
    for verdict in findings.learning:
        say(console, verdict.text)
    for step in findings.next_steps:
        say(console, f"next: {step.advice}: {step.reason}\n  {step.command}")


def learning_table(rows: list[dict[str, str]]) -> Table:
    """Learning curves, a row for each number of images, as `roadseg.report.comparison.learning` has them."""
    table = Table(
        title="mIoU by the number of training images", title_justify="left", box=box.SIMPLE_HEAD,
        caption="percent, and points on the same drives", caption_justify="left",
    )  # fmt: skip
    table.add_column("", overflow="fold")
    for heading in ("images", "mIoU", "95 %", "points more", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        images = f"{row['expected']} {row['images']}".strip()
        cells = (row["name"], images, *(row[key] for key in ("score", "interval", "gain", "gain_interval")))
        table.add_row(*map(escape, cells))
    return table


def write(findings: Findings, output: Path, display: Display, failures: Mapping[str, str]) -> None:
    """Write the report once, however many processes there are."""
    from roadseg.report import write_report

    if is_main_process():
        write_report(findings, output, display, [f"{name}: {error}" for name, error in failures.items()])


COMPARE = Command(
    "compare", CompareWords, compare, "roadseg compare runs/camvid-fcn8s/1 runs/camvid-fcn32s/1 --output report"
)
