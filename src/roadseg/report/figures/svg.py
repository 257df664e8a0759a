"""Scalable drawings from text: elements, scales, and the marks that stand for an arm.

A drawing carries classes, and `figure.css` colours them: on the page by the page's theme, in a file by the viewer's.
"""

import math
from collections.abc import Iterable

from markupsafe import Markup, escape

from roadseg.report.figures.theme import figure_style

COLORS = 7
"""Colours for arms in figure.css; the marks have another number, so that 56 arms look different."""

MARKS = (
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",  # circle
    "M-4.4 -4.4h8.8v8.8h-8.8z",  # square
    "M0 -5.6L5.6 4.4H-5.6z",  # triangle
    "M0 -6.2L6.2 0L0 6.2L-6.2 0z",  # diamond
    "M0 5.6L5.6 -4.4H-5.6z",  # triangle on its tip
    "M-1.9 -5.4h3.8v3.5h3.5v3.8h-3.5v3.5h-3.8v-3.5h-3.5v-3.8h3.5z",  # cross
    "M-5.8 0L-2.9 -5H2.9L5.8 0L2.9 5H-2.9z",  # hexagon
    "M0 -6.4L1.7 -1.9H6.2L2.6 1L3.9 5.6L0 2.9L-3.9 5.6L-2.6 1L-6.2 -1.9H-1.7z",  # star
)


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """An element; `_` in the names of attributes stands for `-`, `class_` for `class`. Text and values are escaped."""
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _number(value))
        for name, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(escape(part) for part in content)
    return Markup("<{0}{1}>{2}</{0}>").format(tag, written, inside) if inside else Markup(f"<{tag}{written}/>")


def _number(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def mark(arm: int, x: object, y: object, kind: str = "mark") -> Markup:
    """The mark of an arm; x and y may be numbers or percentages, which a transform could not be."""
    path = element("path", d=MARKS[arm % len(MARKS)])
    return element("svg", path, x=x, y=y, class_=f"{kind} {arm_class(arm)}", overflow="visible")


def arm_class(arm: int) -> str:
    """Gives an element the colour of an arm."""
    return f"arm-{arm % COLORS}"


def group(arm: int, parts: Iterable[Markup]) -> Markup:
    """What belongs to an arm: it has the arm's colour and is hidden with it."""
    return element("g", *parts, class_=f"arm {arm_class(arm)}", data_arm=arm)


def text(words: object, x: object, y: object, class_: str = "", anchor: str | None = None, **more: object) -> Markup:
    """Words at a place."""
    return element("text", words, x=x, y=y, class_=class_ or None, text_anchor=anchor, **more)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values (steps of 1, 2 or 5 times a power of ten) that enclose the range from `low` to `high`."""
    if not high > low:
        high = low + 1.0
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def drawing(title: str, content: Markup, width: float, height: float, class_: str = "") -> Markup:
    """A drawing for the page; its text has the page's size where it is shown `width` pixels wide."""
    return element(
        "svg", element("title", title), content, xmlns="http://www.w3.org/2000/svg", role="img",
        viewBox=f"0 0 {width:g} {height:g}", width=width, height=height, class_=f"drawing {class_}".strip(),
    )  # fmt: skip


def standalone(content: Markup) -> str:
    """The same drawing as a file of its own, with its colours and a background."""
    head, body = content.split(">", 1)
    backdrop = element("rect", class_="backdrop", width="100%", height="100%")
    return f"{head}><style>{figure_style()}</style>{backdrop}{body}\n"
