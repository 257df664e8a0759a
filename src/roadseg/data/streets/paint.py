"""Canvas: draws shapes into an image and a label map at once, so that the two cannot disagree."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from roadseg.data.streets.camera import Camera, Floats, Pixel
from roadseg.data.streets.color import Color, Number
from roadseg.data.streets.light import Light
from roadseg.data.streets.texture import Texture

Box = tuple[int, int, int, int]
UPRIGHT = (0.0, 0.0, -1.0)  # normal of what faces the camera


class Canvas:
    """Image and label map of the camera's size; later shapes cover earlier ones."""

    def __init__(self, camera: Camera, light: Light):
        self.camera = camera
        self.light = light
        self.image = Image.new("RGB", (camera.width, camera.height))
        self.label = Image.new("L", (camera.width, camera.height))
        self._image_pen = ImageDraw.Draw(self.image)
        self._label_pen = ImageDraw.Draw(self.label)

    def replace_image(self, pixels: NDArray[np.uint8]) -> None:
        """Put (H,W,3) pixels in place of the image drawn so far; the label map stays."""
        self.image = Image.fromarray(pixels)
        self._image_pen = ImageDraw.Draw(self.image)

    def fill(self, outline: list[Pixel], color: tuple[int, int, int], label: int | None) -> None:
        """Fill a polygon given in pixels; label None leaves the label map alone."""
        if len(outline) < 3:
            return
        self._image_pen.polygon(outline, fill=color)
        if label is not None:
            self._label_pen.polygon(outline, fill=label)

    def disc(self, centre: Pixel, radius: float, color: tuple[int, int, int], label: int | None) -> None:
        """Fill a circle given in pixels."""
        box = (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
        self._image_pen.ellipse(box, fill=color)
        if label is not None:
            self._label_pen.ellipse(box, fill=label)

    def ring(self, centre: Pixel, radius: float, width: float, color: tuple[int, int, int], label: int | None) -> None:
        """Draw a circle of this line width, in pixels."""
        box = (centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
        self._image_pen.ellipse(box, outline=color, width=max(1, round(width)))
        if label is not None:
            self._label_pen.ellipse(box, outline=label, width=max(1, round(width)))

    def polygon(self, points: Floats, color: Color, label: int | None, shade: Color) -> None:
        """Fill a polygon given in road coordinates (n,3)."""
        view = self.camera.view(points)
        outline = self.camera.outline(view)
        self.fill(outline, self.light.seen(color, shade, float(view[:, 2].mean())), label)

    def sheet(self, corner: Floats, along: Floats, down: Floats, texture: Texture, label: int, shade: Color) -> None:
        """Stick a texture onto a parallelogram in road coordinates: its upper left corner (3,) and two edges (3,)."""
        view = self.camera.view(np.array([corner, corner + along, corner + along + down, corner + down]))
        outline = self.camera.outline(view)
        box = self._visible(outline)
        if box is None:
            return
        area = (box[2] - box[0]) * (box[3] - box[1])
        source, cut = texture.level(area)
        coefficients = self._homography(view, box, source.size)
        if coefficients is None:
            return
        size = (box[2] - box[0], box[3] - box[1])
        how = (Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)
        patch = source.transform(size, *how)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon([(u - box[0], v - box[1]) for u, v in outline], fill=255)
        if cut is not None:
            mask = ImageChops.darker(mask, cut.transform(size, *how[:2], Image.Resampling.NEAREST))
        self._paste(patch, mask, box, label, self.light.matrix(shade, float(view[:, 2].mean())))

    def board(
        self, foot: tuple[float, float, float], width: float, height: float, texture: Texture, label: int, shade: Color
    ) -> None:
        """Stand a texture of this size in metres upright on a point (d, y, s), facing the camera."""
        scale = self.camera.scale(foot[2])
        if scale == 0.0:
            return
        u, v = self.camera.point(*foot)
        left, top, right, bottom = u - scale * width / 2, v - scale * height, u + scale * width / 2, v
        box = self._visible([(left, top), (right, bottom), (left, bottom)])
        if box is None:
            return
        source, cut = texture.level((right - left) * (bottom - top))
        x_scale, y_scale = source.width / (right - left), source.height / (bottom - top)
        part = (
            max(0.0, (box[0] - left) * x_scale),
            max(0.0, (box[1] - top) * y_scale),
            min(float(source.width), (box[2] - left) * x_scale),
            min(float(source.height), (box[3] - top) * y_scale),
        )
        if part[2] - part[0] < 0.01 or part[3] - part[1] < 0.01:
            return
        size = (box[2] - box[0], box[3] - box[1])
        patch = source.resize(size, Image.Resampling.BILINEAR, box=part)
        mask = Image.new("L", size, 255)
        if cut is not None:
            mask = cut.resize(size, Image.Resampling.NEAREST, box=part)
        self._paste(patch, mask, box, label, self.light.matrix(shade, foot[2] - self.camera.s))

    def _paste(self, patch: Image.Image, mask: Image.Image, box: Box, label: int, matrix: tuple[float, ...]) -> None:
        self.image.paste(patch.convert("RGB", matrix), box, mask)
        self.label.paste(label, box, mask)

    def _visible(self, outline: list[Pixel]) -> Box | None:
        """Whole-pixel box around the part of an outline inside the canvas; None if nothing is."""
        if not outline:
            return None
        us, vs = [p[0] for p in outline], [p[1] for p in outline]
        left, top = max(0, math.floor(min(us))), max(0, math.floor(min(vs)))
        right = min(self.camera.width, math.ceil(max(us)) + 1)
        bottom = min(self.camera.height, math.ceil(max(vs)) + 1)
        return (left, top, right, bottom) if right > left and bottom > top else None

    def _homography(self, view: Floats, box: Box, size: tuple[int, int]) -> tuple[float, ...] | None:
        """Coefficients that take pixels of the box to texels; None for a surface seen edge on."""
        camera = self.camera
        lens = np.array([[camera.focal, 0.0, camera.centre], [0.0, -camera.focal, camera.horizon], [0.0, 0.0, 1.0]])
        forward = lens @ np.stack([view[1] - view[0], view[3] - view[0], view[0]], axis=1)
        if abs(np.linalg.det(forward)) < 1e-9:
            return None
        back = np.linalg.inv(forward) @ np.array([[1.0, 0.0, box[0]], [0.0, 1.0, box[1]], [0.0, 0.0, 1.0]])
        back[0] *= size[0]
        back[1] *= size[1]
        if abs(back[2, 2]) < 1e-12:
            return None
        coefficients: list[float] = (back / back[2, 2]).ravel()[:8].tolist()
        return tuple(coefficients)


class Stencil:
    """Flat figure that faces the camera: shapes in metres to the right of and above a foot point on the ground.

    Each shape takes a colour, drawn with the light of an upright surface and the air in front of it.
    """

    def __init__(self, canvas: Canvas, d: float, s: float, label: int, flip: bool = False):
        self.canvas = canvas
        self.label: int | None = label
        self.scale = canvas.camera.scale(s)
        self.origin = canvas.camera.point(d, 0.0, s) if self.scale else (0.0, 0.0)
        self._distance = s - canvas.camera.s
        self._sign = -1.0 if flip else 1.0
        self._shade = canvas.light.shade(UPRIGHT)

    def outside(self, reach: float) -> bool:
        """True if a figure that reaches this many metres to either side cannot be seen."""
        width = self.canvas.camera.width
        return self.scale == 0.0 or not -reach * self.scale < self.origin[0] < width + reach * self.scale

    def polygon(self, points: list[Pixel], color: Color) -> None:
        """Fill a polygon given in metres."""
        self.canvas.fill([self._pixel(x, y) for x, y in points], self._seen(color), self.label)

    def rectangle(self, left: Number, bottom: Number, right: Number, top: Number, color: Color) -> None:
        """Fill an upright rectangle given in metres."""
        self.polygon([(left, bottom), (left, top), (right, top), (right, bottom)], color)

    def disc(self, x: float, y: float, radius: float, color: Color) -> None:
        """Fill a circle given in metres."""
        self.canvas.disc(self._pixel(x, y), radius * self.scale, self._seen(color), self.label)

    def ring(self, x: float, y: float, radius: float, width: float, color: Color) -> None:
        """Draw a circle of this line width, in metres."""
        scale = self.scale
        self.canvas.ring(self._pixel(x, y), radius * scale, width * scale, self._seen(color), self.label)

    def limb(self, start: Pixel, end: Pixel, width: float, color: Color) -> None:
        """Fill a bar of this width between two points, in metres; never thinner than a pixel of the canvas."""
        width = max(width, 1.0 / self.scale)
        x, y = end[0] - start[0], end[1] - start[1]
        length = math.hypot(x, y) or 1.0
        x, y = x / length * width / 2, y / length * width / 2
        across = [(start[0] - y, start[1] + x), (end[0] - y, end[1] + x), (end[0] + y, end[1] - x)]
        self.polygon([*across, (start[0] + y, start[1] - x)], color)

    def _pixel(self, x: Number, y: Number) -> Pixel:
        return self.origin[0] + self._sign * x * self.scale, self.origin[1] - y * self.scale

    def _seen(self, color: Color) -> tuple[int, int, int]:
        return self.canvas.light.seen(color, self._shade, self._distance)
