"""recipes: what can be trained."""

from __future__ import annotations

from roadseg.cli.flags import Command, Words
from roadseg.cli.terminal import new_console, say
from roadseg.config.recipes import RECIPES as NAMES
from roadseg.config.recipes import describe


def recipes(words: Words) -> None:
    """List the named experiments."""
    width = max(map(len, NAMES))
    for name in NAMES:
        say(new_console(), f"{name:<{width}}  {describe(name)}")


RECIPES = Command("recipes", Words, recipes)
