"""What a street consists of: sides, bays of equal length, the things in them, and the traffic."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from roadseg.data.streets.buildings import Building, Panel
from roadseg.data.streets.camera import Floats
from roadseg.data.streets.color import Color
from roadseg.data.streets.furniture import Bin, Bollard, Lamp, Sign, TrafficLight
from roadseg.data.streets.greenery import Tree
from roadseg.data.streets.light import Light
from roadseg.data.streets.materials import Materials
from roadseg.data.streets.people import Bicycle, Person
from roadseg.data.streets.sky import Backdrop
from roadseg.data.streets.vehicles import Vehicle

BAY = 16.0  # metres along the road: things in a farther bay never cover things in a nearer one
VIEW = 7  # bays that are drawn ahead of the camera


Mover = Vehicle | Person | Bicycle
Thing = Building | Panel | Tree | Lamp | Sign | TrafficLight | Bollard | Bin | Mover


@dataclass(frozen=True)
class Side:
    """Cross section of one side of the road; `sign` -1 is left, the rest in metres from the middle of the road.

    From the middle outwards: lanes up to `lanes`, parked cars up to `kerb`, sidewalk up to `walk`, grass up to `lot`.
    """

    sign: int
    lanes: float
    kerb: float
    walk: float
    lot: float


@dataclass(frozen=True)
class Bay:
    """`BAY` metres of street: how the land on either side is used, and what stands there."""

    start: float
    uses: tuple[str, str]  # left, right
    junction: bool
    things: tuple[Thing, ...]
    shadows: tuple[Floats, ...]  # of the things, as outlines (n,3) in road coordinates


def outlines(things: Iterable[Thing], light: Light) -> tuple[Floats, ...]:
    """Shadows of things as polygons (n,3) in road coordinates."""
    return tuple(np.array([(d, 0.0, s) for d, s in shape]) for thing in things for shape in thing.shadows(light))


@dataclass(frozen=True)
class Street:
    """Everything that does not change during a drive, and how what moves does so."""

    curvature: float
    lane: float  # width in metres
    lanes: int  # in each direction
    sides: tuple[Side, Side]
    bays: tuple[Bay, ...]
    movers: tuple[Mover, ...]
    light: Light
    materials: Materials
    backdrop: Backdrop
    asphalt: Color
    paving: Color
    grass: Color
    edge_lines: bool

    def visible(self, s: float, time: float) -> list[tuple[Bay, list[Mover]]]:
        """The bays in front of s with what moves in them at this time (in frames), far ones first."""
        first = max(0, int((s - 3.0) // BAY))
        shown = self.bays[first : first + VIEW + 1]
        moved: dict[int, list[Mover]] = {}
        for mover in self.movers:
            now = mover.at(time)
            moved.setdefault(int(now.s // BAY), []).append(now)
        return [(bay, moved.get(int(bay.start // BAY), [])) for bay in reversed(shown)]
