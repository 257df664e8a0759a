"""data check: the label doctor. torch is imported only by what computes."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, WithData
from roadseg.cli.terminal import FAILED, live_display, new_console, say
from roadseg.config.overrides import overridden
from roadseg.config.recipes import names, recipe
from roadseg.errors import ConfigError
from roadseg.system.files import check_new

if TYPE_CHECKING:
    from roadseg.curation.check import Inputs


class CheckWords(WithData):
    """What to look at."""

    what: Annotated[str, Argument("RECIPE|FOLDER")] = Field(
        description="whose data set, or a folder with images and labels"
    )
    output: Annotated[Path | None, Flag("DIR")] = Field(
        None, description="new folder for check.json, montage.png, a draft of roadseg.yaml"
    )


def check(words: CheckWords) -> int:
    """Find what is wrong with images and labels, and say how to mend it."""
    import json

    from roadseg.curation.check import as_json, diagnose, draft, finding_table, inspect_all, montage, summary
    from roadseg.inference.visualize import png
    from roadseg.system.files import write_bytes, write_text

    inputs, root = _to_check(words)
    if words.output:
        check_new(words.output)
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
        words.output.mkdir()
        write_text(words.output / "check.json", json.dumps(as_json(inputs, inspected, findings, root), indent=2) + "\n")
        picture = montage(findings, inspected, inputs.space)
        if picture is not None:
            write_bytes(words.output / "montage.png", png(picture))
        if described:
            write_text(words.output / "roadseg.yaml", described)
        say(console, f"findings: {words.output}")
    return FAILED if any(finding.severity == "error" for finding in findings) else 0


def _to_check(words: CheckWords) -> tuple[Inputs, Path]:
    """The images and labels of a recipe's data set, or of a folder in a known layout or none; and their top folder."""
    from roadseg.curation.check import find_data, find_pairs, layout_of

    given = words.given
    folder = Path(words.what)
    if words.what not in names() and folder.is_dir():
        if "data.root" in given:
            raise ConfigError(f"{folder} and --data.root are two folders; give a recipe with --data.root, or a folder")
        kind = layout_of(folder)
        if kind is None:
            return find_pairs(folder), folder
        data = overridden(recipe(f"{kind}-fcn8s"), {**given, "data.root": str(folder)}).data
        return find_data(data), folder
    if words.what not in names() and "data.root" not in given:
        close = difflib.get_close_matches(words.what, names(), n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(
            f"neither a folder nor a recipe {words.what!r}; {hint}give a folder with images and labels, "
            "or a recipe (roadseg recipes)"
        )
    data = overridden(recipe(words.what), given).data
    if data.root is None:
        raise ConfigError("no data; give the data set's top folder with --data.root DIR")
    return find_data(data), data.root


CHECK = Command("check", CheckWords, check, "roadseg data check camvid-fcn8s --data.root camvid")
