"""How often the 95 % bootstrap interval of mIoU covers the true mIoU, by the number of drives.

python benchmarks/interval_coverage.py [--trials 500]

A world of drives: each has its own recall of every class (a logit shifted by a normal of standard deviation 0.7) and
its own mix of classes. The true mIoU is that of 20,000 drives. Many samples of n drives are drawn, and the share of
their intervals that hold the truth is printed; 95 % would be right.
"""

import argparse

import numpy as np

from roadseg.metrics import mean_iou
from roadseg.stats import bootstrap_interval

CLASSES, PIXELS = 6, 5000


def drives(count: int, rng: np.random.Generator) -> np.ndarray:
    """Confusion matrices (count, C, C) of drives of one world."""
    shares = rng.dirichlet(np.linspace(8, 1, CLASSES), size=count)
    recall = 1 / (1 + np.exp(-(np.linspace(2.5, 0.0, CLASSES) + 0.7 * rng.standard_normal((count, CLASSES)))))
    wrong = (1 - recall)[..., None] / (CLASSES - 1) * (1 - np.eye(CLASSES))
    probabilities = shares[..., None] * (wrong + recall[..., None] * np.eye(CLASSES))
    flat = probabilities.reshape(count, -1)
    return rng.multinomial(PIXELS, flat / flat.sum(-1, keepdims=True)).reshape(count, CLASSES, CLASSES)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=500)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    truth = float(mean_iou(drives(20000, rng).sum(0)))
    print(f"true mIoU {truth:.4f}, {arguments.trials} trials each")
    for count in (3, 5, 8, 12, 20, 40):
        covered = 0
        for trial in range(arguments.trials):
            sample = drives(count, rng)
            low, high = bootstrap_interval(sample, [str(i) for i in range(count)], mean_iou, 1000, seed=trial)
            covered += low <= truth <= high
        share = covered / arguments.trials
        margin = 1.96 * (share * (1 - share) / arguments.trials) ** 0.5
        print(f"{count:>3} drives: {100 * share:5.1f} % (+-{100 * margin:.1f})")


if __name__ == "__main__":
    main()
