"""Whether `roadseg suspects` finds errors that were planted in labels, and puts them first.

python benchmarks/planted_errors.py [--seeds 1 2 3] [--errors 60] [--epochs 40] [--work DIR]

For each seed other streets are drawn (24 drives of 4 frames), and errors of four kinds are planted in their labels,
in equal numbers, not more than one at a place: an object gets another class (swap), an object is labelled as what is
around it (drop), an object's label stands beside it (shift), and a patch of one class is called another (blob). A small
network is trained in three folds on the wrong labels, as a person would, and the suspects are ranked. A suspect is
right when at least half of its pixels lie where a label was changed; a second one on the same error is wrong.

Printed: how many of the first 10 are right, precision among the first k (k: the number of planted errors), recall among
more, average precision, that of the same suspects in random order (mean of 200), and what was found by kind.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from roadseg.cli.main import main as roadseg
from roadseg.curation.suspects import find
from roadseg.curation.suspects.regions import Region
from roadseg.data.streets import synthesize
from roadseg.labels import cityscapes
from roadseg.runs.arms import complete_runs
from roadseg.system.progress import Display

NAMES = ("swap", "drop", "shift", "blob")
OBJECTS = ("pole", "traffic light", "traffic sign", "person", "rider", "car", "truck", "bus", "motorcycle", "bicycle")
PATCHES = ("road", "sidewalk", "building", "wall", "fence", "vegetation", "terrain", "sky", "car")
SMALLEST, LARGEST = 100, 6000
"""Pixels of an object that is touched: smaller ones a person would hardly look at."""


@dataclass(frozen=True)
class Planted:
    """One error: its image, its kind, and the pixels whose label was changed, bool (H, W)."""

    image: str
    kind: str
    changed: np.ndarray


def objects(ids: np.ndarray) -> list[np.ndarray]:
    """Masks of the connected objects of a label map that are large enough."""
    by_name = {label.name: label.id for label in cityscapes("evaluation").classes}
    found = []
    for name in OBJECTS:
        parts, count = ndimage.label(ids == by_name[name], np.ones((3, 3)))
        masks = (parts == number for number in range(1, count + 1))
        found += [mask for mask in masks if SMALLEST <= mask.sum() <= LARGEST]
    return found


def filled(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The labels with those under `mask` taken from the nearest pixel outside it."""
    nearest = ndimage.distance_transform_edt(mask, return_distances=False, return_indices=True)
    return np.asarray(ids[tuple(nearest)])


def shifted(ids: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The labels with the object moved sideways by 40 to 80 % of its width."""
    columns = np.flatnonzero(mask.any(0))
    width = int(columns[-1] - columns[0] + 1)
    step = int(rng.choice([-1, 1])) * max(6, round(width * rng.uniform(0.4, 0.8)))
    result = filled(ids, mask)
    rows, places = np.nonzero(mask)
    inside = (places + step >= 0) & (places + step < ids.shape[1])
    result[rows[inside], places[inside] + step] = ids[rows[inside], places[inside]]
    return result


def blob(ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The labels with an ellipse of another class, of 100 to 700 pixels, where most is of one class."""
    by_name = {label.name: label.id for label in cityscapes("evaluation").classes}
    height, width = ids.shape
    rows, columns = np.ogrid[:height, :width]
    across, down = rng.uniform(8, 20), rng.uniform(5, 11)
    y, x = rng.uniform(down, height - down), rng.uniform(across, width - across)
    mask = ((rows - y) / down) ** 2 + ((columns - x) / across) ** 2 <= 1
    inside = np.bincount(ids[mask], minlength=256)
    others = [by_name[name] for name in PATCHES if inside[by_name[name]] == 0]
    result = ids.copy()
    if inside.max() >= 0.8 * mask.sum():
        result[mask] = rng.choice(others)
    return result


def damaged(ids: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """The labels with one error of a kind; unchanged where there is no place for it."""
    if kind == "blob":
        return blob(ids, rng)
    choice = objects(ids)
    if not choice:
        return ids
    mask = choice[rng.integers(len(choice))]
    if kind == "drop":
        return filled(ids, mask)
    if kind == "shift":
        return shifted(ids, mask, rng)
    by_name = {label.name: label.id for label in cityscapes("evaluation").classes}
    result = ids.copy()
    result[mask] = rng.choice([by_name[name] for name in OBJECTS if by_name[name] != ids[mask][0]])
    return result


def plant(root: Path, count: int, seed: int) -> list[Planted]:
    """Change the label files below `root`: `count` errors, the kinds in turn."""
    rng = np.random.default_rng([seed, 19])
    files = sorted((root / "training" / "semantic").glob("*.png"))
    original = {file: np.array(Image.open(file)) for file in files}
    labels = {file: ids.copy() for file, ids in original.items()}
    planted: list[Planted] = []
    while len(planted) < count:
        file = files[rng.integers(len(files))]
        before = labels[file]
        after = damaged(before, NAMES[len(planted) % len(NAMES)], rng)
        changed = after != before
        near = ndimage.binary_dilation(original[file] != before, iterations=12)
        if changed.sum() >= SMALLEST and not (near & changed).any():
            labels[file] = after
            planted.append(Planted(file.stem, NAMES[len(planted) % len(NAMES)], changed))
    for file, ids in labels.items():
        Image.fromarray(ids).save(file)
    return planted


def hits(regions: list[Region], planted: list[Planted]) -> list[int | None]:
    """For each region the planted error that it is the first to find, else None."""
    found: set[int] = set()
    result: list[int | None] = []
    for region in regions:
        left, top, right, bottom = region.box
        match = None
        for number, error in enumerate(planted):
            if error.image == region.image and number not in found:
                inside = (error.changed[top:bottom, left:right] & region.mask).sum()
                match = number if 2 * inside >= region.pixels else match
        if match is not None:
            found.add(match)
        result.append(match)
    return result


def average_precision(found: np.ndarray, total: int) -> float:
    """Mean over all planted errors of the precision where each is found; 0 for those that are not."""
    precision = np.cumsum(found) / np.arange(1, len(found) + 1)
    return float((precision * found).sum() / total)


def trial(folder: Path, seed: int, count: int, epochs: int) -> None:
    """Draw, plant, train, rank, and print."""
    streets, study = folder / "streets", folder / "study"
    synthesize(streets, drives=24, frames=4, seed=100 + seed)
    planted = plant(streets, count, seed)
    options = ["--folds", "3", "--train.epochs", str(epochs), "--transforms.crop", "128", "256", "--output", str(study)]
    assert roadseg(["study", "demo-fcn16s", "--data.root", str(streets), *options]) == 0
    suspects = find(complete_runs([study]), streets, Display()).suspects
    regions = [suspect.region for suspect in suspects]
    ranking = hits(regions, planted)
    found = np.array([match is not None for match in ranking])
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(found) for _ in range(200)]
    random = np.mean([average_precision(order, count) for order in shuffled])
    kinds = Counter(planted[match].kind for match in ranking[:count] if match is not None)
    of = count // len(NAMES)
    print(
        f"seed {seed}: {len(regions)} suspects, {count} errors; first 10: {found[:10].sum()} right; "
        f"precision at {count} (= recall there) {100 * found[:count].mean():.0f} %, "
        f"recall at {5 * count} {100 * found[: 5 * count].sum() / count:.0f} %, "
        f"among all {100 * found.sum() / count:.0f} %; average precision {average_precision(found, count):.3f}, "
        f"at random {random:.3f}; found in the first {count}: "
        + ", ".join(f"{name} {kinds[name]}/{of}" for name in NAMES),
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--errors", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--work", type=Path, help="folder to keep everything in; default: a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for seed in arguments.seeds:
            trial((arguments.work or Path(temporary)) / str(seed), seed, arguments.errors, arguments.epochs)


if __name__ == "__main__":
    main()
