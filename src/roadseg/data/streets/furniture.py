"""What stands at the kerb: lamps, signs, traffic lights, bollards, bins."""

from collections.abc import Callable
from dataclasses import dataclass

from roadseg.data.streets.buildings import Ground
from roadseg.data.streets.camera import Pixel
from roadseg.data.streets.classes import POLE, STATIC, TRAFFIC_LIGHT, TRAFFIC_SIGN
from roadseg.data.streets.color import Color, scaled
from roadseg.data.streets.light import Light
from roadseg.data.streets.paint import Canvas, Stencil

STEEL: Color = (136, 140, 142)
RED: Color = (196, 30, 34)
BLUE: Color = (28, 74, 160)
WHITE: Color = (236, 236, 232)
YELLOW: Color = (226, 190, 48)


def _post(stencil: Stencil, height: float, width: float, color: Color) -> None:
    """A round post: lit on one side, dark on the other."""
    stencil.limb((0.0, 0.0), (0.0, height), width, color)
    stencil.rectangle(width * 0.1, 0.0, width / 2, height, scaled(color, 0.68))


def _bar_shadow(light: Light, d: float, s: float, height: float, half: float) -> list[Ground]:
    tip, end = light.cast(d, height, s)
    return [[(d - half, s), (d + half, s), (tip + half, end), (tip - half, end)]]


@dataclass(frozen=True)
class Lamp:
    """Street lamp at (d, s): a mast of `height` metres with an arm over the road, or a plain mast."""

    d: float
    s: float
    height: float
    color: Color
    arm: float  # metres; 0 for a mast without lamp

    def paint(self, canvas: Canvas) -> None:
        """Draw mast, arm and head."""
        stencil = Stencil(canvas, self.d, self.s, POLE, flip=self.d > 0)
        if stencil.outside(3.0):
            return
        _post(stencil, self.height, 0.15, self.color)
        if self.arm > 0:
            stencil.limb((0.0, self.height - 0.05), (self.arm, self.height + 0.3), 0.1, self.color)
            end = (self.arm + 0.7, self.height + 0.36)
            stencil.limb((self.arm - 0.1, self.height + 0.3), end, 0.2, (190, 192, 190))

    def shadows(self, light: Light) -> list[Ground]:
        """Ground covered by the shadow."""
        return _bar_shadow(light, self.d, self.s, self.height, 0.08)


@dataclass(frozen=True)
class Sign:
    """Traffic sign on a post at (d, s): `kind` is one of `SIGNS`, `height` that of the plate's middle in metres."""

    d: float
    s: float
    height: float
    kind: str
    back: bool

    def paint(self, canvas: Canvas) -> None:
        """Draw the post and the plate, grey if it is seen from behind."""
        stencil = Stencil(canvas, self.d, self.s, POLE)
        if stencil.outside(1.5):
            return
        _post(stencil, self.height, 0.09, STEEL)
        stencil.label = TRAFFIC_SIGN
        _SIGN_PAINTERS[self.kind](stencil, self.height, self.back)

    def shadows(self, light: Light) -> list[Ground]:
        """Ground covered by the shadow."""
        return _bar_shadow(light, self.d, self.s, self.height, 0.05)


def _paint_limit(stencil: Stencil, y: float, back: bool) -> None:
    stencil.disc(0.0, y, 0.36, STEEL if back else RED)
    if not back:
        stencil.disc(0.0, y, 0.26, WHITE)
        stencil.rectangle(-0.14, y - 0.11, -0.02, y + 0.11, (30, 30, 30))
        stencil.rectangle(0.03, y - 0.11, 0.15, y + 0.11, (30, 30, 30))


def _paint_parking(stencil: Stencil, y: float, back: bool) -> None:
    stencil.rectangle(-0.34, y - 0.36, 0.34, y + 0.36, STEEL if back else BLUE)
    if not back:
        stencil.rectangle(-0.12, y - 0.22, -0.03, y + 0.24, WHITE)
        stencil.disc(0.03, y + 0.1, 0.13, WHITE)


def _paint_direction(stencil: Stencil, y: float, back: bool) -> None:
    stencil.rectangle(-0.75, y - 0.3, 0.75, y + 0.35, STEEL if back else YELLOW)
    if not back:
        stencil.limb((-0.6, y + 0.15), (0.4, y + 0.15), 0.08, (30, 30, 30))
        stencil.limb((-0.6, y - 0.1), (0.2, y - 0.1), 0.08, (30, 30, 30))


def _rimmed(corners: list[Pixel], *plates: tuple[float, Color]) -> Callable[[Stencil, float, bool], None]:
    """Painter of a sign with these corners at size 1: a plate for each size in metres and colour, the rim first."""

    def paint(stencil: Stencil, y: float, back: bool) -> None:
        for size, color in plates:
            stencil.polygon([(u * size, y + v * size) for u, v in corners], STEEL if back else color)

    return paint


_SIGN_PAINTERS = {
    "limit": _paint_limit,
    "yield": _rimmed([(-1, 0.6), (1, 0.6), (0, -0.95)], (0.46, RED), (0.27, WHITE)),
    "warning": _rimmed([(-1, -0.6), (0, 0.95), (1, -0.6)], (0.46, RED), (0.28, WHITE)),
    "priority": _rimmed([(-1, 0), (0, 1), (1, 0), (0, -1)], (0.44, WHITE), (0.3, YELLOW)),
    "parking": _paint_parking,
    "direction": _paint_direction,
}
SIGNS = tuple(_SIGN_PAINTERS)


@dataclass(frozen=True)
class TrafficLight:
    """Traffic light on a mast at (d, s); `over` metres of arm hold a second one over the road."""

    d: float
    s: float
    phase: int  # 0 red, 1 amber, 2 green
    over: float

    def paint(self, canvas: Canvas) -> None:
        """Draw the mast and its lights."""
        stencil = Stencil(canvas, self.d, self.s, POLE, flip=self.d > 0)
        if stencil.outside(6.0):
            return
        mast = 5.6 if self.over > 0 else 3.4
        _post(stencil, mast, 0.16, (96, 100, 102))
        if self.over > 0:
            stencil.limb((0.0, mast - 0.1), (self.over, mast), 0.12, (96, 100, 102))
            self._paint_head(stencil, self.over - 0.3, mast - 0.2)
        self._paint_head(stencil, 0.12, 3.4)

    def _paint_head(self, stencil: Stencil, x: float, top: float) -> None:
        stencil.label = TRAFFIC_LIGHT
        stencil.rectangle(x - 0.2, top - 1.02, x + 0.2, top + 0.04, (26, 30, 28))
        for k, lit in enumerate(((250, 50, 40), (250, 180, 50), (60, 230, 120))):
            color = lit if k == self.phase else scaled(lit, 0.2)
            stencil.disc(x, top - 0.17 - 0.32 * k, 0.12, color)
        stencil.label = POLE

    def shadows(self, light: Light) -> list[Ground]:
        """Ground covered by the shadow."""
        return _bar_shadow(light, self.d, self.s, 3.4, 0.1)


@dataclass(frozen=True)
class Bollard:
    """Short post at (d, s) in metres."""

    d: float
    s: float
    color: Color

    def paint(self, canvas: Canvas) -> None:
        """Draw the post with a light band."""
        stencil = Stencil(canvas, self.d, self.s, POLE)
        if not stencil.outside(0.5):
            _post(stencil, 0.95, 0.16, self.color)
            stencil.rectangle(-0.08, 0.72, 0.08, 0.82, WHITE)

    def shadows(self, light: Light) -> list[Ground]:
        """Ground covered by the shadow."""
        return _bar_shadow(light, self.d, self.s, 0.95, 0.08)


@dataclass(frozen=True)
class Bin:
    """Dustbin at (d, s) in metres; the labels know no class for it, so it is static (4)."""

    d: float
    s: float
    color: Color

    def paint(self, canvas: Canvas) -> None:
        """Draw body, lid and side."""
        stencil = Stencil(canvas, self.d, self.s, STATIC)
        if stencil.outside(1.0):
            return
        stencil.polygon([(-0.26, 0.05), (-0.3, 1.0), (0.3, 1.0), (0.26, 0.05)], self.color)
        dark = scaled(self.color, 0.6)
        stencil.polygon([(0.14, 0.05), (0.17, 1.0), (0.3, 1.0), (0.26, 0.05)], dark)
        stencil.rectangle(-0.33, 1.0, 0.33, 1.1, dark)

    def shadows(self, light: Light) -> list[Ground]:
        """Ground covered by the shadow."""
        return _bar_shadow(light, self.d, self.s, 1.0, 0.28)
