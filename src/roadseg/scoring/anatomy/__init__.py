"""Where predictions are right and wrong: counts for each image, which can be summed and resampled.

`add` makes them, `evaluation/<split>.anatomy.npz` of a run keeps them, `anatomy.scores` divides them. Its
arrays, all uint32 with the images first, and the classes C in the order of the label space:

ids          the images
strides      (N, 1) the stride of the network's grid
band         (N, 6, C, C) confusions by distance to a boundary of the truth: 1, 2-3, 4-7, 8-15, 16-31, 32 pixels or more
row          (N, 8, C, C) confusions in strips of equal height, the uppermost first
stride       (N, 3, C, C) confusions of the truth itself, brought to strides 8, 16 and 32 and back (`anatomy.stride`)
boundary_iou (N, 2, C, 3) pixels near a boundary: of both, of the truth, of the prediction; within 0.5 and 2 % of the
             image's diagonal
boundary_f   (N, 2, C, 4) boundary pixels: of the truth, of these met; of the prediction, of these met; within
             2 pixels and 0.75 % of the diagonal
size         (N, 6, C, 4) objects of the truth, those at least half found, their pixels, and the right ones; by the side
             of a square of the object's area: below 8, 16, 32, 64, 128 pixels, and larger
pair         (N, 2, C, C) pixels of the row's class at most 7 pixels from the column's class, and those of them that
             are predicted as the column's class
"""

from roadseg.scoring.anatomy.counting import Counts, add, count, empty

__all__ = ["Counts", "add", "count", "empty"]
