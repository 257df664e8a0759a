"""How near images of one drive and of different drives are, and how long 20,000 hashes take to compare.

python benchmarks/similar_images.py --recipe camvid-fcn8s --data.root DIR

For each limit in bits: the pairs that are near, how many of them are of different drives (false, if the drives are told
rightly), how many of the images that are neighbours in their drive are joined, and the groups that result.
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from roadseg.data.datasets import load_records
from roadseg.data.similar import BITS, NEAR, hash_files, near_groups, near_pairs
from roadseg.recipes import recipe

LIMITS = (32, 51, NEAR, 77, 90, 96)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="camvid-fcn8s")
    parser.add_argument("--data.root", dest="root", type=Path, required=True)
    arguments = parser.parse_args()
    data = recipe(arguments.recipe).data.model_copy(update={"root": arguments.root})
    records = sorted(record for part in load_records(data).records.values() for record in part)
    started = time.perf_counter()
    hashes = hash_files([record.image for record in records], lambda: None)
    print(f"{len(records)} images hashed by one thread, {len(records) / (time.perf_counter() - started):.0f} a second")
    drives = np.array([record.group for record in records])
    unlike = len(records) * (len(records) - 1) // 2 - sum(n * (n - 1) // 2 for n in np.unique_counts(drives).counts)
    neighbours = [(i, j) for i, j in pairwise(range(len(records))) if drives[i] == drives[j]]
    print(f"{len(set(drives))} drives, {unlike} pairs of different drives, {len(neighbours)} neighbours\n")
    print("| bits | near pairs | of different drives | neighbours joined | groups | largest | of several drives |")
    print("|---|---|---|---|---|---|---|")
    for most in LIMITS:
        pairs, group = near_pairs(hashes, most), near_groups(hashes, most)
        first, second = pairs.images.T
        joined = np.mean([group[i] == group[j] for i, j in neighbours])
        mixed = sum(len(set(drives[group == number])) > 1 for number in range(group.max() + 1))
        print(
            f"| {most} | {len(first)} | {(drives[first] != drives[second]).sum()} | {100 * joined:.0f} % "
            f"| {group.max() + 1} | {np.bincount(group).max()} | {mixed} |"
        )
    many = np.random.default_rng(0).integers(0, 256, (20_000, BITS // 8), dtype=np.uint8)
    started = time.perf_counter()
    near_groups(many)
    print(f"\n20,000 hashes compared with each other in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
