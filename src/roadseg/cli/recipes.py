"""recipes: what can be trained."""

from __future__ import annotations

from roadseg.cli.flags import Command, Words
from roadseg.cli.terminal import new_console, say
from roadseg.config.recipes import describe, names


def recipes(words: Words) -> None:
    """List the named experiments."""
    width = max(map(len, names()))
    for name in names():
        say(new_console(), f"{name:<{width}}  {describe(name)}")


RECIPES = Command("recipes", Words, recipes)
