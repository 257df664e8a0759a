"""Houses and blocks along the road, as boxes with textured walls and a roof."""

from dataclasses import dataclass

import numpy as np

from roadseg.data.streets.camera import NEAR
from roadseg.data.streets.classes import BUILDING
from roadseg.data.streets.color import Color, Number, scaled
from roadseg.data.streets.light import Light
from roadseg.data.streets.paint import Canvas
from roadseg.data.streets.texture import Texture

Ground = list[tuple[Number, Number]]  # polygon on the ground, (d, s) in metres


@dataclass(frozen=True)
class Building:
    """A box from `start` to `stop` along the road, its front at `d`; all in metres.

    `rise` is the height of the ridge above the eaves, 0 for a flat roof; the ridge runs along the road.
    """

    d: float
    start: float
    stop: float
    height: float
    depth: float
    rise: float
    front: Texture
    end: Texture
    roof: Texture
    gable: Color

    @property
    def s(self) -> float:
        """Middle along the road."""
        return (self.start + self.stop) / 2

    @property
    def sign(self) -> float:
        """-1 on the left side of the road, 1 on the right."""
        return -1.0 if self.d < 0 else 1.0

    def paint(self, canvas: Canvas) -> None:
        """Draw roof, end wall and front, in the order in which they may cover each other."""
        light, sign, height = canvas.light, self.sign, self.height
        length = self.stop - self.start
        first, along = (self.start, length) if sign < 0 else (self.stop, -length)
        eave = np.array([self.d, height, first])
        run = np.array([0.0, 0.0, along])
        if self.rise > 0 and self._roof_shows(canvas):
            slope = np.array([sign * self.depth / 2, self.rise, 0.0])
            tilt = np.hypot(self.rise, self.depth / 2)
            normal = (-sign * self.rise / tilt, self.depth / 2 / tilt, 0.0)
            canvas.sheet(eave + slope, run, -slope, self.roof, BUILDING, light.shade(normal))
        if self.start > canvas.camera.s + NEAR:
            self._paint_end(canvas)
        corner = np.array([self.d, height, first])
        canvas.sheet(corner, run, np.array([0.0, -height, 0.0]), self.front, BUILDING, light.shade((-sign, 0.0, 0.0)))

    def _roof_shows(self, canvas: Canvas) -> bool:
        """Whether the camera is above the plane of the slope towards the road."""
        across = self.sign * (self.d - canvas.camera.d)
        return self.rise * across > 1.05 * (self.height - canvas.camera.mount) * self.depth / 2

    def _paint_end(self, canvas: Canvas) -> None:
        shade = canvas.light.shade((0.0, 0.0, -1.0))
        near, far = sorted((self.d, self.d + self.sign * self.depth))
        if self.rise > 0:
            ridge = [(near, self.height), ((near + far) / 2, self.height + self.rise), (far, self.height)]
            triangle = np.array([[d, y, self.start] for d, y in ridge])
            canvas.polygon(triangle, self.gable, BUILDING, shade)
        corner = np.array([near, self.height, self.start])
        down = np.array([0.0, -self.height, 0.0])
        canvas.sheet(corner, np.array([far - near, 0.0, 0.0]), down, self.end, BUILDING, shade)

    def shadows(self, light: Light) -> list[Ground]:
        """Ground covered by the shadow: the walls towards the road and towards the sun, laid down."""
        top = self.height + self.rise * 0.5
        corners = [(d, s) for d in (self.d, self.d + self.sign * self.depth) for s in (self.start, self.stop)]
        return [hull([*corners, *(light.cast(d, top, s) for d, s in corners)])]


def hull(points: Ground) -> Ground:
    """Convex hull of points on the ground (Andrew's monotone chain)."""
    ordered = sorted(points)
    sides: list[Ground] = []
    for sequence in (ordered, ordered[::-1]):
        side: Ground = []
        for point in sequence:
            while len(side) >= 2 and _turn(side[-2], side[-1], point) <= 0:
                side.pop()
            side.append(point)
        sides.append(side[:-1])
    return sides[0] + sides[1]


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


@dataclass(frozen=True)
class Panel:
    """A wall, fence or hedge along the road from `start` to `stop` (metres), textured with `texture`."""

    d: float
    start: float
    stop: float
    height: float
    thickness: float
    texture: Texture
    label: int
    top: Color

    @property
    def s(self) -> float:
        """Middle along the road."""
        return (self.start + self.stop) / 2

    def paint(self, canvas: Canvas) -> None:
        """Draw the near end, the top if it is below the camera, and the side that faces the road."""
        sign = -1.0 if self.d < 0 else 1.0
        light = canvas.light
        back = self.d + sign * self.thickness
        if self.thickness > 0.1 and self.start > canvas.camera.s + NEAR:
            outline = [(self.d, 0.0), (self.d, self.height), (back, self.height), (back, 0.0)]
            end = np.array([[d, y, self.start] for d, y in outline])
            canvas.polygon(end, self.top, self.label, scaled(light.shade((0.0, 0.0, -1.0)), 0.8))
        if self.height < canvas.camera.mount:
            corners = [(self.d, self.start), (self.d, self.stop), (back, self.stop), (back, self.start)]
            lid = np.array([[d, self.height, s] for d, s in corners])
            canvas.polygon(lid, self.top, self.label, light.shade((0.0, 1.0, 0.0)))
        length = self.stop - self.start
        first, along = (self.start, length) if sign < 0 else (self.stop, -length)
        corner, run = np.array([self.d, self.height, first]), np.array([0.0, 0.0, along])
        down = np.array([0.0, -self.height, 0.0])
        canvas.sheet(corner, run, down, self.texture, self.label, light.shade((-sign, 0.0, 0.0)))

    def shadows(self, light: Light) -> list[Ground]:
        """Ground covered by the shadow."""
        tops = [light.cast(self.d, self.height, s) for s in (self.start, self.stop)]
        return [hull([(self.d, self.start), (self.d, self.stop), *tops])]
