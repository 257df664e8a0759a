"""data stats: how much there is of what. torch is imported only by what computes."""

from __future__ import annotations

import shlex
from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, WithData
from roadseg.cli.terminal import FAILED, live_display, new_console, say
from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe


class StatsWords(WithData):
    """What to count."""

    recipe: Annotated[str, Argument("RECIPE")] = Field(description="whose data set and division")


def stats(words: StatsWords) -> int:
    """Count images, groups and classes of each part; say what could not be counted, if anything."""
    from roadseg.curation.check import find_data, left_out, look_at, stats_table

    data = overridden(recipe(words.recipe), words.given).data
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
        f"roadseg data check {words.recipe} --data.root {shlex.quote(str(data.root))} says which files, "
        "and how to mend them",
    )
    return FAILED


STATS = Command("stats", StatsWords, stats, "roadseg data stats camvid-fcn8s --data.root camvid")
