"""Charts: scales, a panel with its axes and what stands in it, rows along one scale, and panels side by side.

A scale gives the place of a value in pixels; `percentage` gives it in percent of an element's width, for the columns of
a table that are as wide as the screen allows. Values are shares of 1 and written in percent, if nothing else is said.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from roadseg.report.figures import svg
from roadseg.report.figures.svg import drawing, element, text

WIDTH, HEIGHT = 384.0, 264.0
LEFT, RIGHT, TOP, BOTTOM = 40.0, 12.0, 26.0, 42.0
"""Pixels between a panel's edges and its scales."""
TRACK = 440.0
"""Width in pixels of the scale that rows in a file share."""
CHARACTER = 7.4
"""Width of a letter in pixels, about: a file cannot ask for the width of its text."""

Point = tuple[float, float]
Place = Callable[[float], object]
Ticks = Mapping[float, object]
"""What stands at a value of a scale."""


@dataclass(frozen=True)
class Scale:
    """From values between `low` and `high` to pixels between `start` and `end`; values beyond are put at the ends."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value."""
        low, high, at = (math.log(each) if self.log else each for each in (self.low, self.high, value))
        share = (at - low) / (high - low) if high > low else 0.0
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether a value lies on the scale."""
        return self.low <= value <= self.high


def percentage(ticks: Sequence[float]) -> Place:
    """Places along an element that is as wide as its column."""
    scale = Scale(ticks[0], ticks[-1], 0, 100)
    return lambda value: f"{scale(value):.2f}%"


def percents(values: Sequence[float]) -> dict[float, str]:
    """Shares of 1 as ticks in percent."""
    return {value: f"{100 * value:g}".replace("-", "\N{MINUS SIGN}") for value in values}


@dataclass(frozen=True)
class Panel:
    """A scale across and one up between the edges of a grid; a point is a value across and one up."""

    x: Scale
    y: Scale
    left: float
    right: float

    @staticmethod
    def of(across: Point, up: Point, size: Point = (WIDTH, HEIGHT), inset: float = 0, log: bool = False) -> "Panel":
        """For values from low to high; those across begin and end `inset` pixels inside the grid."""
        left, right = LEFT, size[0] - RIGHT
        x = Scale(*across, left + inset, right - inset, log)
        return Panel(x, Scale(*up, size[1] - BOTTOM, TOP), left, right)

    def moved(self, pixels: float) -> "Panel":
        """Everything so far to the right, for arms that would cover each other."""
        return replace(self, x=replace(self.x, start=self.x.start + pixels, end=self.x.end + pixels))

    def axes(self, rows: Ticks, columns: Ticks, across: str, up: str) -> Markup:
        """Lines at the rows with their values, the columns' values, and what the two axes are."""
        left, right, bottom = self.left, self.right, self.y.start
        parts = [text(up, 0, TOP - 14, "tick"), text(across, right, bottom + 36, "tick", "end")]
        for value, words in rows.items():
            y = self.y(value)
            parts.append(element("line", class_="base" if y == bottom else "grid", x1=left, x2=right, y1=y, y2=y))
            parts.append(text(words, left - 8, y + 4, "tick", "end"))
        parts += [text(words, self.x(value), bottom + 18, "tick", "middle") for value, words in columns.items()]
        return Markup("").join(parts)

    def line(self, points: Sequence[Point], class_: str = "line") -> Markup:
        """From point to point."""
        return element("polyline", points=self._places(points), class_=class_)

    def band(self, lows: Sequence[Point], highs: Sequence[Point]) -> Markup:
        """The area between two lines."""
        return element("polygon", points=self._places([*lows, *reversed(highs)]), class_="band")

    def interval(self, x: float, low: float, high: float) -> Markup:
        """An upright line, with a bar at each end that lies on the scale."""
        at = self.x(x)
        parts = [element("line", class_="whisker", x1=at, x2=at, y1=self.y(low), y2=self.y(high))]
        for end in filter(self.y.holds, (low, high)):
            parts.append(element("line", class_="whisker", x1=at - 4, x2=at + 4, y1=self.y(end), y2=self.y(end)))
        return Markup("").join(parts)

    def mark(self, arm: int, point: Point, kind: str = "mark small") -> Markup:
        """The arm's mark at a point."""
        return svg.mark(arm, self.x(point[0]), self.y(point[1]), kind)

    def circle(self, point: Point, radius: float, class_: str) -> Markup:
        """Around a point; the radius is in pixels."""
        return element("circle", cx=self.x(point[0]), cy=self.y(point[1]), r=radius, class_=class_)

    def _places(self, points: Sequence[Point]) -> str:
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)


def grid(ticks: Sequence[float], place: Place, top: object, bottom: object, zero: bool = False) -> Markup:
    """Thin upright lines at the ticks; with `zero` a stronger one at 0."""
    lines = [("grid", tick) for tick in ticks] + ([("zero", 0.0)] if zero else [])
    return Markup("").join(
        element("line", class_=class_, x1=place(value), x2=place(value), y1=top, y2=bottom) for class_, value in lines
    )


def axis(ticks: Sequence[float], place: Place, y: float) -> Markup:
    """The ticks' values in percent, above or below a grid."""
    return Markup("").join(text(words, place(tick), y, "tick", "middle") for tick, words in percents(ticks).items())


@dataclass(frozen=True)
class Row:
    """A name, what lies along the scale (drawn at the height that it is given), and what stands behind it."""

    name: str
    track: Callable[[Place, float], Markup]
    value: str
    class_: str = "name"


def rows(
    title: str, heads: tuple[str, str], ticks: Sequence[float], lines: Sequence[Row], names: Mapping[int, str] = {},
    height: float = 30, zero: bool = False,
) -> Markup:  # fmt: skip
    """Rows along one scale. `heads` stand above the scale and the values; below are the arms `names`, if there are."""
    left, top = 24 + CHARACTER * max(len(line.name) for line in lines), 46.0
    width = left + TRACK + 24 + CHARACTER * max(len(words) for words in (heads[1], *(line.value for line in lines)))
    place, bottom = Scale(ticks[0], ticks[-1], left, left + TRACK), top + height * len(lines)
    parts = [text(heads[0], left, 18, "tick"), text(heads[1], width - 8, 18, "tick", "end")]
    parts += [grid(ticks, place, top, bottom, zero), axis(ticks, place, top - 8)]
    for number, line in enumerate(lines):
        y = top + height * (number + 0.5)
        parts += [text(line.name, 8, y + 4, line.class_), line.track(place, y)]
        parts.append(text(line.value, width - 8, y + 4, "value", "end"))
    keys, end = legend(names, width, bottom + 22)
    return drawing(title, Markup("").join([*parts, keys]), width, end if names else bottom + 12)


def side_by_side(
    title: str, panels: Sequence[tuple[str, Markup]], names: Mapping[int, str], size: Point = (WIDTH, HEIGHT)
) -> Markup:
    """Panels of one size with their titles in a row, above the marks of the arms, `names` by number."""
    parts = []
    for position, (heading, content) in enumerate(panels):
        place = f"translate({position * (size[0] + 20) + 10:g} 26)"
        parts.append(element("g", text(heading, 0, -6, "heading"), content, transform=place))
    width = len(panels) * (size[0] + 20)
    keys, height = legend(names, width, 44 + size[1])
    return drawing(title, Markup("").join([*parts, keys]), width, height)


def legend(names: Mapping[int, str], width: float, top: float) -> tuple[Markup, float]:
    """The arms' marks and names, set like words, and where they end."""
    parts = []
    x, y = 16.0, top
    for number, name in names.items():
        step = 36 + CHARACTER * len(name)
        if x > 16 and x + step > width:
            x, y = 16.0, y + 22
        parts += [svg.mark(number, x, y), text(name, x + 12, y + 4, "name")]
        x += step
    return Markup("").join(parts), y + 16
