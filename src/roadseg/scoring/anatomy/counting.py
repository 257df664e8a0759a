"""All counts of one image."""

import math

import numpy as np
from jaxtyping import UInt8
from torch import Tensor

from roadseg.labels import IGNORE
from roadseg.models.upsample import Grid
from roadseg.scoring.anatomy import edges, regions, stride
from roadseg.scoring.anatomy.edges import BANDS, IOU_SHARES, NEAR
from roadseg.scoring.anatomy.regions import SIDES, STRIPS
from roadseg.scoring.boundary import CAP, distance_to_other_class

Counts = dict[str, np.ndarray]
"""int64 arrays by name, as `roadseg.scoring.anatomy` lists them; of one image without their first dimension."""


def empty(images: int, classes: int) -> Counts:
    """Zeros for so many images."""
    shapes = {
        "strides": (1,),
        "band": (len(BANDS), classes, classes),
        "row": (STRIPS, classes, classes),
        "stride": (len(stride.STRIDES), classes, classes),
        "boundary_iou": (2, classes, 3),
        "boundary_f": (2, classes, 4),
        "size": (len(SIDES) + 1, classes, 4),
        "pair": (2, classes, classes),
    }
    return {name: np.zeros((images, *shape), np.int64) for name, shape in shapes.items()}


def count(
    prediction: UInt8[np.ndarray, "h w"],
    target: UInt8[np.ndarray, "h w"],
    classes: int,
    grid: Grid,
    input_size: tuple[int, int],
) -> Counts:
    """The counts of one image, from class indices (H, W); `IGNORE` in the target counts nowhere.

    `grid` is the network's; `input_size` (height, width) is the size at which it was given the image.
    """
    shares, slacks = tolerances(target.shape)
    prediction = np.where(target == IGNORE, IGNORE, prediction).astype(np.uint8)
    distance = distance_to_other_class(target, min(max(CAP, shares[-1] + 1), 255))
    distance_predicted = distance_to_other_class(prediction, min(shares[-1] + 1, 255))
    confusions = regions.cells(prediction, target, classes)
    return {
        "strides": np.array([grid.stride]),
        "band": regions.confusion_by(edges.band_of(distance), confusions, len(BANDS), classes),
        "row": regions.confusion_by(regions.strip_of(target), confusions, STRIPS, classes),
        "stride": stride.reached_confusions(target, classes, input_size),
        "boundary_iou": np.stack(
            [
                edges.boundary_iou_counts(prediction, target, distance_predicted, distance, share, classes)
                for share in shares
            ]
        ),
        "boundary_f": np.stack(
            [edges.boundary_f_counts(prediction, target, distance_predicted, distance, by, classes) for by in slacks]
        ),
        "size": regions.size_counts(prediction, target, classes),
        "pair": edges.pair_counts(prediction, target, distance, NEAR, classes),
    }


def add(
    counts: Counts,
    index: int,
    prediction: UInt8[Tensor, "h w"],
    target: UInt8[Tensor, "h w"],
    grid: Grid,
    input_size: tuple[int, int],
) -> None:
    """Fill the rows of the image `index` in place."""
    classes = counts["pair"].shape[-1]
    for name, part in count(prediction.cpu().numpy(), target.cpu().numpy(), classes, grid, input_size).items():
        counts[name][index] = part


def tolerances(size: tuple[int, ...]) -> tuple[list[int], list[int]]:
    """In pixels: for boundary IoU (rounded as its authors do) and for the boundary F-score (rounded up)."""
    diagonal = math.hypot(*size)
    shares = [min(max(1, round(share * diagonal)), 254) for share in IOU_SHARES]
    return shares, [edges.F_PIXELS, min(max(1, math.ceil(edges.F_SHARE * diagonal)), 254)]
