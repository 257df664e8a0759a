"""The textures of one drive: facades, crowns, hedges, walls, fences, roofs and the noise of the ground."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from roadseg.data.streets.color import Color, Number, scaled, whole
from roadseg.data.streets.facade import Facade, blank, front, random_facade
from roadseg.data.streets.greenery import AUTUMN, LEAVES, conifer, crown, foliage
from roadseg.data.streets.light import Light
from roadseg.data.streets.texture import Noise, Texture, fractal_noise, roughen

ROOFS: tuple[Color, ...] = ((148, 80, 58), (120, 70, 56), (92, 86, 84), (108, 96, 88), (164, 96, 66))
FENCES = ("pickets", "bars", "mesh")
WALLS = ("concrete", "brick", "stone")
_NOISE = 512


@dataclass(frozen=True)
class House:
    """A front with what belongs to it."""

    facade: Facade
    front: Texture
    end: Texture


@dataclass(frozen=True)
class Materials:
    """Textures to choose from; `fine` and `soft` are square noise tiles of standard deviation 1."""

    fine: Noise
    soft: Noise
    houses: tuple[House, ...]
    crowns: tuple[Texture, ...]
    conifers: tuple[Texture, ...]
    hedges: tuple[Texture, ...]
    fence: Texture
    wall: Texture
    wall_color: Color
    roofs: tuple[Texture, ...]
    leaf: Color


def make_materials(rng: Generator, light: Light, bay: float, floors: tuple[int, int], focal: float) -> Materials:
    """Textures fine enough for a camera with this focal length in pixels; fronts are up to `bay` metres wide."""
    scale = min(90.0, max(12.0, focal / 18))  # texels per metre: what a front 18 m away needs
    fine, soft = _grain(rng), fractal_noise(rng, _NOISE, 16, 4)
    rough = fractal_noise(rng, 256, 64, 3, 0.8)
    autumn = rng.random() < 0.3
    palette = (*LEAVES[:3], *AUTUMN) if autumn else LEAVES
    leaf = palette[int(rng.integers(len(palette)))]
    houses = []
    for k in range(6):
        facade = random_facade(rng, float(bay - (0 if k < 3 else rng.uniform(2, 5))), int(rng.integers(*floors)))
        # A gable needs no windows above the eaves; the wall below it gets some on every second house.
        end = blank(facade, 9.0, facade.height, scale * 0.6, rough, windows=k % 2 == 0)
        houses.append(House(facade, front(rng, facade, scale, rough), end))
    pixels = int(min(512, max(96, focal * 0.45)))
    # Crowns face the camera, so what counts is whether the sun stands to the right or to the left of the road.
    sunny = float(np.sign(light.sun[0])) * min(1.0, light.direct * 1.2)
    leaves = [palette[int(rng.integers(len(palette)))] for _ in range(3)]
    wall_color = _wall_color(rng)
    return Materials(
        fine=fine,
        soft=soft,
        houses=tuple(houses),
        crowns=tuple(crown(rng, color, pixels, sunny, rough) for color in (leaf, *leaves)),
        conifers=tuple(conifer(rng, (50, 72, 46), pixels, sunny, rough) for _ in range(1)),
        hedges=tuple(foliage(rng, color, (int(bay * scale), int(2.2 * scale)), rough) for color in (leaf, LEAVES[5])),
        fence=_fence(rng, FENCES[int(rng.integers(len(FENCES)))], bay, 1.4, scale),
        wall=_wall(WALLS[int(rng.integers(len(WALLS)))], wall_color, bay, 2.2, scale, rough),
        wall_color=wall_color,
        roofs=tuple(_roof(rng, bay, scale * 0.6, rough) for _ in range(2)),
        leaf=leaf,
    )


def _grain(rng: Generator) -> Noise:
    """Noise without any smoothness but a little clumping: gravel in asphalt, blades of grass."""
    noise = rng.normal(0, 1, (_NOISE, _NOISE)).astype(np.float32)
    noise += 0.7 * (np.roll(noise, 1, axis=0) + np.roll(noise, 1, axis=1))
    return noise / float(noise.std())


def _wall_color(rng: Generator) -> Color:
    grey = float(rng.uniform(110, 205))
    return grey * float(rng.uniform(1.0, 1.08)), grey, grey * float(rng.uniform(0.84, 1.0))


def _wall(kind: str, color: Color, length: float, height: float, scale: float, noise: Noise) -> Texture:
    size = (int(length * scale), int(height * scale))
    image = Image.new("RGB", size, _tone(color, 1.0))
    pen = ImageDraw.Draw(image)
    tall, wide = {"concrete": (height, 2.5), "brick": (0.2, 0.6), "stone": (0.4, 0.9)}[kind]
    step = max(2.0, tall * scale)
    for row in range(int(size[1] / step) + 1):
        pen.line((0, row * step, size[0], row * step), fill=_tone(color, 0.72))
        for column in range(int(length / wide) + 2):
            x = (column + 0.5 * (row % 2)) * wide * scale
            pen.line((x, row * step, x, (row + 1) * step), fill=_tone(color, 0.74), width=max(1, int(scale * 0.04)))
    pen.rectangle((0, 0, size[0], max(1, int(0.12 * scale))), fill=_tone(color, 1.15))
    pen.rectangle((0, size[1] - int(0.3 * scale), size[0], size[1]), fill=_tone(color, 0.78))
    return Texture.of(roughen(image, noise, 0.09))


def _fence(rng: Generator, kind: str, length: float, height: float, scale: float) -> Texture:
    """A fence is labelled whole, as Cityscapes does, so what shows through its gaps is painted into it."""
    size = (int(length * scale), int(height * scale))
    behind = (float(rng.uniform(70, 110)), float(rng.uniform(80, 112)), float(rng.uniform(56, 80)))
    image = Image.new("RGB", size, _tone(behind, 0.8))
    pen = ImageDraw.Draw(image)
    grey = float(rng.uniform(90, 170))
    wood = _tone((grey, grey * 0.86, grey * 0.68) if kind == "pickets" else (grey, grey, grey), 1.0)
    spacing, thick = {"pickets": (0.26, 0.15), "bars": (0.2, 0.06), "mesh": (0.16, 0.035)}[kind]
    for k in range(int(length / spacing)):
        x = k * spacing * scale
        pen.rectangle((x, 0, x + max(0.6, thick * scale), size[1]), fill=wood)
    rails = 8 if kind == "mesh" else 2
    for k in range(rails):
        y = (k + 0.5) / rails * size[1]
        pen.rectangle((0, y, size[0], y + max(1, (0.03 if kind == "mesh" else 0.09) * scale)), fill=wood)
    for k in range(int(length / 2.5) + 1):
        x = k * 2.5 * scale
        pen.rectangle((x, 0, x + 0.12 * scale, size[1]), fill=_tone((grey, grey, grey), 0.7))
    return Texture.of(image)


def _roof(rng: Generator, length: float, scale: float, noise: Noise) -> Texture:
    color = ROOFS[int(rng.integers(len(ROOFS)))]
    size = (int(length * scale), int(6 * scale))
    image = Image.new("RGB", size, _tone(color, 1.0))
    pen = ImageDraw.Draw(image)
    for row in range(18):
        y = row * size[1] / 18
        pen.line((0, y, size[0], y), fill=_tone(color, 0.74), width=max(1, int(scale * 0.06)))
    for x in rng.uniform(0.1, 0.85, 2):
        box = (x * size[0], 0.4 * size[1], x * size[0] + 0.9 * scale, 0.4 * size[1] + 1.3 * scale)
        pen.rectangle(box, fill=(66, 76, 88), outline=(52, 52, 54))
    return Texture.of(roughen(image, noise, 0.10))


def _tone(color: Color, factor: Number) -> tuple[int, int, int]:
    return whole(scaled(color, factor))
