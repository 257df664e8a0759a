"""data split: how images are divided. torch is imported only by what computes."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, WithData
from roadseg.cli.terminal import new_console, say
from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.labels import listed
from roadseg.system.files import check_new

MOST_GROUPS = 8
"""Groups of a part that are named."""


class SplitWords(WithData):
    """What to divide, and where the division goes."""

    recipe: Annotated[str, Argument("RECIPE")] = Field(description="whose data set and division")
    output: Annotated[Path, Flag("FILE.json")] = Field(description="where to store the division")


def split(words: SplitWords) -> None:
    """Store how a recipe divides its data, for reuse with --data.split.scheme file."""
    from roadseg.data import label_space, load_records
    from roadseg.data.splits import groups

    settings = overridden(recipe(words.recipe), words.given)
    check_new(words.output)
    label_space(settings.data)
    splits, records = load_records(settings.data)
    splits.save(words.output)
    console = new_console()
    for part, members in records.items():
        names = sorted(groups(members))
        count = f"{len(members)} images, {len(names)} group{'s' if len(names) != 1 else ''}"
        say(console, f"{part}: {count}: {listed(names, MOST_GROUPS)}")
    say(console, f"division: {words.output}")


SPLIT = Command("split", SplitWords, split, "roadseg data split camvid-fcn8s --data.root camvid --output splits.json")
