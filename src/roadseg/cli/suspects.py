"""suspects: labels that are likely wrong. torch is imported only by what computes."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from rich import box
from rich.markup import escape
from rich.table import Table

from roadseg.cli.flags import Argument, Command, Flag, Words
from roadseg.cli.terminal import live_display, new_console, say
from roadseg.errors import ConfigError
from roadseg.runs.run_files import RunFiles
from roadseg.system.files import check_unused


class SuspectsWords(Words):
    """Which networks judge which labels."""

    runs: Annotated[tuple[Path, ...], Argument("RUN")] = Field(
        description="run directories, or the --output of a study with --folds"
    )
    root: Annotated[Path, Flag("DIR")] = Field(validation_alias="data.root", description="top folder of the data set")
    output: Annotated[Path, Flag("DIR")] = Field(description="gets suspects.html, suspects.csv and suspects.json")


def suspects(words: SuspectsWords) -> None:
    """Rank likely label errors, using models that never saw those images."""
    for path in words.runs:
        if not (path / "study.json").is_file():
            RunFiles(path).config()
    from roadseg.curation.suspects import find, rows, write
    from roadseg.runs.arms import complete_runs

    if words.output.resolve().is_relative_to(words.root.resolve()):
        raise ConfigError(f"--output {words.output} lies in the data, which is only read; choose another folder")
    runs = complete_runs(words.runs)
    if not (words.output / "suspects.json").exists():
        check_unused(words.output)
    console = new_console()
    with live_display(console) as display:
        findings = find(runs, words.root, display)
        write(findings, words.output, display)
    if findings.trained_on:
        say(console, f"{len(findings.trained_on)} images were in the training of every run and were not looked at")
    console.print(suspect_table(rows(findings), len(findings.records)))
    say(console, f"look at them: {words.output / 'suspects.html'}")


def suspect_table(rows: list[dict[str, Any]], images: int, most: int = 10) -> Table:
    """The first suspect labels, as `roadseg.curation.suspects.rows` has them."""
    title = f"{len(rows)} suspect regions in {images} images" + (f", the first {most}" if len(rows) > most else "")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading, justify in (("", "right"), ("image", "left"), ("labelled", "left"), ("looks like", "left")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for heading in ("box", "pixels", "score"):
        table.add_column(heading, justify="right")
    for row in rows[:most]:
        place = f"{row['left']},{row['top']} {row['right']},{row['bottom']}"
        cells = (row["rank"], row["image"], row["label"], row["prediction"], place, row["pixels"])
        table.add_row(*(escape(str(cell)) for cell in cells), f"{row['score']:.1f}")
    return table


SUSPECTS = Command("suspects", SuspectsWords, suspects, "roadseg suspects study --data.root camvid --output suspects")
