"""People on foot and on bicycles, as flat figures."""

import math
from dataclasses import dataclass, replace

from roadseg.data.streets.buildings import Ground
from roadseg.data.streets.classes import BICYCLE, MOTORCYCLE, PERSON, RIDER
from roadseg.data.streets.color import Color, scaled
from roadseg.data.streets.light import Light
from roadseg.data.streets.paint import Canvas, Stencil

CLOTHES: tuple[Color, ...] = (
    (40, 46, 70), (150, 44, 46), (214, 208, 196), (60, 88, 62), (28, 28, 32), (196, 160, 70), (84, 110, 150),
    (120, 84, 66), (170, 170, 176),
)  # fmt: skip
_BARS = (
    ((-0.52, 0.34), (-0.15, 0.8)), ((-0.15, 0.8), (0.38, 0.85)), ((-0.08, 0.36), (0.38, 0.82)),
    ((-0.52, 0.34), (-0.08, 0.36)), ((-0.2, 0.95), (-0.08, 0.36)), ((0.36, 1.05), (0.52, 0.34)),
)  # fmt: skip
_FAR = 10.0  # pixels per metre below which arms and legs are not told apart
SKINS: tuple[Color, ...] = ((222, 182, 156), (190, 144, 112), (128, 88, 66), (94, 64, 50))
HAIRS: tuple[Color, ...] = ((44, 34, 28), (96, 70, 44), (150, 126, 84), (70, 68, 70))


@dataclass(frozen=True)
class Person:
    """Somebody walking at (d, s), `height` and `speed` in metres and metres per frame along the road."""

    d: float
    s: float
    height: float
    shirt: Color
    trousers: Color
    skin: Color
    hair: Color
    phase: float
    speed: float = 0.0

    def at(self, time: float) -> "Person":
        """The person `time` frames later, some steps on."""
        return replace(self, s=self.s + self.speed * time, phase=self.phase + 1.1 * time)

    def paint(self, canvas: Canvas) -> None:
        """Draw legs, arms, torso and head."""
        stencil = Stencil(canvas, self.d, self.s, PERSON)
        if stencil.outside(1.0):
            return
        h = self.height
        if stencil.scale < _FAR:
            stencil.limb((0.0, 0.0), (0.0, 0.5 * h), 0.17 * h, self.trousers)
            stencil.limb((0.0, 0.47 * h), (0.0, 0.84 * h), 0.25 * h, self.shirt)
            stencil.disc(0.0, 0.92 * h, 0.06 * h, self.hair)
            return
        stride = 0.16 * h * math.sin(self.phase)
        hip, shoulder = 0.5 * h, 0.82 * h
        for foot, tone in ((-stride, 0.75), (stride, 1.0)):
            trousers = scaled(self.trousers, tone)
            side = 0.035 * h if tone == 1.0 else -0.035 * h
            stencil.limb((side, hip), (side + foot * 0.45, 0.26 * h), 0.095 * h, trousers)
            stencil.limb((side + foot * 0.45, 0.27 * h), (side + foot, 0.02 * h), 0.075 * h, trousers)
            shoe = side + foot
            stencil.limb((shoe - 0.04 * h, 0.015 * h), (shoe + 0.05 * h, 0.015 * h), 0.04 * h, (30, 28, 28))
        arm = scaled(self.shirt, 0.8)
        stencil.limb((-0.115 * h, shoulder - 0.02 * h), (-0.13 * h + stride * 0.5, 0.47 * h), 0.055 * h, arm)
        stencil.limb((0.115 * h, shoulder - 0.02 * h), (0.13 * h - stride * 0.5, 0.47 * h), 0.055 * h, arm)
        torso = [(-0.085, 0.47), (-0.115, 0.8), (-0.06, 0.835), (0.06, 0.835), (0.115, 0.8), (0.085, 0.47)]
        stencil.polygon([(x * h, y * h) for x, y in torso], self.shirt)
        stencil.limb((0.0, 0.82 * h), (0.0, 0.88 * h), 0.06 * h, self.skin)
        stencil.disc(0.0, 0.93 * h, 0.062 * h, self.hair)
        stencil.disc(0.012 * h, 0.918 * h, 0.05 * h, self.skin)

    def shadows(self, light: Light) -> list[Ground]:
        """Ground covered by the shadow."""
        d, s = light.cast(self.d, self.height, self.s)
        return [[(self.d - 0.15, self.s), (self.d + 0.15, self.s), (d + 0.12, s), (d - 0.12, s)]]


@dataclass(frozen=True)
class Bicycle:
    """A bicycle at (d, s), seen from the side (`across`) or along, with a rider if `shirt` is given."""

    d: float
    s: float
    frame: Color
    across: bool
    shirt: Color | None = None
    trousers: Color = (40, 44, 60)
    skin: Color = (210, 170, 140)
    phase: float = 0.0
    speed: float = 0.0
    motor: bool = False

    def at(self, time: float) -> "Bicycle":
        """The bicycle `time` frames later."""
        return replace(self, s=self.s + self.speed * time, phase=self.phase + 0.9 * time)

    def paint(self, canvas: Canvas) -> None:
        """Draw the cycle and then whoever rides it."""
        stencil = Stencil(canvas, self.d, self.s, MOTORCYCLE if self.motor else BICYCLE, flip=self.d < 0)
        if stencil.outside(1.5):
            return
        if self.across:
            self._paint_side(stencil)
        else:
            self._paint_along(stencil)
        if self.shirt is not None:
            stencil.label = RIDER
            self._paint_rider(stencil, self.shirt)

    def _paint_side(self, stencil: Stencil) -> None:
        tyre, wide = (34.0, 34.0, 36.0), 0.12 if self.motor else 0.05
        for x in (-0.52, 0.52):
            stencil.ring(x, 0.34, 0.35, wide, tyre)
            stencil.disc(x, 0.34, 0.06, (150, 150, 152))
        for start, end in _BARS if stencil.scale > _FAR else _BARS[1:3]:
            stencil.limb(start, end, 0.05, self.frame)
        stencil.limb((-0.32, 0.97), (-0.08, 0.97), 0.07, (30, 28, 28))
        stencil.limb((0.26, 1.06), (0.44, 1.06), 0.05, (60, 60, 62))
        if self.motor:
            stencil.polygon([(-0.7, 0.75), (-0.5, 0.95), (0.4, 0.95), (0.35, 0.35), (-0.3, 0.3)], self.frame)

    def _paint_along(self, stencil: Stencil) -> None:
        wide = 0.2 if self.motor else 0.07
        stencil.limb((0, 0), (0, 0.7), wide, (34, 34, 36))
        stencil.limb((0, 0.45), (0, 0.98), wide * 1.5, self.frame)
        stencil.rectangle(-0.06, 0.62, 0.06, 0.72, (180, 30, 30))
        stencil.limb((-0.3, 1.03), (0.3, 1.03), 0.06, (50, 50, 52))
        if self.motor:
            stencil.rectangle(-0.22, 0.4, 0.22, 0.95, self.frame)

    def _paint_rider(self, stencil: Stencil, shirt: Color) -> None:
        knee = 0.1 * math.sin(self.phase)
        if self.across:
            stencil.limb((-0.2, 1.0), (0.12, 0.72 + knee), 0.15, self.trousers)
            stencil.limb((0.12, 0.72 + knee), (0.0, 0.3 + knee), 0.11, self.trousers)
            stencil.limb((-0.2, 0.96), (0.06, 1.5), 0.27, shirt)
            stencil.limb((0.06, 1.44), (0.36, 1.08), 0.09, self.skin)
            stencil.disc(0.14, 1.68, 0.12, self.skin)
            stencil.disc(0.12, 1.73, 0.11, (60, 50, 44))
            return
        stencil.limb((-0.11, 0.95), (-0.15, 0.42 + knee), 0.13, self.trousers)
        stencil.limb((0.11, 0.95), (0.15, 0.42 - knee), 0.13, self.trousers)
        stencil.limb((-0.2, 1.38), (-0.28, 1.05), 0.09, shirt)
        stencil.limb((0.2, 1.38), (0.28, 1.05), 0.09, shirt)
        stencil.polygon([(-0.16, 0.9), (-0.23, 1.42), (-0.1, 1.5), (0.1, 1.5), (0.23, 1.42), (0.16, 0.9)], shirt)
        stencil.disc(0.0, 1.64, 0.125, (60, 50, 44))

    def shadows(self, light: Light) -> list[Ground]:
        """Ground covered by the shadow."""
        d, s = light.cast(self.d, 1.6 if self.shirt else 0.9, self.s)
        half = 0.6 if self.across else 0.15
        return [[(self.d - half, self.s), (self.d + half, self.s), (d + half * 0.5, s), (d - half * 0.5, s)]]
