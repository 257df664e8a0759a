"""Pinhole camera that follows a gently curving road.

Road coordinates, in metres: d to the right of the middle of the road, y above the ground, s along the road. View
coordinates: x to the right of the camera, y above it, z in front of it. Pixels: u to the right, v down.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadseg.data.streets.color import Number

Floats = NDArray[np.float64]
Pixel = tuple[Number, Number]

NEAR = 0.6  # metres: what is closer than this is cut off before it is projected


@dataclass(frozen=True)
class Camera:
    """A camera over the road; width, height, focal, centre and horizon in pixels, the rest in metres and 1/metres."""

    width: int
    height: int
    focal: float
    centre: float
    horizon: float
    mount: float
    d: float
    s: float
    curvature: float

    def view(self, points: Floats) -> Floats:
        """Road coordinates (n,3) -> view coordinates (n,3).

        The curve is a shear by a parabola: for radii beyond 200 m it looks like an arc, and planes of equal s stay
        planes of equal depth, which is what makes sorting by s exact.
        """
        view = np.empty(points.shape)
        ahead = points[:, 2] - self.s
        view[:, 0] = points[:, 0] - self.d + 0.5 * self.curvature * ahead * ahead
        view[:, 1] = points[:, 1] - self.mount
        view[:, 2] = ahead
        return view

    def pixels(self, view: Floats) -> list[Pixel]:
        """View coordinates (n,3) in front of the camera -> n pixel positions."""
        scale = self.focal / view[:, 2]
        u = self.centre + scale * view[:, 0]
        v = self.horizon - scale * view[:, 1]
        return list(zip(u.tolist(), v.tolist(), strict=True))

    def outline(self, view: Floats) -> list[Pixel]:
        """Pixel outline of a polygon in view coordinates, cut at the near plane; empty if all of it is behind."""
        depth = view[:, 2]
        if depth.min() < NEAR:
            view = clip_near(view)
            if len(view) < 3:
                return []
        return self.pixels(view)

    def scale(self, s: float) -> float:
        """Pixels per metre at s; 0 at and behind the near plane."""
        ahead = s - self.s
        return self.focal / ahead if ahead > NEAR else 0.0

    def point(self, d: float, y: float, s: float) -> Pixel:
        """Pixel position of one point in front of the camera."""
        ahead = s - self.s
        scale = self.focal / ahead
        x = d - self.d + 0.5 * self.curvature * ahead * ahead
        return self.centre + scale * x, self.horizon - scale * (y - self.mount)

    def lateral(self, u: Floats, ahead: Floats) -> Floats:
        """Inverse of `point` on the ground: d in metres of pixel columns u at the distances ahead (broadcast)."""
        return (u - self.centre) / self.focal * ahead + self.d - 0.5 * self.curvature * ahead * ahead


def clip_near(view: Floats) -> Floats:
    """The part of a polygon (n,3) in view coordinates with z >= NEAR (Sutherland and Hodgman, CACM 1974)."""
    kept: list[Floats] = []
    for start, end in zip(view, np.roll(view, -1, axis=0), strict=True):
        if start[2] >= NEAR:
            kept.append(start)
        if (start[2] >= NEAR) != (end[2] >= NEAR):
            kept.append(start + (end - start) * ((NEAR - start[2]) / (end[2] - start[2])))
    return np.array(kept).reshape(-1, 3)
