"""One drive: a camera that goes down a street, frame by frame."""

import math
from dataclasses import replace

import numpy as np
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from roadseg.data.streets.camera import Camera
from roadseg.data.streets.ground import paint_ground
from roadseg.data.streets.layout import make_street
from roadseg.data.streets.paint import Canvas
from roadseg.data.streets.sky import make_sky, paint_sky

SUPERSAMPLING = 2  # canvas pixels per pixel of the image, in each direction


class Drive:
    """Frames of one drive; the same seed, drive, frames and size always give the same pixels."""

    def __init__(self, seed: int, drive: int, frames: int, width: int, height: int):
        rng = default_rng(SeedSequence((seed, drive)))
        self._key = (seed, drive)
        self._size = (width, height)
        self._step = float(rng.uniform(0.7, 1.5))
        self._start = float(rng.uniform(3.0, 15.0))
        focal = SUPERSAMPLING * width * float(rng.uniform(0.55, 0.61))
        self.street = make_street(rng, drive, self._start, frames * self._step, self._step, focal)
        lane = int(rng.integers(self.street.lanes)) + 0.5
        self._camera = Camera(
            width=SUPERSAMPLING * width,
            height=SUPERSAMPLING * height,
            focal=focal,
            centre=SUPERSAMPLING * width * float(rng.uniform(0.47, 0.53)),
            horizon=SUPERSAMPLING * height * float(rng.uniform(0.43, 0.49)),
            mount=float(rng.uniform(1.45, 1.85)),
            d=lane * self.street.lane,
            s=self._start,
            curvature=self.street.curvature,
        )
        self._sway = rng.uniform(0, 6.28, 2)
        self._noise = rng.normal(0, 1, (height + 64, width + 64, 3)).astype(np.float32)
        self._strength = float(rng.uniform(1.5, 4.0))
        self._vignette = _vignette(width, height, float(rng.uniform(0.08, 0.22))) * self.street.light.exposure
        self._sky = make_sky(self._camera, self.street.light, self.street.materials.soft)

    def camera(self, frame: int) -> Camera:
        """Where the camera is at a frame: some metres on, swaying and nodding a little."""
        base = self._camera
        return replace(
            base,
            horizon=base.horizon + 0.006 * base.height * math.sin(1.3 * frame + self._sway[0]),
            d=base.d + 0.06 * math.sin(0.5 * frame + self._sway[1]),
            s=base.s + frame * self._step,
        )

    def render(self, frame: int) -> tuple[Image.Image, Image.Image]:
        """Image (RGB) and label map (L, Cityscapes label ids) of a frame."""
        camera, street = self.camera(frame), self.street
        canvas = Canvas(camera, street.light)
        shown = street.visible(camera.s, float(frame))
        paint_sky(canvas, self._sky)
        street.backdrop.paint(canvas)
        paint_ground(canvas, street, shown)
        for bay, movers in shown:
            # Within a bay what stands farther from the line of travel cannot cover what stands nearer to it.
            for thing in sorted([*bay.things, *movers], key=lambda thing: (-abs(thing.d - camera.d), -thing.s)):
                thing.paint(canvas)
        return self._develop(canvas.image, frame), self._label(canvas.label)

    def _develop(self, image: Image.Image, frame: int) -> Image.Image:
        """What lens and sensor do: down to the final size, a little blur, darker corners, noise."""
        small = image.reduce(SUPERSAMPLING).filter(ImageFilter.BoxBlur(0.2))
        top, left = default_rng(SeedSequence((*self._key, frame))).integers(0, 64, 2)
        width, height = self._size
        pixels = np.asarray(small, dtype=np.float32) * self._vignette
        pixels += self._strength * self._noise[top : top + height, left : left + width]
        return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))

    def _label(self, label: Image.Image) -> Image.Image:
        offset = SUPERSAMPLING // 2
        return Image.fromarray(np.ascontiguousarray(np.asarray(label)[offset::SUPERSAMPLING, offset::SUPERSAMPLING]))


def _vignette(width: int, height: int, strength: float) -> NDArray[np.float32]:
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return (1.0 - strength * (0.8 * x * x + 0.2 * y * y) ** 1.5).astype(np.float32)[..., None]
