"""data check: the label doctor. torch is imported only by what computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, WithData
from roadseg.cli.terminal import FAILED, live_display, new_console, say
from roadseg.config.overrides import overridden
from roadseg.config.recipes import names, recipe
from roadseg.data import label_space
from roadseg.errors import ConfigError, closest
from roadseg.system.files import check_new, check_unused

if TYPE_CHECKING:
    from roadseg.curation.check import Inputs


WRITTEN = ("check.json", "montage.png", "roadseg.yaml")
"""What a check leaves in its folder."""


class CheckWords(WithData):
    """What to look at."""

    what: Annotated[str, Argument("RECIPE|FOLDER")] = Field(
        description="whose data set, or a folder with images and labels"
    )
    output: Annotated[Path | None, Flag("DIR")] = Field(
        None, description="folder for check.json, montage.png, a draft of roadseg.yaml"
    )


def check(words: CheckWords) -> int:
    """Find what is wrong with images and labels, and say how to fix it."""
    import json

    inputs, root = _to_check(words)
    from roadseg.curation.check import as_json, diagnose, draft, finding_table, inspect_all, montage, summary
    from roadseg.inference.visualize import png
    from roadseg.system.files import write_bytes, write_text

    if words.output:
        _check_output(words.output)
        if words.output.resolve().is_relative_to(root.resolve()):
            raise ConfigError(f"{words.output} lies in the data, which are only read; choose another --output")
    console = new_console()
    with live_display(console) as display:
        inspected = inspect_all(inputs, display)
    findings = diagnose(inputs, inspected)
    if findings:
        console.print(finding_table(findings, root))
    described = draft(inputs, inspected)
    if described:
        say(console, f"roadseg.yaml, to be named and completed (docs/own-data.md):\n{described}")
    say(console, summary(inputs, findings))
    if words.output:
        words.output.mkdir(exist_ok=True)
        write_text(words.output / "check.json", json.dumps(as_json(inputs, inspected, findings, root), indent=2) + "\n")
        picture = montage(findings, inspected, inputs.space)
        if picture is not None:
            write_bytes(words.output / "montage.png", png(picture))
        else:
            (words.output / "montage.png").unlink(missing_ok=True)
        if described and not (words.output / "roadseg.yaml").exists():  # one that is there may have been completed
            write_text(words.output / "roadseg.yaml", described)
        say(console, f"report written to {words.output}")
    return FAILED if any(finding.severity == "error" for finding in findings) else 0


def _check_output(folder: Path) -> None:
    """Raises `ConfigError` where the folder holds anything but what an earlier check wrote, which is replaced."""
    if not (folder / "check.json").is_file():
        check_new(folder)
    check_unused(folder, *WRITTEN)


def _to_check(words: CheckWords) -> tuple[Inputs, Path]:
    """The images and labels of a recipe's data set, or of a folder in a known layout or none; and their top folder."""
    given = words.given
    folder = Path(words.what)
    if words.what not in names() and folder.is_dir():
        if "data.root" in given:
            raise ConfigError(f"{folder} and --data.root are two folders; give a recipe with --data.root, or a folder")
        from roadseg.curation.check import find_data, find_pairs, layout_of

        kind = layout_of(folder)
        if kind is None:
            return find_pairs(folder), folder
        data = overridden(recipe(f"{kind}-fcn8s"), {**given, "data.root": str(folder)}).data
        return find_data(data), folder
    if words.what not in names() and "data.root" not in given:
        raise ConfigError(
            f"neither a folder nor a recipe {words.what!r}; {closest(words.what, names())}"
            "give a folder with images and labels, or a recipe (roadseg recipes)"
        )
    data = overridden(recipe(words.what), given).data
    label_space(data)
    assert data.root is not None  # label_space needed it
    from roadseg.curation.check import find_data

    return find_data(data), data.root


CHECK = Command("check", CheckWords, check, "roadseg data check camvid-fcn8s --data.root camvid")
