"""The ground: lots, sidewalks, kerbs, lanes and their markings; then shadows, grain and haze over all of it."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from roadseg.data.streets.buildings import Ground
from roadseg.data.streets.camera import Floats
from roadseg.data.streets.classes import ROAD, SIDEWALK, TERRAIN
from roadseg.data.streets.color import Color, scaled, whole
from roadseg.data.streets.paint import Canvas
from roadseg.data.streets.scene import BAY, VIEW, Bay, Mover, Side, Street, outlines
from roadseg.data.streets.vehicles import Vehicle

Shown = tuple[Bay, list[Mover]]
FAR = 420.0  # metres: the road is drawn up to here
MARK: Color = (228, 228, 222)
_SHADOWS = 80.0  # metres: farther shadows are thinner than a pixel
_CLOSE = 1.6  # metres: nearer ground is below the picture

# relative strength of the (fine, soft) noise on a class of ground
_GRAIN = {ROAD: (0.085, 0.055), SIDEWALK: (0.06, 0.06), TERRAIN: (0.20, 0.13)}


class _Roller:
    """Draws patches of ground in their own colour, without light, which comes over everything at the end."""

    def __init__(self, canvas: Canvas):
        self.canvas = canvas
        self.camera = canvas.camera

    def patch(self, left: float, right: float, start: float, stop: float, color: Color, label: int) -> None:
        """Ground between two distances from the middle of the road and two along it, in metres."""
        near, far = max(start - self.camera.s, _CLOSE), min(stop - self.camera.s, FAR)
        if far <= near:
            return
        count = 2 + int(7 * math.log(far / near))
        depths = near * (far / near) ** np.linspace(0.0, 1.0, count)
        points = np.zeros((2 * count, 3))
        points[:count, 0], points[count:, 0] = left, right
        points[:count, 2], points[count:, 2] = depths + self.camera.s, depths[::-1] + self.camera.s
        self.canvas.fill(self.camera.pixels(self.camera.view(points)), whole(color), label)

    def shape(self, outline: Ground, color: Color, label: int) -> None:
        """Any polygon on the ground."""
        view = self.camera.view(np.array([(d, 0.0, s) for d, s in outline]))
        self.canvas.fill(self.camera.outline(view), whole(color), label)


def paint_ground(canvas: Canvas, street: Street, shown: list[Shown]) -> None:
    """Draw all ground below the horizon, with the shadows of the things that stand on it."""
    camera = canvas.camera
    horizon = round(camera.horizon) + 1
    roller = _Roller(canvas)
    edges = [(0.0, float(horizon)), (float(camera.width), float(horizon)), (float(camera.width), float(camera.height))]
    canvas.fill([*edges, (0.0, float(camera.height))], whole(street.grass), TERRAIN)
    for bay, _ in shown:
        for side, use in zip(street.sides, bay.uses, strict=True):
            if use == "terrace":
                _band(roller, side, side.lot - 0.05, side.lot + 3, bay.start, bay.start + BAY, street.paving, SIDEWALK)
    for side in street.sides:
        _paint_side(roller, street, side)
    _paint_lanes(roller, street)
    for bay, _ in shown:
        if bay.junction:
            _paint_junction(roller, street, bay)
    _finish(canvas, street, shown, horizon)


def _band(
    roller: _Roller, side: Side, inner: float, outer: float, start: float, stop: float, color: Color, label: int
) -> None:
    left, right = sorted((side.sign * inner, side.sign * outer))
    roller.patch(left, right, start, stop, color, label)


def _paint_side(roller: _Roller, street: Street, side: Side) -> None:
    start, stop = roller.camera.s, roller.camera.s + FAR
    parking = scaled(street.asphalt, 1.16 if side.kerb > side.lanes else 1.0)
    _band(roller, side, 0.0, side.kerb, start, stop, parking, ROAD)
    if side.walk > side.kerb:
        _band(roller, side, side.kerb, side.walk, start, stop, street.paving, SIDEWALK)
        _band(roller, side, side.kerb, side.kerb + 0.09, start, stop, scaled(street.paving, 0.58), SIDEWALK)
        _band(roller, side, side.kerb + 0.09, side.kerb + 0.28, start, stop, scaled(street.paving, 1.2), SIDEWALK)
    _band(roller, side, side.kerb - 0.3, side.kerb, start, stop, scaled(street.asphalt, 0.86), ROAD)


def _paint_lanes(roller: _Roller, street: Street) -> None:
    start, stop = roller.camera.s, roller.camera.s + FAR
    edge = street.lane * street.lanes
    roller.patch(-edge, edge, start, stop, street.asphalt, ROAD)
    for lane in range(-street.lanes, street.lanes):
        middle = (lane + 0.5) * street.lane
        for track in (middle - 0.8, middle + 0.8):
            roller.patch(track - 0.28, track + 0.28, start, stop, scaled(street.asphalt, 0.93), ROAD)
    for bay in range(int(start // BAY) - 1, int(start // BAY) + VIEW):
        # Patches of newer tar, one in some bays, always in the same places.
        if (bay * 7919) % 5 < 2:
            left, tar = ((bay * 37) % 5 - 2.5) * street.lane * 0.4, bay * BAY + (bay * 13) % 9
            if -edge < left < edge - 1.6:
                roller.patch(left, left + 1.5, tar, tar + 4.5, scaled(street.asphalt, 0.8), ROAD)
                roller.shape(_round(left + 0.8, tar - 1.2, 0.33), scaled(street.asphalt, 0.55), ROAD)
    for line in range(1 - street.lanes, street.lanes):
        if line == 0 and street.lanes > 1:
            for offset in (-0.2, 0.08):
                roller.patch(offset, offset + 0.13, start, stop, MARK, ROAD)
            continue
        for k in range(int(start // 9) - 1, int(start // 9) + 14):
            roller.patch(line * street.lane - 0.075, line * street.lane + 0.075, k * 9.0, k * 9.0 + 4.0, MARK, ROAD)
    if street.edge_lines:
        for side in street.sides:
            _band(roller, side, side.lanes - 0.3, side.lanes - 0.16, start, stop, MARK, ROAD)


def _paint_junction(roller: _Roller, street: Street, bay: Bay) -> None:
    start, stop = bay.start + 4.0, bay.start + BAY - 3.0
    left, right = street.sides
    roller.patch(-60.0, 60.0, start - 2.0, stop + 2.0, street.paving, SIDEWALK)
    roller.patch(-60.0, 60.0, start, stop, street.asphalt, ROAD)
    roller.patch(-left.kerb - 1.5, right.kerb + 1.5, start - 2.2, stop + 2.2, street.asphalt, ROAD)
    edge = street.lane * street.lanes
    stripe = -edge + 0.3
    while stripe < edge - 0.5:
        roller.patch(stripe, stripe + 0.5, bay.start - 1.6, bay.start + 1.4, MARK, ROAD)
        stripe += 1.0
    roller.patch(0.1, edge, bay.start - 3.2, bay.start - 2.8, MARK, ROAD)


def _finish(canvas: Canvas, street: Street, shown: list[Shown], horizon: int) -> None:
    """Light, shadow, grain and haze over the ground drawn so far."""
    camera, light = canvas.camera, street.light
    whole = np.array(canvas.image)
    label = np.asarray(canvas.label)[horizon:]
    rows: Floats = np.arange(horizon, camera.height, dtype=np.float64)[:, None] + 0.5
    ahead = camera.focal * camera.mount / (rows - camera.horizon)
    factor = _grain(canvas, street, label, ahead)[..., None]
    lit, dark = np.array(light.shade((0.0, 1.0, 0.0)), np.float32), np.array(light.shadow(), np.float32)
    cover, contact = _shadows(canvas, shown, horizon)
    shade = cover[..., None] * (1.0 - dark)
    np.subtract(1.0, shade, out=shade)
    shade *= factor * (1.0 - 0.62 * contact)[..., None]
    veil = (1.0 - np.exp(-ahead / light.haze)).astype(np.float32)[..., None]
    shade *= lit * (1.0 - veil)
    shade *= whole[horizon:]
    shade += veil * np.array(light.horizon, np.float32)
    np.minimum(shade, 255.0, out=shade)
    whole[horizon:] = np.maximum(shade, 0.0)
    canvas.replace_image(whole)


def _grain(canvas: Canvas, street: Street, label: NDArray[np.uint8], ahead: Floats) -> NDArray[np.float32]:
    """Factor of brightness (h,W) from noise that sticks to the ground, weaker where a pixel covers much of it."""
    camera = canvas.camera
    columns: Floats = np.arange(camera.width, dtype=np.float64)[None, :] + 0.5
    d = camera.lateral(columns, ahead).astype(np.float32)
    s = (ahead + camera.s).astype(np.float32)
    span = (ahead * ahead / (camera.focal * camera.mount)).astype(np.float32)  # metres of road under a pixel
    strengths = np.zeros((256, 2), np.float32)
    strengths[list(_GRAIN)] = list(_GRAIN.values())
    factor = _lookup(street.materials.fine, d * 40.0, s * 40.0) * (1.0 / (1.0 + span * 12.0))
    factor *= strengths[:, 0].take(label)
    soft = _lookup(street.materials.soft, d * 16.0, s * 5.0) * (1.0 / (1.0 + span))
    soft *= strengths[:, 1].take(label)
    factor += soft
    factor += 1.0
    joint = ((d * 2.0) % 1.0 < 0.07) | ((s * 2.0) % 1.0 < 0.09)
    factor -= (joint & (label == SIDEWALK)) * (0.16 / (1.0 + span * 12.0))
    return factor


def _lookup(tile: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    size = len(tile)
    index = x.astype(np.int32) & (size - 1)
    index += (y.astype(np.int32) & (size - 1)) * size
    return tile.ravel().take(index)


def _shadows(canvas: Canvas, shown: list[Shown], horizon: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much of each pixel of ground (h,W) lies in shadow, and how much of it under a vehicle, both 0 to 1."""
    camera = canvas.camera
    size = (camera.width, max(1, camera.height - horizon))
    shadows = [shadow for bay, movers in shown for shadow in (*bay.shadows, *outlines(movers, canvas.light))]
    things = [thing for bay, movers in shown for thing in (*bay.things, *movers)]
    feet = [np.array([(d, 0.0, s) for d, s in it.footprint()]) for it in things if isinstance(it, Vehicle)]
    soft = ImageFilter.BoxBlur(max(1.0, camera.height / 200))
    masks: list[NDArray[np.float32]] = []
    for shapes in (shadows, feet):
        mask = Image.new("L", size)
        _blacken(canvas, ImageDraw.Draw(mask), shapes, horizon)
        masks.append(np.asarray(mask.filter(soft), dtype=np.float32) * np.float32(1 / 255))
    return masks[0], masks[1]


def _blacken(canvas: Canvas, pen: ImageDraw.ImageDraw, shapes: list[Floats], horizon: int) -> None:
    if not shapes:
        return
    camera = canvas.camera
    ends = np.cumsum([len(shape) for shape in shapes])[:-1]
    for view in np.split(camera.view(np.concatenate(shapes)), ends):
        if view[:, 2].max() > _CLOSE and view[:, 2].min() < _SHADOWS:
            outline = camera.outline(view)
            pen.polygon([(u, v - horizon) for u, v in outline], fill=255)


def _round(d: float, s: float, radius: float) -> Ground:
    angles = np.linspace(0, 2 * np.pi, 14)[:-1]
    return [(d + radius * float(np.cos(a)), s + radius * float(np.sin(a))) for a in angles]
