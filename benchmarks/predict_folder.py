"""Seconds an image of `roadseg predict`: decoding, computing and writing at once, beside one after the other.

python benchmarks/predict_folder.py [--recipe kitti-fcn8s] [--width 0.25] [--frames 2] [--rounds 3]

The sides take turns in one process, with a network of random weights, on the same built-in streets of KITTI's size, and
must write the same pictures. `one after the other` packs every picture at zlib's level 6, `packed fast` only those that
`roadseg predict` packs so.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from roadseg import data
from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.data.decode import read_image
from roadseg.data.streets import synthesize
from roadseg.inference.predict import COMPRESSION, Labelled, pictures, predict
from roadseg.inference.predictor import Predictor
from roadseg.inference.visualize import png
from roadseg.runs.run_dir import RunDir
from roadseg.system.files import write_bytes
from roadseg.system.processes import cpu_count
from roadseg.system.progress import Display
from roadseg.training.prepare import build_network


def untrained(path: Path, streets: Path, name: str, width: float) -> RunDir:
    """A run that consists of first weights."""
    config = overridden(recipe(name), {"model.width": width, "data.root": str(streets)})
    space, run = data.label_space(config.data), RunDir(path)
    run.create(config, space, data.load_records(config.data)[0])
    weights = build_network(config, len(space.classes), pretrained=False).model.state_dict()
    run.save_checkpoint("best", weights, {"epoch": 0, "step": 0, "mean_iou": None})
    return run


def one_after_the_other(run: RunDir, folder: Path, output: Path, compression: dict[str, int]) -> None:
    predictor = Predictor(run)
    for path in sorted(folder.iterdir()):
        image = read_image(path).permute(1, 2, 0).numpy()
        labelled = Labelled(path.stem, image, *predictor(image))
        for kind, picture in pictures(labelled, predictor.space).items():
            (output / kind).mkdir(parents=True, exist_ok=True)
            write_bytes(output / kind / f"{path.stem}.png", png(picture, compression[kind]))


def check_equal(first: Path, second: Path) -> None:
    """Both folders hold the same pictures, pixel for pixel."""
    names = sorted(path.relative_to(first) for path in first.rglob("*.png"))
    assert names == sorted(path.relative_to(second) for path in second.rglob("*.png"))
    for name in names:
        with Image.open(first / name) as one, Image.open(second / name) as other:
            assert np.array_equal(np.asarray(one), np.asarray(other)), name


def size_of(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*.png")) / 2**20


def measure(sides: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, work in sides.items():
            started = time.perf_counter()
            work()
            if number:  # the first one sets up
                seconds[name].append(time.perf_counter() - started)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="kitti-fcn8s")
    parser.add_argument("--width", type=float, default=0.25, help="of the network; 1 is its own")
    parser.add_argument("--frames", type=int, default=2, help="of each of four drives")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    threads = torch.get_num_threads()
    print(f"{cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {threads} threads, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = synthesize(folder / "streets", drives=4, frames=arguments.frames, width=1242, height=375)
        images = folder / "streets/training/image_2"
        run = untrained(folder / "run", folder / "streets", arguments.recipe, arguments.width)
        before, fast, now = folder / "before", folder / "fast", folder / "now"
        sides = {
            "one after the other": lambda: one_after_the_other(run, images, before, dict.fromkeys(COMPRESSION, 6)),
            "packed fast": lambda: one_after_the_other(run, images, fast, COMPRESSION),
            "roadseg predict": lambda: predict(run, [str(images)], now, Display()),
        }
        times = measure(sides, arguments.rounds)
        check_equal(before, now)
        base = statistics.median(times["one after the other"])
        for name, seconds in times.items():
            middle, spread = statistics.median(seconds), f"{min(seconds) / count:.3f}-{max(seconds) / count:.3f}"
            print(f"{name:<20} {middle / count:6.3f} s an image ({spread})  {base / middle:5.2f} x")
        print(f"{size_of(before) / count:.2f} MiB an image before, {size_of(now) / count:.2f} MiB now")


if __name__ == "__main__":
    main()
