"""Pages and texts from templates: one environment, colours of both themes, and how values are written in them."""

import base64
import re
from collections.abc import Sequence
from functools import cache

import jinja2
from markupsafe import Markup

from roadseg.report.figures import svg, theme
from roadseg.system.progress import percent


@cache  # with the templates that it compiled: a third of a second for a page
def environment(package: str, autoescape: bool = True) -> jinja2.Environment:
    """The templates of a package, with the filters below and the themes' custom properties as `light` and `dark`.

    A name that a template does not get is an error.
    """
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"percent": score, "breakable": breakable, "command": command, "uri": data_uri, "md": markdown_text}
    made.globals |= {name: Markup(theme.properties(colors)) for name, colors in theme.THEMES.items()}
    return made


def score(value: float | None, digits: int = 1) -> str:
    """A share of 1 in percent, without the sign; a dash for None."""
    return percent(value) if digits == 1 or value is None else f"{100 * value:.{digits}f}"


def data_uri(data: bytes, kind: str) -> Markup:
    """A file inside the page; `kind` is its media type."""
    return Markup(f"data:{kind};base64,{base64.b64encode(data).decode()}")


def hex_color(color: Sequence[int]) -> str:
    """`#rrggbb` of red, green and blue from 0 to 255."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def markdown_text(words: str) -> str:
    """Text without a meaning in Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", words)


def command(line: str) -> Markup:
    """A command whose flags are not broken at their hyphens."""
    return Markup(" ").join(
        svg.element("span", word, class_="whole") if word.startswith("--") else word for word in line.split(" ")
    )


def breakable(text: str) -> Markup:
    """Text in which a setting (`optimizer.lr=1e-4`) stays on one line, or breaks between its parts, not in a number.

    No line begins with a percent sign or ends within a name such as `kitti-fcn8s`.
    """
    words = text.replace(" %", "\N{NO-BREAK SPACE}%").split(" ")
    return Markup(" ").join(_setting(word) if re.match(r"[\w.]+=.", word) else _name(word) for word in words)


def _name(word: str) -> str | Markup:
    return svg.element("span", word, class_="whole") if re.search(r"\w-\w", word) and len(word) < 30 else word


def _setting(word: str) -> Markup:
    key, value = word.split("=", 1)
    names = Markup("<wbr>").join(re.split(r"(?<=\.)", f"{key}="))
    number = svg.element("span", value, class_="whole") if re.fullmatch(r"[-+.,\de]+", value) else value
    return svg.element("span", names, Markup("<wbr>"), number, class_="word")
