"""What each command of `roadseg data` does. torch is imported only by those that compute."""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from roadseg.cli.flags import given_settings
from roadseg.cli.terminal import FAILED, live_display, new_console, say
from roadseg.config.overrides import overridden
from roadseg.config.recipes import RECIPES, recipe
from roadseg.errors import ConfigError
from roadseg.labels import listed
from roadseg.system.files import check_new

if TYPE_CHECKING:
    from roadseg.curation.check import Found

MOST_GROUPS = 8
"""Groups of a part that `roadseg data split` names."""


def synthesize_verb(arguments: argparse.Namespace) -> None:
    """Draw built-in streets."""
    from roadseg.data.streets import synthesize

    console = new_console()
    with live_display(console) as display:
        display.begin("drawing", arguments.drives * arguments.frames)
        count = synthesize(
            arguments.directory,
            drives=arguments.drives,
            frames=arguments.frames,
            width=arguments.width,
            height=arguments.height,
            seed=arguments.seed,
            progress=lambda done, total: display.advance(),
        )
    say(
        console,
        f"{count} labelled street images in {arguments.directory} (KITTI's layout); train with a demo or kitti recipe",
    )


def check_verb(arguments: argparse.Namespace) -> int:
    """Find what is wrong with images and labels, and say how to mend it."""
    import json

    from roadseg.curation.check import as_json, draft, finding_table, judge, look_at, montage, summary
    from roadseg.inference.visualize import png
    from roadseg.system.files import write_bytes, write_text

    found, root = _to_check(arguments)
    if arguments.output:
        check_new(arguments.output)
        if arguments.output.resolve().is_relative_to(root.resolve()):
            raise ConfigError(f"{arguments.output} lies in the data, which are only read; choose another --output")
    console = new_console()
    with live_display(console) as display:
        seen = look_at(found, display)
    findings = judge(found, seen)
    if findings:
        console.print(finding_table(findings, root))
    described = draft(found, seen)
    if described:
        say(console, f"roadseg.yaml, to be named and completed (docs/own-data.md):\n{described}")
    say(console, summary(found, findings))
    if arguments.output:
        arguments.output.mkdir()
        write_text(arguments.output / "check.json", json.dumps(as_json(found, seen, findings, root), indent=2) + "\n")
        picture = montage(findings, seen, found.space)
        if picture is not None:
            write_bytes(arguments.output / "montage.png", png(picture))
        if described:
            write_text(arguments.output / "roadseg.yaml", described)
        say(console, f"findings: {arguments.output}")
    return FAILED if any(finding.severity == "error" for finding in findings) else 0


def _to_check(arguments: argparse.Namespace) -> tuple[Found, Path]:
    """The images and labels of a recipe's data set, or of a folder in a known layout or none; and their top folder."""
    from roadseg.curation.check import find_data, find_pairs, layout_of

    given = given_settings(arguments)
    folder = Path(arguments.what)
    if arguments.what not in RECIPES and folder.is_dir():
        if "data.root" in given:
            raise ConfigError(f"{folder} and --data.root are two folders; give a recipe with --data.root, or a folder")
        kind = layout_of(folder)
        if kind is None:
            return find_pairs(folder), folder
        data = overridden(recipe(f"{kind}-fcn8s"), {**given, "data.root": str(folder)}).data
        return find_data(data), folder
    if arguments.what not in RECIPES and "data.root" not in given:
        close = difflib.get_close_matches(arguments.what, RECIPES, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(
            f"neither a folder nor a recipe {arguments.what!r}; {hint}give a folder with images and labels, "
            "or a recipe (roadseg recipes)"
        )
    data = overridden(recipe(arguments.what), given).data
    if data.root is None:
        raise ConfigError("no data; give the data set's top folder with --data.root DIR")
    return find_data(data), data.root


def stats_verb(arguments: argparse.Namespace) -> int:
    """Count images, groups and classes of each part; say what could not be counted, if anything."""
    from roadseg.curation.check import find_data, left_out, look_at, stats_table

    data = overridden(recipe(arguments.recipe), given_settings(arguments)).data
    found = find_data(data)
    console = new_console()
    with live_display(console) as display:
        seen = look_at(found, display)
    assert found.space is not None
    console.print(stats_table(found, seen, found.space))
    amiss = left_out(found, seen, found.space)
    if not amiss:
        return 0
    say(console, f"amiss: {'; '.join(amiss)}")
    say(
        console,
        f"roadseg data check {arguments.recipe} --data.root {shlex.quote(str(data.root))} says which files, "
        "and how to mend them",
    )
    return FAILED


def groups_verb(arguments: argparse.Namespace) -> None:
    """Find images that look alike, and store them as groups for images of which the drives are not known."""
    from roadseg.data.datasets import dataset, label_space
    from roadseg.data.look_alikes import find_groups, save
    from roadseg.system.hardware import cpu_count

    settings = overridden(recipe(arguments.recipe), given_settings(arguments))
    check_new(arguments.output)
    label_space(settings.data)
    kind, root = dataset(settings.data.name), settings.data.root
    assert root is not None  # label_space needed it
    records = [record for part in kind.labelled(root) for record in kind.records(root, part)]
    if len({record.group for record in records}) < len(records):
        own = " (to find others, take group out of its roadseg.yaml)" if settings.data.name == "folder" else ""
        raise ConfigError(f"the groups of {root} are known already: several images have one{own}; nothing to do")
    console = new_console()
    with live_display(console) as display:
        display.begin("looking at images", len(records))
        found = find_groups(records, display.advance, cpu_count())
    save(found, arguments.output)
    sizes = Counter(found.values())
    alone = sum(size == 1 for size in sizes.values())
    largest = f"the largest has {max(sizes.values())}, {alone} are of one image"
    say(console, f"{len(found)} images in {len(sizes)} groups of look-alikes; {largest}")
    say(console, f"groups: {arguments.output}; name it in roadseg.yaml: groups: {arguments.output.name}")


def split_verb(arguments: argparse.Namespace) -> None:
    """Store how a recipe divides its data, for reuse with --data.split.scheme file."""
    from roadseg.data import label_space, load_records
    from roadseg.data.splits import groups

    settings = overridden(recipe(arguments.recipe), given_settings(arguments))
    check_new(arguments.output)
    label_space(settings.data)
    splits, records = load_records(settings.data)
    splits.save(arguments.output)
    console = new_console()
    for part, members in records.items():
        names = sorted(groups(members))
        count = f"{len(members)} images, {len(names)} group{'s' if len(names) != 1 else ''}"
        say(console, f"{part}: {count}: {listed(names, MOST_GROUPS)}")
    say(console, f"division: {arguments.output}")
