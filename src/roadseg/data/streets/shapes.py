"""Shapes and colours of vehicles."""

from dataclasses import dataclass

from roadseg.data.streets.camera import Pixel
from roadseg.data.streets.classes import BUS, CAR, TRUCK
from roadseg.data.streets.color import Color


@dataclass(frozen=True)
class Shape:
    """Side profile from the lower rear corner over the roof to the lower front corner, (x, y) in metres from the rear.

    `glass` holds the profile edges that are windows (edge k runs from point k to k+1); `cabin` the points where the
    side windows begin and end: rear belt, rear roof, front roof, front belt.
    """

    label: int
    width: float
    profile: tuple[Pixel, ...]
    glass: tuple[int, ...]
    cabin: tuple[int, int, int, int]
    wheels: tuple[float, ...]
    radius: float
    panes: int
    belt: float  # height of the lower edge of the windows


SHAPES: dict[str, Shape] = {
    "hatchback": Shape(
        CAR, 1.74,
        ((0.05, 0.28), (0.0, 0.55), (0.08, 0.95), (0.42, 1.44), (2.15, 1.49), (3.02, 1.0), (3.78, 0.80), (3.96, 0.6),
         (3.92, 0.25)),
        (2, 4), (2, 3, 4, 5), (0.72, 3.18), 0.31, 2, 0.95,
    ),
    "sedan": Shape(
        CAR, 1.80,
        ((0.05, 0.3), (0.0, 0.62), (0.05, 0.96), (0.72, 1.04), (1.35, 1.42), (2.5, 1.45), (3.38, 1.0), (4.36, 0.80),
         (4.56, 0.6), (4.52, 0.26)),
        (3, 5), (3, 4, 5, 6), (0.92, 3.66), 0.32, 2, 0.98,
    ),
    "wagon": Shape(
        CAR, 1.82,
        ((0.05, 0.3), (0.0, 0.6), (0.05, 1.0), (0.36, 1.5), (2.6, 1.56), (3.45, 1.05), (4.36, 0.86), (4.56, 0.62),
         (4.52, 0.26)),
        (2, 4), (2, 3, 4, 5), (0.9, 3.66), 0.34, 3, 1.0,
    ),
    "van": Shape(
        CAR, 1.95,
        ((0.05, 0.32), (0.0, 0.6), (0.02, 1.1), (0.14, 1.96), (3.5, 2.0), (4.3, 1.22), (4.9, 0.98), (5.0, 0.6),
         (4.95, 0.3)),
        (2, 4), (2, 3, 4, 5), (0.95, 4.1), 0.34, 3, 1.15,
    ),
    "truck": Shape(
        TRUCK, 2.45,
        ((0.0, 0.75), (0.0, 1.0), (0.0, 3.3), (5.3, 3.3), (5.4, 2.75), (7.0, 2.7), (7.25, 1.6), (7.4, 0.9),
         (7.35, 0.45)),
        (5,), (4, 4, 5, 6), (1.4, 6.2), 0.46, 1, 1.6,
    ),
    "bus": Shape(
        BUS, 2.5,
        ((0.0, 0.4), (0.0, 0.9), (0.0, 1.35), (0.1, 3.0), (11.3, 3.0), (11.6, 1.1), (11.65, 0.7), (11.6, 0.35)),
        (2, 4), (2, 3, 4, 5), (2.6, 8.9), 0.48, 7, 1.35,
    ),
}  # fmt: skip
PAINTS: tuple[Color, ...] = (
    (196, 198, 202), (44, 46, 50), (226, 226, 224), (120, 124, 130), (150, 30, 34), (36, 58, 116), (78, 84, 92),
    (22, 22, 26), (60, 88, 72), (168, 160, 140), (88, 108, 140), (206, 170, 60), (112, 40, 40),
)  # fmt: skip
COACHES: tuple[Color, ...] = ((228, 228, 222), (206, 166, 44), (176, 40, 40), (52, 92, 150), (220, 220, 214))
GLASS: Color = (52, 60, 68)
TYRE: Color = (26, 26, 28)
