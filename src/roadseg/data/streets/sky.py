"""Sky with clouds, and the far line of trees and roofs that closes a street."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from roadseg.data.streets.camera import Camera
from roadseg.data.streets.classes import BUILDING, SKY, VEGETATION
from roadseg.data.streets.color import scaled
from roadseg.data.streets.light import Light
from roadseg.data.streets.paint import UPRIGHT, Canvas
from roadseg.data.streets.texture import Noise


def make_sky(camera: Camera, light: Light, noise: Noise) -> NDArray[np.uint8]:
    """Sky (H,W,3) for the camera's whole picture: a gradient, and clouds on a plane high above the road."""
    # Every other pixel is enough for clouds, and a quarter of the work.
    rows = np.arange(0, camera.height, 2, dtype=np.float32)[:, None]
    columns = np.arange(0, camera.width, 2, dtype=np.float32)[None, :]
    up = np.maximum(0.0, camera.horizon - rows) / camera.focal
    right = (columns - camera.centre) / camera.focal
    blend = (1 - np.exp(-up * 3.2))[..., None]
    zenith, horizon = np.array(light.zenith, np.float32), np.array(light.horizon, np.float32)
    color = horizon + (zenith - horizon) * blend + np.zeros_like(right)[..., None]
    far = 1.0 / (up + 0.12)
    size = len(noise)
    index = (np.int32(far * 36) % size) * size + np.int32(right * far * 22 + np.zeros_like(up)) % size
    cover = noise.ravel()[index] + 1.6 * light.clouds - 0.9
    alpha = np.clip(cover * 0.55, 0, 0.85)[..., None]
    cloud = np.clip(horizon * 1.04 + 10 - 26 * np.clip(cover - 1, 0, 1)[..., None], 0, 255)
    color = color * (1 - alpha) + cloud * alpha
    if light.sun[2] > 0:  # the sun ahead brightens its part of the sky
        toward = light.sun[0] / light.sun[2] - right
        glow = np.exp(-(toward**2) * 1.5 - (up - 0.5) ** 2 * 3)[..., None]
        color = color + 40 * light.direct * glow
    coarse = Image.fromarray(np.clip(color, 0, 255).astype(np.uint8))
    return np.asarray(coarse.resize((camera.width, camera.height), Image.Resampling.BILINEAR))


def paint_sky(canvas: Canvas, sky: NDArray[np.uint8]) -> None:
    """Cover the canvas with the sky."""
    canvas.replace_image(sky)
    canvas.label.paste(SKY, (0, 0, canvas.camera.width, canvas.camera.height))


class Backdrop:
    """Far trees and roofs, drawn as outlines in the direction in which they stand."""

    def __init__(self, rng: Generator, leaf: tuple[float, float, float], town: float):
        self._rng_heights = rng.uniform(0.2, 1.0, (3, 97))
        self._blocks = rng.random(97) < town
        self._leaf = leaf
        self._tone = rng.uniform(0.8, 1.1, 3)

    def paint(self, canvas: Canvas) -> None:
        """Draw three rows, each nearer and darker than the one before."""
        camera, light = canvas.camera, canvas.light
        base = camera.horizon + 0.006 * camera.height
        shade = light.shade(UPRIGHT)
        for row, (distance, tall) in enumerate(((420.0, 30.0), (300.0, 19.0), (210.0, 13.0))):
            heights = self._rng_heights[row] * tall * camera.focal / distance
            step = camera.width / 96
            leaf = self._leaf if row else (120.0, 134.0, 130.0)
            color = light.seen(scaled(leaf, self._tone[row]), shade, distance * 0.8)
            outline = [(k * step, base - height) for k, height in enumerate(heights.tolist())]
            canvas.fill([*outline, (camera.width, base), (0.0, base)], color, VEGETATION)
            if row == 1:
                self._paint_blocks(canvas, heights, step, base)

    def _paint_blocks(self, canvas: Canvas, heights: NDArray[np.float64], step: float, base: float) -> None:
        shade = canvas.light.shade(UPRIGHT)
        for k in np.flatnonzero(self._blocks[:-1]).tolist():
            grey = 130.0 + 90.0 * self._rng_heights[0][k]
            color = canvas.light.seen((grey, grey * 0.95, grey * 0.88), shade, 260.0)
            top = base - 1.35 * float(heights[k])
            left, right = k * step, (k + 1.2) * step
            canvas.fill([(left, base), (left, top), (right, top), (right, base)], color, BUILDING)
