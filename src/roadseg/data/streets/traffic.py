"""Who is on the street: parked, leading, oncoming and crossing vehicles, people, riders."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from numpy.random import Generator

from roadseg.data.streets.color import Color, Number
from roadseg.data.streets.people import CLOTHES, HAIRS, SKINS, Bicycle, Person
from roadseg.data.streets.scene import BAY, Mover, Side, Thing
from roadseg.data.streets.shapes import COACHES, PAINTS
from roadseg.data.streets.vehicles import Vehicle

_CARS = ("hatchback", "hatchback", "sedan", "sedan", "wagon", "wagon", "van")
_REACH = 150.0  # metres: how far ahead traffic is placed


def parked(rng: Generator, side: Side, start: float) -> Iterator[Thing]:
    """Cars parked along one side of the bay that begins at `start`."""
    for slot in range(3):
        if rng.random() < 0.45:
            d = side.sign * (side.kerb - 1.05 + float(rng.uniform(-0.08, 0.08)))
            s = start + (slot + 0.5) * BAY / 3 + float(rng.uniform(-0.2, 0.2))
            yaw = (0.0 if side.sign > 0 else math.pi) + float(rng.normal(0, 0.02))
            yield Vehicle(_car(rng), _paint(rng), d, s, yaw)


@dataclass(frozen=True)
class Route:
    """The camera's drive: from `start` over `length` metres at `step` metres per frame, on lanes of this width."""

    start: float
    length: float
    step: float
    lane: float
    lanes: int  # in each direction

    @property
    def end(self) -> float:
        """Metres along the road beyond which nobody is seen."""
        return self.start + self.length + _REACH


def make_movers(rng: Generator, sides: tuple[Side, Side], route: Route, junctions: list[float]) -> tuple[Mover, ...]:
    """All that moves while the camera drives the route."""
    movers: list[Mover] = [*_leading(rng, route), *_oncoming(rng, route)]
    for start in junctions:
        if rng.random() < 0.75:
            left = rng.random() < 0.5
            s = start + 4.0 + (2.2 if left else 6.6)
            d = float(rng.uniform(2, 8)) * (1 if left else -1)
            movers.append(Vehicle(_car(rng), _paint(rng), d, s, -math.pi / 2 if left else math.pi / 2))
    for side in sides:
        movers += [*_people(rng, side, route), *_riders(rng, side, route), *_bicycles(rng, side, route)]
    return tuple(movers)


def _leading(rng: Generator, route: Route) -> Iterator[Mover]:
    for k in range(route.lanes):
        for gap in _places(rng, 0.0, _REACH, (20, 42) if k == 0 else (13, 30), (25, 55)):
            name = "bus" if rng.random() < 0.06 and gap > 30 else "truck" if rng.random() < 0.08 else _car(rng)
            d = (k + 0.5) * route.lane + float(rng.uniform(-0.2, 0.2))
            speed = route.step * float(rng.uniform(0.98, 1.12))
            yield Vehicle(name, _paint(rng, name), d, route.start + gap, 0.0, speed)


def _oncoming(rng: Generator, route: Route) -> Iterator[Mover]:
    large = True
    for k in range(route.lanes):
        for place in _places(rng, route.start, route.end + route.length, (16, 34), (22, 50)):
            name = _car(rng)
            if large and place > route.start + 22 and rng.random() < 0.5:
                name, large = ("bus", "truck")[int(rng.integers(2))], False
            d = -(k + 0.5) * route.lane + float(rng.uniform(-0.2, 0.2))
            speed = -route.step * float(rng.uniform(0.9, 1.0))
            yield Vehicle(name, _paint(rng, name), d, place, math.pi, speed)


def _people(rng: Generator, side: Side, route: Route) -> Iterator[Mover]:
    for place in _places(rng, route.start, route.end, (10, 18), (8, 24)):
        for _ in range(int(rng.integers(1, 3))):
            d = side.sign * float(rng.uniform(side.kerb + 0.6, max(side.kerb + 0.8, side.walk - 0.3)))
            way = 0.12 * float(rng.choice([-1.0, 1.0]))
            yield _person(rng, d, place + float(rng.uniform(-2.0, 2.0)), way)


def _riders(rng: Generator, side: Side, route: Route) -> Iterator[Mover]:
    """Riders at the edge of the lanes."""
    for place in _places(rng, route.start, route.end, (15, 30), (30, 70)):
        shirt = CLOTHES[int(rng.integers(len(CLOTHES)))]
        speed = side.sign * route.step * 0.75
        d, motor, phase = side.sign * (side.lanes - 0.5), bool(rng.random() < 0.25), float(rng.uniform(0, 6))
        yield Bicycle(d, place, _paint(rng), False, shirt, phase=phase, speed=speed, motor=motor)


def _bicycles(rng: Generator, side: Side, route: Route) -> Iterator[Mover]:
    """Bicycles on the sidewalk, seen from the side; some are ridden, most lean there."""
    for place in _places(rng, route.start, route.end, (9, 18), (9, 30)):
        worn = CLOTHES[int(rng.integers(len(CLOTHES)))] if rng.random() < 0.3 else None
        yield Bicycle(side.sign * (side.walk - 0.5), place, _paint(rng), True, worn, motor=bool(rng.random() < 0.2))


def _places(
    rng: Generator, start: float, end: float, first: tuple[Number, Number], gap: tuple[Number, Number]
) -> Iterator[float]:
    """Metres along the road from `start` to `end`: the `first` distance and each `gap` are drawn between two bounds."""
    place = start + float(rng.uniform(*first))
    while place < end:
        yield place
        place += float(rng.uniform(*gap))


def _car(rng: Generator) -> str:
    return _CARS[int(rng.integers(len(_CARS)))]


def _person(rng: Generator, d: float, s: float, speed: float) -> Person:
    return Person(
        d=d,
        s=s,
        height=float(rng.choice([1.2, 1.62, 1.7, 1.76, 1.85])),
        shirt=CLOTHES[int(rng.integers(len(CLOTHES)))],
        trousers=CLOTHES[int(rng.choice([0, 4, 6, 7, 8]))],
        skin=SKINS[int(rng.integers(len(SKINS)))],
        hair=HAIRS[int(rng.integers(len(HAIRS)))],
        phase=float(rng.uniform(0, 6.28)),
        speed=speed,
    )


def _paint(rng: Generator, name: str = "car") -> Color:
    colors = COACHES if name in ("bus", "truck") else PAINTS
    return colors[int(rng.integers(len(colors)))]
