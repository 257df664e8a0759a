"""Seconds and memory from logits to classes and confidence: in bands of rows, beside logits of the image's size.

python benchmarks/decide.py [--rounds 20]

Logits of a KITTI image with 19 classes and stride 8, on one thread, the sides in turn; both must name the same classes.
"""

import argparse
import statistics
import time

import torch
from torch import Tensor

from roadseg.inference.predictor import Logits
from roadseg.models.upsample import Grid, upsample

SIZE, GRID, TEMPERATURE = (375, 1242), Grid(8), 1.7


def logits() -> Logits:
    cells = [-(-length // GRID.stride) for length in SIZE]
    return Logits(3 * torch.randn(19, *cells, generator=torch.Generator().manual_seed(0)), GRID, SIZE)


def at_full_size(given: Logits) -> tuple[Tensor, Tensor]:
    whole = upsample(given.values[None], given.grid, given.size)[0]
    confidence, classes = (whole / TEMPERATURE).softmax(0).max(0)
    return classes.to(torch.uint8), confidence


def in_bands(given: Logits) -> tuple[Tensor, Tensor]:
    classes, confidences = given.decide((TEMPERATURE,))
    return classes, confidences[0]


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    given = logits()
    seconds: dict[str, list[float]] = {"at full size": [], "in bands": []}
    for _ in range(rounds):
        found = []
        for name, side in zip(seconds, (at_full_size, in_bands), strict=True):
            started = time.process_time()
            found.append(side(given))
            seconds[name].append(time.process_time() - started)
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1])
    slow, fast = (statistics.median(times) for times in seconds.values())
    for name, times in seconds.items():
        print(f"{name:<13}{statistics.median(times):.3f} s ({min(times):.3f}-{max(times):.3f})")
    print(f"ratio        {slow / fast:.1f}")


if __name__ == "__main__":
    main()
