"""data stats: how much there is of what. torch is imported only by what computes."""

import shlex
from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, WithData
from roadseg.cli.terminal import FAILED, live_display, new_console, say
from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.data import label_space


class StatsWords(WithData):
    """What to count."""

    recipe: Annotated[str, Argument("RECIPE")] = Field(description="whose data set and division")


def stats(words: StatsWords) -> int:
    """Count images, groups and classes of each part; say what could not be counted, if anything."""
    data = overridden(recipe(words.recipe), words.given).data
    label_space(data)
    from roadseg.curation.check import find_data, inspect_all, left_out, stats_table

    inputs = find_data(data)
    console = new_console()
    with live_display(console) as display:
        inspected = inspect_all(inputs, display)
    assert inputs.space is not None
    console.print(stats_table(inputs, inspected, inputs.space))
    problems = left_out(inputs, inspected, inputs.space)
    if not problems:
        return 0
    say(console, f"skipped: {'; '.join(problems)}")
    say(
        console,
        f"roadseg data check {words.recipe} --data.root {shlex.quote(str(data.root))} says which files, "
        "and how to fix them",
    )
    return FAILED


STATS = Command("stats", StatsWords, stats, "roadseg data stats camvid-fcn8s --data.root camvid")
