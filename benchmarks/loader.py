"""A cached, augmented sample beside what the assignment's notebook does for one, and its share of a training step.

python benchmarks/loader.py [--data.root DIR] [--recipe kitti-fcn8s] [--rounds 20] [--with-step | --step-seconds S]

The notebook decodes image and label anew each time, resizes them with Pillow and makes tensors of them. The sides take
turns in one process on the same files: built-in streets of KITTI's size, unless there is a --data.root. Without
augmentation they must give the same labels, and pixels that differ by one level of 255 at most, as two ways of rounding
do. Samples are made by one thread, and their time is that of the processor, which other programs lengthen least.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from roadseg.config.recipes import recipe
from roadseg.config.settings import Config, Transforms
from roadseg.data.datasets import label_space, load_records
from roadseg.data.loading import Augmented, Batch, Samples, collate
from roadseg.data.records import Record
from roadseg.data.streets import synthesize
from roadseg.data.transforms import fixed_size
from roadseg.system.hardware import make_accelerator
from roadseg.system.processes import cpu_count
from roadseg.training.learner import Learner
from roadseg.training.prepare import build_network

NOTEBOOK = "notebook: decoded, resized"
SIZE = (256, 1024)
"""Height and width that the notebook resizes to."""
PLAIN = Transforms(resize=SIZE, flip=0, normalise=False)
FIXED = Transforms(resize=SIZE, flip=0.5, jitter=0.3)
SCALED = Transforms(resize=SIZE, scale=(0.7, 1.6), crop=SIZE, flip=0.5, jitter=0.3)


def notebook_sample(record: Record) -> tuple[Tensor, Tensor]:
    """Image in [0, 1] and label ids as the notebook makes them; `ToTensor` is written out."""
    with Image.open(record.image) as file:
        image = file.convert("RGB").resize(SIZE[::-1], Image.Resampling.BILINEAR)
    with Image.open(record.label) as file:
        label = file.convert("P").resize(SIZE[::-1])
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float().div(255)
    ids = torch.from_numpy(np.array(label)).float().div(255)
    return pixels, (ids * 255).type(torch.LongTensor)


def check_equal(samples: Samples) -> None:
    """Without augmentation both sides give the same."""
    plain = Augmented(samples, PLAIN, seed=0, epoch=0)
    for index, record in enumerate(samples.records):
        pixels, ids = notebook_sample(record)
        batch = collate([plain[index]], PLAIN.crop, PLAIN.normalise)
        assert batch.images[0].shape == pixels.shape
        assert float((batch.images[0] - pixels).abs().max()) < 1.01 / 255, record.image
        assert np.array_equal(samples.space.index_to_id[batch.targets[0].numpy()], ids.numpy()), record.label


def batch_of(samples: Samples, settings: Transforms, epoch: int, size: int) -> Batch:
    augmented = Augmented(samples, settings, seed=0, epoch=epoch)
    return collate(
        [augmented[(epoch * size + i) % len(samples)] for i in range(size)], settings.crop, settings.normalise
    )


def step_seconds(config: Config, samples: Samples) -> float:
    """The median of five steps of the optimizer after a first one."""
    accelerator, memory_format = make_accelerator(config.train.precision)
    network = build_network(config, len(samples.space.classes), pretrained=False)
    learner = Learner(network, accelerator, memory_format, None, config.train.clip, config.seed)
    learner.begin_epoch()
    seconds = []
    for number in range(6):
        batch = batch_of(samples, config.transforms, number, config.train.batch_size)
        started = time.perf_counter()
        learner.step([batch], number, 1.0, learner.weight([batch]))
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def measure(samples: Samples, config: Config, rounds: int) -> dict[str, list[float]]:
    """Processor seconds a sample of each side, which take turns; every round sees other images in another epoch.

    Images of one size are kept at that size, as in training.
    """
    size = config.train.batch_size
    sides = {
        NOTEBOOK: None,
        "roadseg: one size, as it is": PLAIN,
        "roadseg: one size, flip, colours": FIXED,
        "roadseg: scale, crop, flip, colours": SCALED,
        f"roadseg: {config.recipe}": config.transforms,
    }
    resized = Samples(samples.records, samples.space, budget_gib=4, size=SIZE)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, settings in sides.items():
            started = time.process_time()
            if settings is None:
                for i in range(size):
                    notebook_sample(samples.records[(number * size + i) % len(samples)])
            else:
                batch_of(resized if fixed_size(settings) else samples, settings, number, size)
            seconds[name].append((time.process_time() - started) / size)
    return {name: times[1:] for name, times in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data.root", dest="root", type=Path)
    parser.add_argument("--recipe", default="kitti-fcn8s")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--step-seconds", type=float, help="of a training step of the recipe, if it is known")
    parser.add_argument("--with-step", action="store_true", help="measure it")
    arguments = parser.parse_args()
    config = recipe(arguments.recipe)
    threads = torch.get_num_threads()
    print(f"{cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {threads} threads, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.root is None:
            synthesize(Path(folder), drives=4, frames=-(-arguments.images // 4), width=1242, height=375)
        data = config.data.model_copy(update={"root": arguments.root or Path(folder), "classes": "all"})
        parts = load_records(data)[1]
        records = [record for part in parts.values() for record in part][: arguments.images]
        samples = Samples(records, label_space(data), data.cache_gib)
        make_accelerator("auto")  # as training does, which keeps freed memory
        check_equal(samples)
        torch.set_num_threads(1)
        times = measure(samples, config, arguments.rounds)
    base = statistics.median(times[NOTEBOOK])
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        spread = f"{1e3 * min(seconds):.2f}-{1e3 * max(seconds):.2f}"
        print(f"{name:<36} {1e3 * middle:7.2f} ms a sample ({spread})  {base / middle:5.1f} x", flush=True)
    torch.set_num_threads(threads)
    step = step_seconds(config, samples) if arguments.with_step else arguments.step_seconds
    if step:
        share = middle * config.train.batch_size / step
        print(f"a step of {config.recipe} takes {step:.3f} s; its samples take {100 * share:.2f} % of that")


if __name__ == "__main__":
    main()
