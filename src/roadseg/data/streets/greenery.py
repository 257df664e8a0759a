"""Trees and bushes: crowns made of many leaf clusters, drawn once per drive and stood up facing the camera."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from roadseg.data.streets.buildings import Ground
from roadseg.data.streets.camera import Floats
from roadseg.data.streets.classes import VEGETATION
from roadseg.data.streets.color import Color, scaled
from roadseg.data.streets.light import Light
from roadseg.data.streets.paint import Canvas, Stencil
from roadseg.data.streets.texture import Noise, Texture, roughen

_CLUSTERS = 900  # of leaves in a crown
LEAVES: tuple[Color, ...] = ((78, 104, 44), (92, 112, 52), (62, 92, 46), (104, 116, 48), (70, 88, 40), (56, 78, 44))
AUTUMN: tuple[Color, ...] = ((150, 112, 44), (166, 96, 40), (128, 110, 46), (140, 78, 40))


def crown(rng: Generator, leaf: Color, pixels: int, sunny_side: float, noise: Noise) -> Texture:
    """Round crown of a broad-leaved tree, `pixels` square; `sunny_side` in [-1, 1] says where the light comes from."""
    lobes = np.vstack([rng.uniform(-1, 1, (9, 2)) * np.array([0.55, 0.45]), np.array([[0, 0], [0, 0.25]])])
    reach = np.append(rng.uniform(0.24, 0.42, 9), [0.5, 0.42])
    chosen = rng.integers(len(lobes), size=_CLUSTERS)
    angle, radius = rng.uniform(0, 2 * np.pi, _CLUSTERS), rng.random(_CLUSTERS) ** 0.4
    x = lobes[chosen, 0] + reach[chosen] * radius * np.cos(angle)
    y = lobes[chosen, 1] + reach[chosen] * radius * np.sin(angle)
    # A cluster is lit as the lobe that it sits on: that is what makes a crown look round and lumpy.
    lift = 0.24 * radius * (np.sin(angle) + 0.8 * sunny_side * np.cos(angle))
    return _clusters(rng, (x, y, lift), leaf, pixels, sunny_side, noise)


def conifer(rng: Generator, leaf: Color, pixels: int, sunny_side: float, noise: Noise) -> Texture:
    """Pointed crown of a spruce, `pixels` square."""
    height = 1 - np.sqrt(rng.random(_CLUSTERS))
    tier = np.mod(height * 7, 1)
    x = rng.uniform(-1, 1, _CLUSTERS) * (1 - height) * 0.8 * (1.1 - 0.35 * tier)
    return _clusters(rng, (x, height * 1.8 - 0.9, 0.2 * tier), leaf, pixels, sunny_side, noise)


def foliage(rng: Generator, leaf: Color, size: tuple[int, int], noise: Noise) -> Texture:
    """Side of a hedge (width, height in texels) with a ragged upper edge."""
    width, height = size
    image = Image.new("RGB", size, _shaded(leaf, 0.45))
    mask = Image.new("L", size)
    paint, cut = ImageDraw.Draw(image), ImageDraw.Draw(mask)
    cut.rectangle((0, height * 0.12, width, height), fill=255)
    count = int(np.clip(width * height / 50, 200, 900))
    ys = np.sort(rng.random(count))[::-1]
    for x, y, tone in zip(rng.random(count), ys, rng.random(count), strict=True):
        size_px = height * (0.03 + 0.05 * tone)
        box = (x * width - size_px, y * height - size_px, x * width + size_px, y * height + size_px)
        paint.ellipse(box, fill=_shaded(leaf, 0.55 + 0.45 * tone + 0.35 * (1 - y)))
        cut.ellipse(box, fill=255)
    return Texture.of(roughen(image, noise, 0.16), mask)


def _clusters(
    rng: Generator, place: tuple[Floats, Floats, Floats], leaf: Color, pixels: int, sunny_side: float, noise: Noise
) -> Texture:
    """Paint clusters of leaves at (x, y, lift) from the dark back of the crown to its lit front."""
    x, y, lift = place
    count = len(x)
    x, y = 0.93 * x / max(1.0, np.abs(x).max()), 0.93 * y / max(1.0, np.abs(y).max())
    tone = 0.66 + 0.16 * y + 0.12 * sunny_side * x + lift + rng.normal(0, 0.10, count)
    order = np.argsort(tone + rng.normal(0, 0.12, count))
    radius = rng.uniform(0.015, 0.052, count)
    colors = np.array(leaf) * np.clip(tone, 0.25, 1.3)[:, None] * [1.0, 1.0, 0.95]
    colors[:, 0] *= rng.normal(1.0, 0.05, count) * (0.9 + 0.2 * tone)
    rows = np.stack([x - radius, -y - radius * 0.75, x + radius, -y + radius * 0.75], axis=1)
    boxes = ((rows + 1) * pixels / 2)[order].tolist()
    fills = np.clip(colors, 1, 255).astype(int)[order].tolist()
    image = Image.new("RGB", (pixels, pixels))
    pen = ImageDraw.Draw(image)
    for box, fill in zip(boxes, fills, strict=True):
        pen.ellipse(box, fill=tuple(fill))
    solid = np.asarray(image)[..., 1] > 0  # no leaf is without green, so what is still black is a hole
    # Holes take the colour of deep shade, which shows where the smaller sizes of the texture blend across an edge.
    pixels_filled = np.where(solid[..., None], np.asarray(image), np.array(_shaded(leaf, 0.5), np.uint8))
    mask = Image.fromarray(np.where(solid, 255, 0).astype(np.uint8))
    return Texture.of(roughen(Image.fromarray(pixels_filled), noise, 0.2), mask)


def _shaded(leaf: Color, tone: float) -> tuple[int, int, int]:
    # Leaves in the sun are yellower than leaves in the shade.
    return min(255, int(leaf[0] * tone * (0.9 + 0.2 * tone))), min(255, int(leaf[1] * tone)), int(leaf[2] * tone)


@dataclass(frozen=True)
class Tree:
    """A trunk with a crown on it; everything in metres."""

    d: float
    s: float
    height: float
    width: float
    trunk: float  # height of the lower edge of the crown
    crown: Texture
    bark: Color

    def paint(self, canvas: Canvas) -> None:
        """Draw trunk and crown."""
        stencil = Stencil(canvas, self.d, self.s, VEGETATION)
        if stencil.outside(self.width):
            return
        if self.trunk > 0.3:
            thick = 0.035 * self.height
            top = self.trunk + 0.35 * (self.height - self.trunk)
            stencil.polygon([(-thick / 1.6, 0), (-thick / 2.4, top), (thick / 2.4, top), (thick / 1.6, 0)], self.bark)
            dark = scaled(self.bark, 0.7)
            stencil.polygon([(0.0, 0), (0.0, top), (thick / 2.4, top), (thick / 1.6, 0)], dark)
            stencil.limb((0.0, self.trunk * 0.9), (self.width * 0.22, top), thick * 0.35, dark)
            stencil.limb((0.0, self.trunk * 0.8), (-self.width * 0.2, top), thick * 0.35, self.bark)
        camera = canvas.camera
        shade = canvas.light.shade((math.copysign(0.5, camera.d - self.d), 0.75, -0.43))
        # The crown hangs on the trunk: its foot is in the air, which moves the foot point up by the trunk's height.
        foot = (self.d, self.trunk - 0.05 * self.height, self.s)
        canvas.board(foot, self.width, self.height - foot[1], self.crown, VEGETATION, shade)

    def shadows(self, light: Light) -> list[Ground]:
        """Ground covered by the shadow: that of the trunk and a ragged one of the crown."""
        middle = (self.trunk + self.height) / 2
        d, s = light.cast(self.d, middle, self.s)
        stretch = 1.0 + 0.5 * (self.height - self.trunk) / self.width / max(0.35, light.sun[1])
        blob = []
        for step in range(28):
            angle = step / 28 * 2 * math.pi
            ragged = 0.36 + 0.10 * math.sin(angle * 5 + self.d * 7) + 0.07 * math.sin(angle * 11 + self.s)
            blob.append(_stretched(light, math.cos(angle) * ragged, math.sin(angle) * ragged, stretch))
        outline = [(d + x * self.width, s + y * self.width) for x, y in blob]
        half = 0.02 * self.height
        if self.trunk < 0.3:
            return [outline]
        trunk = [(self.d - half, self.s), (self.d + half, self.s), (d + half, s), (d - half, s)]
        return [outline, trunk]


def _stretched(light: Light, x: float, y: float, stretch: float) -> tuple[float, float]:
    """Lengthen an offset on the ground along the direction of the sun."""
    flat = math.hypot(light.sun[0], light.sun[2])
    along_d, along_s = light.sun[0] / flat, light.sun[2] / flat
    extra = (x * along_d + y * along_s) * (stretch - 1.0)
    return x + extra * along_d, y + extra * along_s
