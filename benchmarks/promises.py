"""Whether a threshold of confidence keeps what it promises on other images.

    python benchmarks/promises.py RUN [RUN ...]

For each run that was scored on its validation images (`roadseg evaluate`): the images, in the order of their names, are
cut into five blocks; the threshold for "at least 90, 95, 99 % right" comes from one block and is checked on the other
four, for each block. Where the run was scored on test, the validation images' threshold is checked on each drive of it.
Confidence is after the temperature, which for the blocks was fitted to all of them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from roadseg.data.datasets import split_records
from roadseg.runs.run_dir import RunDir
from roadseg.scoring import confidence
from roadseg.scoring.calibration import LEVELS, threshold
from roadseg.scoring.confidence import AS_SAID, CALIBRATED

BLOCKS = 5


def kept(counts: np.ndarray, least: float) -> tuple[float, float]:
    """Coverage and share of right pixels of images' counts (N, 2, 2, 3, BINS) from a confidence on."""
    wrong, right, pixels = confidence.kept(confidence.regions(counts[:, CALIBRATED].sum(0))["all"], least)
    return float((wrong + right) / pixels), float(right / (wrong + right))


def line(name: str, level: float, pairs: list[tuple[float, float]]) -> None:
    """Print how many of the promises were kept, and what they came to."""
    coverage, right = np.array(pairs).T
    print(
        f"  {name:<28} at least {100 * level:g} %: kept {sum(right >= level)} of {len(right)}; "
        f"right {100 * right.min():.1f}-{100 * right.max():.1f} %, coverage {100 * coverage.min():.1f}-"
        f"{100 * coverage.max():.1f} %"
    )


def error(counts: np.ndarray, calibration: int) -> str:
    """Calibration error over all pixels, inside objects and at boundaries, in percent."""
    parts = confidence.regions(counts[:, calibration].sum(0)).values()
    return " / ".join(f"{100 * float(confidence.calibration_error(confidence.merged(part))):.1f}" for part in parts)


def main(paths: list[str]) -> None:
    for run in map(RunDir, map(Path, paths)):
        found = run.confidence("val")
        if found is None:
            print(f"{run.path}: not scored on val")
            continue
        ids, of_val = found
        of_val = of_val[np.argsort(ids)]
        print(f"{run.path}: temperature {run.temperature():.2f}, {len(ids)} validation images")
        print(f"  calibration error on val: {error(of_val, AS_SAID)} before, {error(of_val, CALIBRATED)} after")
        blocks = np.array_split(np.arange(len(ids)), BLOCKS)
        for level in LEVELS:
            pairs = []
            for block in blocks:
                least = threshold(of_val[block], level)
                others = np.setdiff1d(np.arange(len(ids)), block)
                pairs += [kept(of_val[others], least.confidence)] if least else []
            line("a fifth for the others", level, pairs)
        test = run.confidence("test")
        if test is None:
            continue
        names, counts = test
        print(f"  calibration error on test: {error(counts, AS_SAID)} before, {error(counts, CALIBRATED)} after")
        groups = {record.id: record.group for record in split_records(run.config().data, run.splits(), "test")}
        for level in LEVELS:
            least = threshold(of_val, level)
            for drive in sorted(set(groups.values())):
                own = counts[[groups[name] == drive for name in names]]
                if least:
                    line(f"val for test drive {drive}", level, [kept(own, least.confidence)])


if __name__ == "__main__":
    main(sys.argv[1:])
