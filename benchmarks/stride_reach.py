"""How much of the truth coarse logits can carry: least squares, as reports show it, beside gradient descent.

python benchmarks/stride_reach.py [--data DIR] [--images 5] [--steps 40]

For every n-th image of CamVid's val, the truth is brought to strides 8, 16 and 32 and back: by the least squares of
`roadseg.scoring.anatomy.stride`, and by Adam (rate 0.5) on the cross entropy of the enlarged logits, which starts from
8 times the least squares' scores. Printed are mIoU in percent of both, and seconds an image. Neither is the limit:
both are predictions that logits of the stride do give.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from roadseg.data.decode import read_target
from roadseg.data.layouts import camvid
from roadseg.labels import camvid as camvid_labels
from roadseg.models.upsample import Grid
from roadseg.scoring.anatomy import stride
from roadseg.scoring.metrics import confusion_matrix, mean_iou
from roadseg.training.losses import upsampled_cross_entropy_sum


def descended(scores: torch.Tensor, target: torch.Tensor, cells: int, steps: int) -> torch.Tensor:
    """Coarse logits (C, h, w) with a smaller loss for this one image."""
    logits = (8 * scores)[None].contiguous().requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        loss, _ = upsampled_cross_entropy_sum(logits, target[None], Grid(cells))
        loss.backward()
        optimizer.step()
    return logits.detach()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/camvid"))
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"{arguments.data} is not on this machine; skipped")
        return
    space = camvid_labels()
    classes = len(space.classes)
    records = camvid.records(arguments.data, "val")
    chosen = records[:: max(1, len(records) // arguments.images)][: arguments.images]
    targets = [read_target(record.label, space) for record in chosen]
    print(f"{len(targets)} images, {arguments.steps} steps\nstride  least squares          descent")
    for cells in stride.STRIDES:
        totals, seconds = np.zeros((2, classes, classes), np.int64), [0.0, 0.0]
        for target in targets:
            size = (target.shape[0], target.shape[1])
            started = time.perf_counter()
            scores = stride.coarse_scores(stride.one_hot(target, classes), cells, size)
            middle = time.perf_counter()
            better = descended(scores, target, cells, arguments.steps)
            seconds = [seconds[0] + middle - started, seconds[1] + time.perf_counter() - middle]
            for which, found in enumerate((scores, better)):
                totals[which] += confusion_matrix(stride.reached(found, cells, size, size), target, classes).numpy()
        easy, hard = 100 * mean_iou(totals)
        times = [each / len(targets) for each in seconds]
        print(f"{cells:6d}  {easy:5.1f} % ({times[0]:.3f} s)  {hard:6.1f} % ({times[1]:.2f} s)", flush=True)


if __name__ == "__main__":
    main()
