"""How near images of one drive and of different drives are, and how long 20,000 hashes take to compare.

python benchmarks/similar_images.py --recipe camvid-fcn8s --data.root DIR

For each limit in bits: the pairs that are near, how many of them are of different drives (false, if the drives are told
rightly), how many of the images that are neighbours in their drive are joined, and the groups that result. Then in how
many bits copies of every fifth image differ from it, median and most, and how close images come that are no copies.
"""

import argparse
import io
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from roadseg.config.recipes import recipe
from roadseg.data.datasets import load_records
from roadseg.data.similar import BITS, NEAR, both_hashes, hash_files, near_groups, near_pairs, nearest, perceptual_hash

LIMITS = (32, 51, NEAR, 77, 90, 96)


def again(image: Image.Image, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def copies(paths: list[Path], hashes: np.ndarray) -> None:
    bits: dict[str, list[int]] = {}
    for path, own in list(zip(paths, hashes, strict=True))[::5]:
        image = Image.open(path).convert("RGB")
        width, height = image.size
        made = {
            "JPEG 90": again(image, 90), "JPEG 60": again(image, 60), "JPEG 30": again(image, 30),
            "half the size, JPEG 80": again(image.resize((width // 2, height // 2)), 80),
            "25 % brighter": again(image.point(lambda value: min(255, int(value * 1.25))), 90),
            "cropped by 6 and 4 pixels": again(image.crop((6, 4, width - 6, height - 4)).resize((width, height)), 85),
        }  # fmt: skip
        for name, pixels in made.items():
            bits.setdefault(name, []).append(int(np.unpackbits(perceptual_hash(pixels) ^ own).sum()))
    for name, found in bits.items():
        print(f"{name}: {np.median(found):.0f}, at most {max(found)}")
    turned = np.stack([both_hashes(np.asarray(Image.open(path).convert("RGB")))[1] for path in paths])
    print(f"closest images: {near_pairs(hashes, BITS).bits.min()}; mirrored: {nearest(turned, hashes).bits.min()}")


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
    print()
    copies([record.image for record in records], hashes)
    many = np.random.default_rng(0).integers(0, 256, (20_000, BITS // 8), dtype=np.uint8)
    started = time.perf_counter()
    near_groups(many)
    print(f"\n20,000 hashes compared with each other in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
