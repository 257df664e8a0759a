"""recipes: what can be trained."""

from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Words
from roadseg.cli.terminal import new_console, say
from roadseg.config.overrides import as_typed
from roadseg.config.recipes import ASSIGNMENT, RECOMMENDED, about_data, describe, names, recipe
from roadseg.config.registry import NETWORKS
from roadseg.config.settings import RECORDED, Config, flat


class RecipesWords(Words):
    """What to show."""

    name: Annotated[str | None, Argument("NAME")] = Field(None, description="show every setting of this recipe")
    all: bool = Field(False, description="every name, one a line")


def recipes(words: RecipesWords) -> None:
    """List what can be trained: data sets, networks, and every setting of a recipe."""
    console = new_console()
    for line in setting_lines(recipe(words.name)) if words.name else _all() if words.all else _overview():
        say(console, line)


def setting_lines(settings: Config) -> list[str]:
    """What the recipe is, and every setting with its value."""
    content = flat(settings.model_dump(exclude=RECORDED))
    width = max(map(len, content))
    return [describe(settings.recipe), *(f"{key:<{width}}  {as_typed(value)}" for key, value in content.items())]


def _all() -> list[str]:
    width = max(map(len, names()))
    return [f"{name:<{width}}  {describe(name)}" for name in names()]


def _overview() -> list[str]:
    """Data sets and networks as two short tables, on 24 lines of 80 characters."""
    best = RECOMMENDED.rsplit("-", 1)[-1]
    data = [f"  {name:<18} {about}" for name, about in about_data().items()]
    cells = [f"{name + ' *' * (name == best):<14} {line.title}" for name, line in NETWORKS.items()]
    half = (len(cells) + 1) // 2
    pairs = zip(cells[:half], [*cells[half:], ""][:half], strict=True)
    return [
        "A recipe is called DATA-NETWORK:",
        f"  roadseg train {RECOMMENDED} --data.root DIR",
        "",
        "data",
        *data,
        "network (*: the one to begin with)",
        *(f"  {left:<38} {right}".rstrip() for left, right in pairs),
        "",
        f"{RECOMMENDED}_crf: with a CRF over its predictions. The assignment has two",
        f"networks, {' and '.join(ASSIGNMENT)}. roadseg recipes NAME shows every setting of a",
        "recipe, roadseg recipes --all every name.",
    ]


RECIPES = Command("recipes", RecipesWords, recipes, f"roadseg recipes {RECOMMENDED}")
