"""Plans a street at random: its cross section, how the land beside it is used, and who is about."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from roadseg.data.streets.buildings import Building, Panel
from roadseg.data.streets.classes import FENCE, VEGETATION, WALL
from roadseg.data.streets.color import Number, scaled
from roadseg.data.streets.furniture import SIGNS, STEEL, Bin, Bollard, Lamp, Sign, TrafficLight
from roadseg.data.streets.greenery import Tree
from roadseg.data.streets.light import WEATHERS, make_light
from roadseg.data.streets.materials import Materials, make_materials
from roadseg.data.streets.scene import BAY, VIEW, Bay, Side, Street, Thing, outlines
from roadseg.data.streets.sky import Backdrop
from roadseg.data.streets.traffic import Route, make_movers, parked

USES = ("terrace", "houses", "park", "wall", "fence", "hedge")


@dataclass(frozen=True)
class Character:
    """Kind of neighbourhood: chances of `USES`, floors of its houses (lowest, beyond the highest), widths in metres."""

    uses: tuple[float, float, float, float, float, float]
    floors: tuple[int, int]
    sidewalk: tuple[float, float]
    verge: tuple[float, float]
    lanes: int
    parking: float  # chance of parked cars along a side
    trees: float  # chance of a street tree in a bay
    town: float  # share of the far skyline that is built up


CHARACTERS: tuple[Character, ...] = (
    Character((0.58, 0.0, 0.18, 0.12, 0.06, 0.06), (3, 6), (1.8, 3.2), (0.0, 0.0), 1, 0.8, 0.6, 0.5),
    Character((0.0, 0.42, 0.18, 0.10, 0.10, 0.20), (2, 3), (1.5, 2.2), (0.0, 1.2), 1, 0.45, 0.4, 0.2),
    Character((0.26, 0.0, 0.46, 0.06, 0.12, 0.10), (3, 6), (1.8, 2.6), (1.6, 2.8), 2, 0.3, 0.9, 0.4),
    Character((0.0, 0.12, 0.46, 0.02, 0.26, 0.14), (2, 3), (1.3, 1.8), (1.5, 3.5), 1, 0.1, 0.5, 0.1),
    Character((0.10, 0.14, 0.20, 0.34, 0.14, 0.08), (2, 4), (1.5, 2.2), (0.0, 1.8), 1, 0.5, 0.4, 0.4),
)  # fmt: skip


def make_street(rng: Generator, drive: int, start: float, length: float, step: float, focal: float) -> Street:
    """A street for `length` metres of driving from `start` at `step` metres per frame.

    The focal length in pixels decides how fine the textures are. Kind of neighbourhood and weather take turns from
    drive to drive, so that a few drives show all of them.
    """
    character = CHARACTERS[drive % len(CHARACTERS)]
    light = make_light(rng, WEATHERS[(drive + drive // len(WEATHERS)) % len(WEATHERS)])
    materials = make_materials(rng, light, BAY, character.floors, focal)
    lane = float(rng.uniform(2.9, 3.5)) - 0.2 * (character.lanes - 1)
    sides = (_side(rng, -1, character, lane), _side(rng, 1, character, lane))
    count = math.ceil((start + length) / BAY) + VIEW + 2
    junction = int(rng.integers(2, 5))
    uses = (_land(rng, character, count), _land(rng, character, count))
    bays = []
    for k in range(count):
        use = uses[0][k], uses[1][k]
        crossing = (k - junction) % 9 == 0
        things: list[Thing] = []
        for side, what in zip(sides, use, strict=True):
            things += _Planner(rng, materials, side, character, k * BAY).plan(what, crossing)
        used = ("open", "open") if crossing else use
        bays.append(Bay(k * BAY, used, crossing, tuple(things), outlines(things, light)))
    grey, stone = float(rng.uniform(84, 128)), float(rng.uniform(128, 168))
    route = Route(start, length, step, lane, character.lanes)
    return Street(
        curvature=float(rng.choice([-1.0, 1.0]) / rng.uniform(260, 1500)),
        lane=lane,
        lanes=character.lanes,
        sides=sides,
        bays=tuple(bays),
        movers=make_movers(rng, sides, route, [bay.start for bay in bays if bay.junction]),
        light=light,
        materials=materials,
        backdrop=Backdrop(rng, materials.leaf, character.town),
        asphalt=(grey, grey * float(rng.uniform(0.97, 1.01)), grey * float(rng.uniform(0.95, 1.04))),
        paving=(stone, stone * float(rng.uniform(0.94, 1.0)), stone * float(rng.uniform(0.86, 1.0))),
        grass=(float(rng.uniform(92, 132)), float(rng.uniform(112, 132)), float(rng.uniform(54, 74))),
        edge_lines=bool(rng.random() < 0.5),
    )


def _side(rng: Generator, sign: int, character: Character, lane: float) -> Side:
    lanes = lane * character.lanes + 0.25
    kerb = lanes + (2.15 if rng.random() < character.parking else 0.0)
    walk = kerb + float(rng.uniform(*character.sidewalk))
    return Side(sign, lanes, kerb, walk, walk + float(rng.uniform(*character.verge)))


def _land(rng: Generator, character: Character, count: int) -> list[str]:
    """A use for each bay; neighbours are often alike."""
    chances = np.array(character.uses) / sum(character.uses)
    uses = [USES[int(rng.choice(len(USES), p=chances))]]
    while len(uses) < count:
        stays = rng.random() < 0.45
        uses.append(uses[-1] if stays else USES[int(rng.choice(len(USES), p=chances))])
    return uses


class _Planner:
    """Puts things on one side of one bay that begins at `start`."""

    def __init__(self, rng: Generator, materials: Materials, side: Side, character: Character, start: float):
        self.rng = rng
        self.materials = materials
        self.side = side
        self.character = character
        self.start = start
        self.things: list[Thing] = []

    def plan(self, use: str, crossing: bool) -> list[Thing]:
        """Things for this use of the land; a crossing has only lights and signs."""
        if crossing:
            self._crossing()
            return self.things
        match use:
            case "terrace":
                self._building(0.0, pitched=bool(self.rng.random() < 0.6))
            case "houses":
                self._houses()
            case "park":
                self._park()
            case _:
                self._bounded(use)
        self._kerb(use)
        return self.things

    def _at(self, distance: float) -> float:
        return self.side.sign * distance

    def _building(self, setback: float, pitched: bool, margin: float = 0.0) -> None:
        rng, materials = self.rng, self.materials
        house = materials.houses[int(rng.integers(len(materials.houses)))]
        width = house.facade.width - margin
        start = self.start + float(rng.uniform(0, BAY - width)) if width < BAY else self.start
        self.things.append(
            Building(
                d=self._at(self.side.lot + setback),
                start=start,
                stop=start + width,
                height=house.facade.height,
                depth=9.0,
                rise=float(rng.uniform(2.4, 4.2)) if pitched else 0.0,
                front=house.front,
                end=house.end,
                roof=materials.roofs[int(rng.integers(len(materials.roofs)))],
                gable=house.facade.wall,
            )
        )

    def _tree(self, distance: float, low: Number, high: Number, trunk: float = 0.28) -> None:
        rng, materials = self.rng, self.materials
        height = float(rng.uniform(low, high))
        pointed = trunk < 0.2 and rng.random() < 0.3
        crowns = materials.conifers if pointed else materials.crowns
        wide = height * float(rng.uniform(0.34, 0.44) if pointed else rng.uniform(0.62, 0.85))
        bark = (float(rng.uniform(70, 104)), float(rng.uniform(60, 88)), float(rng.uniform(48, 72)))
        s = self.start + float(rng.uniform(0.5, BAY - 0.5))
        chosen = crowns[int(rng.integers(len(crowns)))]
        bare = height * (0.02 if pointed else trunk)
        self.things.append(Tree(self._at(distance), s, height, wide, bare, chosen, bark))

    def _bush(self, distance: float) -> None:
        height = float(self.rng.uniform(0.8, 2.2))
        crown = self.materials.crowns[int(self.rng.integers(len(self.materials.crowns)))]
        s = self.start + float(self.rng.uniform(0.5, BAY - 0.5))
        self.things.append(Tree(self._at(distance), s, height, height * 1.5, 0.0, crown, (80, 70, 60)))

    def _panel(self, kind: str, distance: float, height: float) -> None:
        materials = self.materials
        texture, label, thickness, top = {
            "hedge": (materials.hedges[int(self.rng.integers(2))], VEGETATION, 1.0, scaled(materials.leaf, 0.75)),
            "wall": (materials.wall, WALL, 0.3, materials.wall_color),
            "fence": (materials.fence, FENCE, 0.04, (120.0, 116.0, 108.0)),
        }[kind]
        d = self._at(distance)
        self.things.append(Panel(d, self.start, self.start + BAY, height, thickness, texture, label, top))

    def _houses(self) -> None:
        setback = float(self.rng.uniform(3.0, 6.5))
        self._building(setback, pitched=True, margin=float(self.rng.uniform(2, 5)))
        kind = str(self.rng.choice(["hedge", "fence", "wall", "none"], p=[0.4, 0.25, 0.2, 0.15]))
        if kind != "none":
            self._panel(kind, self.side.lot + 0.3, float(self.rng.uniform(0.8, 1.4)))
        if self.rng.random() < 0.6:
            self._tree(self.side.lot + setback * 0.6, 4, 7)
        self._bush(self.side.lot + setback * 0.7)

    def _park(self) -> None:
        for distance in (16.0, 12.0, 7.0):
            self._tree(self.side.lot + distance + float(self.rng.uniform(-1.5, 1.5)), 8, 14, 0.12)
        if self.rng.random() < 0.7:
            self._tree(self.side.lot + float(self.rng.uniform(2.5, 4)), 6, 11)
        for _ in range(3):
            self._bush(self.side.lot + float(self.rng.uniform(9, 14)))

    def _bounded(self, use: str) -> None:
        """A wall, fence or hedge, and what is seen over it."""
        if self.rng.random() < 0.35:
            self._building(float(self.rng.uniform(9, 14)), pitched=bool(self.rng.random() < 0.7))
        for _ in range(3):
            self._tree(self.side.lot + float(self.rng.uniform(3, 8)), 7, 13, 0.15)
        distance, low, high = {"wall": (0.2, 1.8, 2.6), "fence": (0.4, 1.2, 2.0), "hedge": (0.4, 1.6, 2.6)}[use]
        self._panel(use, self.side.lot + distance, float(self.rng.uniform(low, high)))

    def _kerb(self, use: str) -> None:
        """Lamps, trees, signs, bollards, bins and parked cars between the lots and the lanes."""
        rng, side, start = self.rng, self.side, self.start
        index = round(start / BAY)
        edge = self._at(side.kerb + 0.45)
        if (index + (side.sign > 0)) % 2 == 0:
            tone = float(rng.uniform(0.55, 1.1))
            self.things.append(Lamp(edge, start + 8.0, float(rng.uniform(6.5, 9)), scaled(STEEL, tone), 1.6))
        if rng.random() < self.character.trees:
            distance = side.walk + 0.7 if side.lot - side.walk > 1.2 else side.kerb + 0.9
            self._tree(distance, 7, 11, 0.32)
        if rng.random() < 0.4:
            kind = SIGNS[int(rng.integers(len(SIGNS)))]
            s = start + float(rng.uniform(1, BAY - 1))
            self.things.append(Sign(edge, s, float(rng.uniform(2.1, 2.7)), kind, back=bool(side.sign < 0)))
        if use == "terrace" and rng.random() < 0.25:
            self.things += [Bollard(edge, start + 2.0 + 1.6 * k, (70, 74, 78)) for k in range(4)]
        if rng.random() < 0.3:
            color = (float(rng.uniform(40, 80)), float(rng.uniform(50, 90)), float(rng.uniform(40, 80)))
            self.things.append(Bin(self._at(side.walk - 0.4), start + float(rng.uniform(1, 15)), color))
        if side.kerb > side.lanes + 1:
            self.things += parked(rng, side, start)

    def _crossing(self) -> None:
        side, rng = self.side, self.rng
        right = side.sign > 0
        phase = int(rng.integers(3))
        place = self._at(side.kerb + 1.7)
        s = self.start - 0.4 + (0.0 if right else BAY - 1)
        self.things.append(TrafficLight(place, s, phase, 3.6 if right else 0.0))
        if right:
            self.things.append(TrafficLight(self._at(side.kerb + 1.2), self.start + BAY - 1.0, phase, 0.0))
            self.things.append(Sign(self._at(side.kerb + 2.4), self.start + 0.4, 2.6, "direction", back=False))
