"""Weather and time of day: where the sun stands, what it does to a colour, and what the air adds."""

import math
from dataclasses import dataclass

from numpy.random import Generator

from roadseg.data.streets.color import Color, Number


@dataclass(frozen=True)
class Light:
    """Light of a drive; `sun` is the unit vector towards the sun in road coordinates (d, y, s), `haze` in metres."""

    name: str
    sun: tuple[float, float, float]
    direct: float
    ambient: float
    tint: Color
    zenith: Color
    horizon: Color
    clouds: float
    haze: Number
    exposure: float

    def shade(self, normal: tuple[float, float, float]) -> Color:
        """Factors per colour channel for a surface with this unit normal; about 1 for flat ground in the sun."""
        toward = sum(a * b for a, b in zip(normal, self.sun, strict=True))
        sunny = self.direct * max(0.0, toward) / self.sun[1] ** 0.25
        fill = self.ambient * (0.85 + 0.15 * normal[1])
        red, green, blue = self.tint
        return fill * 0.97 + sunny * red, fill + sunny * green, fill * 1.05 + sunny * blue

    def shadow(self) -> Color:
        """Factors per channel that turn sunlit ground into ground in shadow."""
        lit, fill = self.shade((0.0, 1.0, 0.0)), self.ambient
        return fill * 0.95 / lit[0], fill / lit[1], fill * 1.08 / lit[2]

    def veil(self, distance: float) -> float:
        """Share of the haze colour in what is seen at this distance in metres."""
        return 1.0 - math.exp(-max(0.0, distance) / self.haze)

    def seen(self, color: Color, shade: Color, distance: float) -> tuple[int, int, int]:
        """A surface colour as the camera sees it: lit, then veiled by the air."""
        veil = self.veil(distance)
        keep = 1.0 - veil
        red = color[0] * shade[0] * keep + self.horizon[0] * veil
        green = color[1] * shade[1] * keep + self.horizon[1] * veil
        blue = color[2] * shade[2] * keep + self.horizon[2] * veil
        return min(255, int(red)), min(255, int(green)), min(255, int(blue))

    def matrix(self, shade: Color, distance: float) -> tuple[float, ...]:
        """`seen` for a whole image, as a matrix for `Image.convert`."""
        veil = self.veil(distance)
        keep = 1.0 - veil
        red, green, blue = (h * veil for h in self.horizon)
        return (shade[0] * keep, 0, 0, red, 0, shade[1] * keep, 0, green, 0, 0, shade[2] * keep, blue)

    def cast(self, d: float, y: float, s: float) -> tuple[float, float]:
        """(d, s) on the ground where the shadow of a point falls."""
        return d - y * self.sun[0] / self.sun[1], s - y * self.sun[2] / self.sun[1]


# name: sun's elevation in degrees (lowest, highest), direct, ambient, tint, zenith, horizon, clouds, haze m, exposure
_WEATHER: dict[str, tuple[tuple[Number, Number], float, float, Color, Color, Color, float, Number, float]] = {
    "noon": ((48, 62), 0.66, 0.50, (1.0, 0.98, 0.94), (74, 124, 196), (188, 212, 234), 0.35, 700, 1.0),
    "morning": ((24, 34), 0.72, 0.50, (1.06, 0.97, 0.84), (96, 142, 200), (224, 222, 214), 0.25, 380, 0.98),
    "evening": ((21, 29), 0.72, 0.48, (1.12, 0.93, 0.72), (104, 132, 184), (240, 214, 178), 0.5, 420, 0.95),
    "overcast": ((50, 60), 0.12, 0.88, (1.0, 1.0, 1.0), (176, 184, 194), (214, 217, 220), 1.0, 300, 0.92),
    "clear": ((34, 48), 0.76, 0.44, (1.02, 0.98, 0.90), (60, 116, 200), (196, 220, 240), 0.08, 900, 1.04),
    "hazy": ((30, 44), 0.40, 0.64, (1.04, 0.99, 0.90), (150, 172, 200), (222, 224, 222), 0.6, 190, 1.0),
}
WEATHERS = tuple(_WEATHER)


def make_light(rng: Generator, name: str) -> Light:
    """Light for one of `WEATHERS`, with the sun at a random azimuth."""
    (low, high), direct, ambient, tint, zenith, horizon, clouds, haze, exposure = _WEATHER[name]
    elevation = math.radians(rng.uniform(low, high))
    # Never straight ahead: the camera would see little but black outlines, and no data set is recorded that way.
    azimuth = math.radians(rng.uniform(40, 320))
    flat = math.cos(elevation)
    sun = (flat * math.sin(azimuth), math.sin(elevation), flat * math.cos(azimuth))
    exposure *= float(rng.uniform(0.92, 1.06))
    return Light(name, sun, direct, ambient, tint, zenith, horizon, clouds, haze, exposure)
