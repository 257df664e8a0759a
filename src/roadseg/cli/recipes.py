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

    name: Annotated[str | None, Argument("NAME")] = Field(
        None, description="every setting of this recipe, or the recipes of this data set"
    )
    all: bool = Field(False, description="every name, one a line")


def recipes(words: RecipesWords) -> None:
    """List what can be trained: data sets, networks, and every setting of a recipe."""
    console = new_console()
    if words.name in about_data():
        lines = _all(f"{words.name}-")
    elif words.name:
        lines = setting_lines(recipe(words.name))
    else:
        lines = _all() if words.all else _overview()
    for line in lines:
        say(console, line)


def setting_lines(settings: Config) -> list[str]:
    """What the recipe is, and every setting with its value."""
    content = flat(settings.model_dump(exclude=RECORDED))
    width = max(map(len, content))
    return [describe(settings.recipe), *(f"{key:<{width}}  {as_typed(value)}" for key, value in content.items())]


def _all(start: str = "") -> list[str]:
    """A line for each recipe whose name begins so."""
    chosen = [name for name in names() if name.startswith(start)]
    width = max(map(len, chosen))
    return [f"{name:<{width}}  {describe(name)}" for name in chosen]


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
