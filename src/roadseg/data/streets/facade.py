"""Fronts of houses, as textures: plaster or brick, rows of windows, doors, shops, balconies."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from roadseg.data.streets.color import Color, Number, scaled, whole
from roadseg.data.streets.texture import Noise, Texture, roughen

PLASTERS: tuple[Color, ...] = (
    (226, 216, 192), (210, 190, 150), (232, 228, 220), (196, 172, 140), (214, 168, 130), (188, 196, 190),
    (176, 146, 120), (220, 204, 160), (166, 172, 180), (202, 182, 172), (150, 140, 128), (206, 212, 200),
)  # fmt: skip
BRICKS: tuple[Color, ...] = ((150, 82, 62), (168, 100, 76), (128, 84, 70), (174, 128, 96))
SHOP_SIGNS: tuple[Color, ...] = ((178, 40, 44), (38, 78, 142), (36, 110, 74), (230, 190, 60), (60, 58, 62))
FLOOR = 3.1  # metres from floor to floor


@dataclass(frozen=True)
class Facade:
    """What a front looks like: width and height in metres, the wall, its openings."""

    width: float
    floors: int
    wall: Color
    brick: bool
    shop: bool
    shutters: Color | None
    balconies: bool
    window: tuple[float, float]  # width and height in metres
    pitch: float  # metres from window to window

    @property
    def height(self) -> float:
        """Metres from the ground to the eaves."""
        return self.floors * FLOOR + 0.8


def random_facade(rng: Generator, width: float, floors: int) -> Facade:
    """A front of this width in metres in one of many styles."""
    brick = bool(rng.random() < 0.3)
    walls = BRICKS if brick else PLASTERS
    wall = tuple(float(v) for v in np.array(walls[int(rng.integers(len(walls)))]) * rng.uniform(0.72, 0.98))
    shutters = (float(rng.uniform(40, 130)), float(rng.uniform(50, 110)), float(rng.uniform(40, 90)))
    return Facade(
        width=width,
        floors=floors,
        wall=(wall[0], wall[1], wall[2]),
        brick=brick,
        shop=bool(floors >= 3 and rng.random() < 0.4),
        shutters=shutters if floors <= 3 and rng.random() < 0.5 else None,
        balconies=bool(floors >= 3 and rng.random() < 0.3),
        window=(float(rng.uniform(0.95, 1.5)), float(rng.uniform(1.35, 1.75))),
        pitch=float(rng.uniform(2.3, 3.2)),
    )


class _Easel:
    """Draws rectangles in metres (x to the right, y up from the ground) into the texture of a wall."""

    def __init__(self, width: float, height: float, scale: float, wall: Color):
        size = (max(8, round(width * scale)), max(8, round(height * scale)))
        self.image = Image.new("RGB", size, whole(wall))
        self._pen = ImageDraw.Draw(self.image)
        self._scale = scale
        self._bottom = size[1]

    def box(self, left: Number, bottom: Number, right: Number, top: Number, color: Color) -> None:
        scale, base = self._scale, self._bottom
        x0, x1 = round(left * scale), round(right * scale) - 1
        y0, y1 = base - round(top * scale), base - round(bottom * scale) - 1
        if x1 >= x0 and y1 >= y0:
            self._pen.rectangle((x0, y0, x1, y1), fill=whole(color))


def front(rng: Generator, facade: Facade, scale: float, noise: Noise) -> Texture:
    """Texture of the side that faces the road, at `scale` texels per metre."""
    easel = _Easel(facade.width, facade.height, scale, facade.wall)
    if facade.brick:
        _courses(easel, facade)
    easel.box(0, 0, facade.width, 0.55, scaled(facade.wall, 0.72))
    for floor in range(facade.floors):
        if floor == 0 and facade.shop:
            _shop(rng, easel, facade)
        else:
            _floor(rng, easel, facade, floor)
    if rng.random() < 0.5:
        for floor in range(1, facade.floors):
            easel.box(0, floor * FLOOR - 0.1, facade.width, floor * FLOOR + 0.08, scaled(facade.wall, 1.12))
    top = facade.height
    easel.box(0, top - 0.55, facade.width, top - 0.2, scaled(facade.wall, 0.68))
    easel.box(0, top - 0.3, facade.width, top, scaled(facade.wall, 1.1))
    easel.box(0.1, 0.3, 0.22, top - 0.3, scaled(facade.wall, 0.6))
    return Texture.of(roughen(easel.image, noise, 0.035))


def blank(facade: Facade, depth: float, height: float, scale: float, noise: Noise, windows: bool) -> Texture:
    """Texture of an end wall `depth` metres wide: the same wall, few openings."""
    easel = _Easel(depth, height, scale, scaled(facade.wall, 0.96))
    if facade.brick:
        _courses(easel, facade)
    easel.box(0, 0, depth, 0.55, scaled(facade.wall, 0.7))
    if windows:
        for floor in range(facade.floors):
            for x in (depth * 0.3, depth * 0.7):
                _window(easel, x - 0.5, floor * FLOOR + 1.0, 1.0, 1.3, 0.3, facade)
    return Texture.of(roughen(easel.image, noise, 0.04))


def _courses(easel: _Easel, facade: Facade) -> None:
    # Real courses are 8 cm high; at this size they would only flicker, so they are drawn three at a time.
    for row in range(int(facade.height / 0.5) + 8):
        easel.box(0, row * 0.5, 99, row * 0.5 + 0.06, scaled(facade.wall, 1.14))
        easel.box(0, row * 0.5 + 0.25, 99, row * 0.5 + 0.3, scaled(facade.wall, 0.9))


def _floor(rng: Generator, easel: _Easel, facade: Facade, floor: int) -> None:
    count = max(1, int(facade.width / facade.pitch))
    wide, high = facade.window
    door = int(rng.integers(count)) if floor == 0 else -1
    for column in range(count):
        x = (column + 0.5) * facade.width / count
        base = floor * FLOOR
        if column == door:
            _door(rng, easel, x, facade)
            continue
        _window(easel, x - wide / 2, base + 1.0, wide, high, float(rng.random()), facade)
        if facade.balconies and floor > 0 and column % 2 == 1:
            easel.box(x - 1.2, base - 0.05, x + 1.2, base + 0.15, scaled(facade.wall, 0.6))
            easel.box(x - 1.2, base + 0.15, x + 1.2, base + 1.0, scaled(facade.wall, 0.8))
            easel.box(x - 1.2, base + 0.95, x + 1.2, base + 1.05, (70, 70, 74))


def _window(easel: _Easel, x: float, y: float, wide: float, high: float, mood: float, facade: Facade) -> None:
    frame = (236.0, 236.0, 232.0) if sum(facade.wall) < 600 else (112.0, 98.0, 84.0)
    easel.box(x - 0.14, y - 0.12, x + wide + 0.14, y + high + 0.14, scaled(facade.wall, 1.1))
    easel.box(x, y, x + wide, y + high, frame)
    glass = (44 + 40 * mood, 54 + 44 * mood, 66 + 50 * mood)
    easel.box(x + 0.08, y + 0.08, x + wide - 0.08, y + high - 0.08, glass)
    easel.box(x + 0.08, y + high * 0.72, x + wide - 0.08, y + high - 0.08, scaled(glass, 0.6))
    if mood > 0.6:
        easel.box(x + 0.08, y + 0.08, x + wide * 0.3, y + high - 0.08, (176, 172, 164))
    easel.box(x + wide / 2 - 0.04, y, x + wide / 2 + 0.04, y + high, frame)
    easel.box(x - 0.2, y - 0.14, x + wide + 0.2, y - 0.02, scaled(facade.wall, 0.62))
    if facade.shutters is not None:
        easel.box(x - wide * 0.5, y, x - 0.1, y + high, facade.shutters)
        easel.box(x + wide + 0.1, y, x + wide * 1.5, y + high, facade.shutters)


def _door(rng: Generator, easel: _Easel, x: float, facade: Facade) -> None:
    color = (float(rng.uniform(40, 120)), float(rng.uniform(36, 80)), float(rng.uniform(28, 70)))
    easel.box(x - 0.75, 0, x + 0.75, 2.6, scaled(facade.wall, 1.12))
    easel.box(x - 0.58, 0.15, x + 0.58, 2.4, color)
    easel.box(x - 0.45, 1.45, x + 0.45, 2.25, scaled(color, 0.6))
    easel.box(x - 0.8, 0, x + 0.8, 0.16, (150, 148, 142))


def _shop(rng: Generator, easel: _Easel, facade: Facade) -> None:
    sign = SHOP_SIGNS[int(rng.integers(len(SHOP_SIGNS)))]
    easel.box(0.3, 0.45, facade.width - 0.3, 2.55, (58, 66, 74))
    panes = max(2, int(facade.width / 2.4))
    for pane in range(panes):
        x = 0.3 + pane * (facade.width - 0.6) / panes
        lit = float(rng.uniform(0.6, 1.5))
        easel.box(x + 0.1, 0.5, x + (facade.width - 0.6) / panes, 2.4, (66 * lit, 70 * lit, 72 * lit))
        easel.box(x + 0.3, 0.5, x + 0.9, 1.2, (120 * lit, 96 * lit, 84 * lit))
    easel.box(0.3, 2.55, facade.width - 0.3, 3.05, sign)
    start, stop = facade.width * 0.3, facade.width * 0.6
    for x in np.arange(start, stop, 0.42):
        easel.box(float(x), 2.66, float(x) + 0.26, 2.94, (240, 238, 230))
    if rng.random() < 0.5:
        for stripe in range(int(facade.width * 0.8 / 0.5)):
            color = sign if stripe % 2 else (236.0, 232.0, 224.0)
            easel.box(0.6 + stripe * 0.5, 2.1, 1.1 + stripe * 0.5, 2.6, color)
