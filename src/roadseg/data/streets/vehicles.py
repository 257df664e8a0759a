"""Cars, vans, trucks and buses: a side profile swept across the width, with windows, wheels and lights."""

import math
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np

from roadseg.data.streets.buildings import Ground, hull
from roadseg.data.streets.camera import NEAR, Floats, Pixel
from roadseg.data.streets.classes import CAR, TRUCK
from roadseg.data.streets.color import Color
from roadseg.data.streets.light import Light
from roadseg.data.streets.paint import Canvas
from roadseg.data.streets.shapes import GLASS, SHAPES, TYRE, Shape

Point = tuple[float, float, float]
_OUTLINES = (0, 2, 4)  # layers of faces that reach beyond the ones below them


@dataclass(frozen=True)
class _Face:
    points: tuple[int, ...]
    color: Color | None  # None: the paint of this car
    normal: Point
    layer: int  # what is drawn later covers what is drawn earlier
    fine: bool  # left out when the car is small in the picture


@cache
def _mesh(name: str) -> tuple[Floats, tuple[_Face, ...]]:
    """Corners (n,3) in metres (right, up, forward; origin under the middle) and the faces of a shape."""
    builder = _MeshBuilder(SHAPES[name])
    builder.sweep()
    for side in (-1, 1):
        builder.side(side)
        builder.wheels(side)
    builder.rear_and_front()
    corners = np.array(builder.corners)
    corners[:, 2] -= builder.length / 2
    return corners, tuple(sorted(builder.faces, key=lambda face: face.layer))


class _MeshBuilder:
    def __init__(self, shape: Shape):
        self.shape = shape
        self.corners: list[Point] = []
        self.faces: list[_Face] = []
        self.length = max(x for x, _ in shape.profile)
        self.tall = max(y for _, y in shape.profile)

    def half(self, y: float) -> float:
        """Half the width at a height: the cabin leans inwards."""
        lean = 0.16 if self.shape.label == CAR else 0.03
        over = max(0.0, y - self.shape.belt) / (self.tall - self.shape.belt)
        return self.shape.width / 2 - lean * over

    def face(self, points: list[Point], color: Color | None, normal: Point, layer: int, fine: bool = False) -> None:
        first = len(self.corners)
        self.corners += points
        self.faces.append(_Face(tuple(range(first, first + len(points))), color, normal, layer, fine))

    def sweep(self) -> None:
        """The strips between the two sides, from edge to edge of the profile."""
        profile = self.shape.profile
        for k, ((x0, y0), (x1, y1)) in enumerate(pairwise(profile)):
            length = math.hypot(x1 - x0, y1 - y0)
            normal = (0.0, (x1 - x0) / length, -(y1 - y0) / length)
            w0, w1 = self.half(y0), self.half(y1)
            self.face([(-w0, y0, x0), (-w1, y1, x1), (w1, y1, x1), (w0, y0, x0)], None, normal, 0)
            if k in self.shape.glass:
                pane = [_mix(a, b, t) for a, b, t in _inset(w0, w1, (x0, y0), (x1, y1))]
                self.face(pane, GLASS, normal, 1)

    def side(self, side: int) -> None:
        """The outline of a side, its windows and a darker sill."""
        shape = self.shape
        normal = (float(side), 0.12, 0.0)
        order = shape.profile if side > 0 else shape.profile[::-1]
        self.face([(side * self.half(y), y, x) for x, y in order], None, normal, 2)
        bottom = min(y for _, y in shape.profile)
        rear, front = shape.profile[1][0], shape.profile[-2][0]
        self.quad(side, (rear + 0.1, bottom), (front - 0.1, bottom + 0.16), (40, 40, 42))
        (x0, _), (x1, y1), (x2, _), (x3, _) = (shape.profile[k] for k in shape.cabin)
        low, high = shape.belt + 0.04, y1 - 0.08
        for pane in range(shape.panes):
            a, b = pane / shape.panes + 0.02, (pane + 1) / shape.panes - 0.02
            points = [(x0 + (x3 - x0) * a, low), (x1 + (x2 - x1) * a, high)]
            points += [(x1 + (x2 - x1) * b, high), (x0 + (x3 - x0) * b, low)]
            self.flat(side, points, GLASS, 3)
        if shape.label == CAR:
            self.quad(side, (x0 + 0.2, shape.belt - 0.1), (x3 - 0.3, shape.belt - 0.06), (70, 70, 74), fine=True)

    def wheels(self, side: int) -> None:
        radius = self.shape.radius
        for x in self.shape.wheels:
            for size, color, layer in ((1.22, (24, 24, 26), 4), (1.0, TYRE, 5), (0.62, (150, 152, 156), 6)):
                ring = [(math.sin(a) * radius * size, math.cos(a) * radius * size) for a in np.linspace(0, 6.28, 13)]
                points = [(x + dx, max(0.0, radius + dy)) for dx, dy in ring]
                self.flat(side, points, color, layer, fine=layer == 6)

    def rear_and_front(self) -> None:
        shape = self.shape
        (xr, yr), (xf, yf) = shape.profile[1], shape.profile[-2]
        high = 0.42 if shape.label == CAR else 0.3
        edge = shape.width / 2
        for side in (-1, 1):
            inner, outer = sorted((side * (edge - 0.34), side * (edge - 0.03)))
            self.across(inner, outer, yr + 0.08, yr + high - 0.06, xr - 0.02, (176, 24, 26), -1)
            self.across(inner, outer, yf - 0.02, yf + 0.16, xf + 0.02, (236, 238, 232), 1)
        self.across(-0.27, 0.27, yr + 0.02, yr + 0.15, xr - 0.03, (226, 226, 218), -1, fine=True)
        self.across(-edge + 0.1, edge - 0.1, yr - 0.24, yr - 0.1, xr - 0.02, (50, 50, 54), -1, fine=True)
        self.across(-edge + 0.42, edge - 0.42, yf - 0.06, yf + 0.12, xf + 0.02, (38, 38, 42), 1)
        self.across(-0.27, 0.27, yf - 0.22, yf - 0.1, xf + 0.03, (226, 226, 218), 1, fine=True)
        if shape.label == TRUCK:
            self.across(-edge + 0.1, edge - 0.1, 1.0, 3.2, xr - 0.01, (206, 206, 200), -1)

    def across(
        self, left: float, right: float, low: float, high: float, x: float, color: Color, way: int, fine: bool = False
    ) -> None:
        points = [(left, low, x), (left, high, x), (right, high, x), (right, low, x)]
        self.face(points if way < 0 else points[::-1], color, (0.0, 0.1, float(way)), 3, fine)

    def quad(self, side: int, low: Pixel, high: Pixel, color: Color, fine: bool = False) -> None:
        self.flat(side, [low, (low[0], high[1]), high, (high[0], low[1])], color, 3, fine)

    def flat(self, side: int, points: list[Pixel], color: Color, layer: int, fine: bool = False) -> None:
        """A polygon on a side, given clockwise as seen from the right."""
        order = points if side > 0 else points[::-1]
        placed = [(side * (self.half(y) + 0.012), y, x) for x, y in order]
        self.face(placed, color, (float(side), 0.15, 0.0), layer, fine)


def _inset(w0: float, w1: float, start: Pixel, end: Pixel) -> list[tuple[Point, Point, float]]:
    """Corners of a window within a strip, as pairs of points of the strip's lower and upper edge with a share."""
    m0, m1 = w0 - 0.12, w1 - 0.12
    left = ((-m0, start[1], start[0]), (-m1, end[1], end[0]))
    right = ((m0, start[1], start[0]), (m1, end[1], end[0]))
    return [(*left, 0.1), (*left, 0.92), (*right, 0.92), (*right, 0.1)]


def _mix(a: Point, b: Point, t: float) -> Point:
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t


@dataclass(frozen=True)
class Vehicle:
    """A vehicle standing at (d, s) in metres, turned by `yaw` (radians, 0 = along the road), `speed` in m per frame."""

    name: str
    paint_color: Color
    d: float
    s: float
    yaw: float = 0.0
    speed: float = 0.0

    def at(self, time: float) -> "Vehicle":
        """The vehicle `time` frames later."""
        return replace(self, s=self.s + self.speed * time) if self.speed else self

    def paint(self, canvas: Canvas) -> None:
        """Draw all faces that are turned towards the camera."""
        corners, faces = _mesh(self.name)
        camera, label = canvas.camera, SHAPES[self.name].label
        view = camera.view(self._placed(corners))
        depth = float(view[:, 2].mean())
        if view[:, 2].max() < NEAR or np.abs(view[:, 0]).min() > 1.05 * view[:, 2].max() * camera.centre / camera.focal:
            return
        whole = bool(view[:, 2].min() >= NEAR)
        pixels = camera.pixels(view) if whole else []
        small = camera.focal / max(depth, 1.0) < 12
        veil = canvas.light.veil(depth)
        red, green, blue = (c * veil for c in canvas.light.horizon)
        keep = 1.0 - veil
        colors = _lit(self.name, self.paint_color, self.yaw, canvas.light)
        for face, lit in zip(faces, colors, strict=True):
            if small and face.fine:
                continue
            outline = [pixels[k] for k in face.points] if whole else camera.outline(view[list(face.points)])
            if _clockwise(outline):
                seen = int(lit[0] * keep + red), int(lit[1] * keep + green), int(lit[2] * keep + blue)
                canvas.fill(outline, seen, label if face.layer in _OUTLINES else None)

    def shadows(self, light: Light) -> list[Ground]:
        """Ground under the vehicle and ground covered by its shadow."""
        top = max(y for _, y in SHAPES[self.name].profile) * 0.85
        feet = self.footprint(0.0, 0.0)
        return [hull([*feet, *(light.cast(d, top, s) for d, s in feet)])]

    def footprint(self, shorter: float = 0.05, narrower: float = 0.02) -> Ground:
        """Outline on the ground, this much less than the body at each end and side, in metres."""
        shape = SHAPES[self.name]
        length, half = max(x for x, _ in shape.profile) / 2 - shorter, shape.width / 2 - narrower
        box = np.array([[x, 0.0, z] for x, z in ((-half, -length), (half, -length), (half, length), (-half, length))])
        return [(float(d), float(s)) for d, _, s in self._placed(box)]

    def _placed(self, corners: Floats) -> Floats:
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        placed = corners.copy()
        placed[:, 0] = self.d + corners[:, 0] * cos + corners[:, 2] * sin
        placed[:, 2] = self.s + corners[:, 2] * cos - corners[:, 0] * sin
        return placed


@lru_cache(maxsize=1024)
def _lit(name: str, paint: Color, yaw: float, light: Light) -> tuple[Color, ...]:
    """Colours of all faces in this light, without the air in front of them."""
    cos, sin = math.cos(yaw), math.sin(yaw)
    colors = []
    for face in _mesh(name)[1]:
        x, y, z = face.normal
        shade = light.shade((x * cos + z * sin, y, z * cos - x * sin))
        red, green, blue = face.color or paint
        # Paint and glass mirror the sky, most of all where they look up.
        mirror = 0.0
        if face.color is None or face.color is GLASS:
            mirror = 0.07 + (0.5 if face.color is GLASS else 0.28) * max(0.0, y) ** 1.5
        mixed = [c * (1 - mirror) + h * mirror for c, h in zip((red, green, blue), light.horizon, strict=True)]
        lit = [min(255.0, c * k) for c, k in zip(mixed, shade, strict=True)]
        colors.append((lit[0], lit[1], lit[2]))
    return tuple(colors)


def _clockwise(outline: list[Pixel]) -> bool:
    area = 0.0
    for (u0, v0), (u1, v1) in zip(outline, [*outline[1:], *outline[:1]], strict=True):
        area += u0 * v1 - u1 * v0
    return area > 0
