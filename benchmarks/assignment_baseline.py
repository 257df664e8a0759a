"""Seconds and memory of what the course assignment's notebook does: the yardstick of benchmarks/speed_table.py.

python benchmarks/assignment_baseline.py [--rounds 3] [--output FILE.json]

VGG16 with 100 pixels of padding, fc6 and fc7 of 4096, 35 classes, a dense learned 64x64 transposed convolution of
stride 32, float32, NCHW, batches of one image of 256x1024, SGD with momentum 0.99; PNGs decoded and resized with Pillow
for each sample; evaluation that concatenates all predictions and labels and calls scikit-learn's `jaccard_score` twice.
Network and data set are those of tests/notebook.py, which the tests compare with roadseg's.

Two things that the notebook does not have are timed as anyone would write them: the loss of coarse logits (interpolate,
then cross entropy), and a step of FCN-8s on CamVid (a bfloat16 autocast loop). roadseg's memory setting
(`keep_freed_memory`) is not on.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import jaccard_score
from torch import Tensor, nn
from torch.nn import functional

from roadseg.bench.measure import extra_memory, in_turn
from roadseg.bench.work import street_sample
from roadseg.config.settings import Model
from roadseg.data.streets import synthesize
from roadseg.labels import IGNORE
from roadseg.models import build
from roadseg.system.hardware import forget_peak_memory, peak_memory_gib
from roadseg.system.processes import cpu_count

sys.path.append(str(Path(__file__).parents[1] / "tests/training"))

import notebook

SIZE, CLASSES = (256, 1024), 35
CHANNELS = [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
CPU = torch.device("cpu")
KITTI_SIZE = {"width": 1242, "height": 375}
IMAGES = 30
ABOUT = {
    "step": "training step, FCN-32s, 1 x 256x1024",
    "predict": "prediction of 1 image",
    "score": f"scores of {IMAGES} images after the network",
    "samples": "4 samples decoded and resized",
    "loss": "upsampling, cross entropy and gradient, 19x512x1024",
    "plain step": "training step, FCN-8s, 4 x 320x320, bfloat16 autocast",
}


def make_network(dropout: float = 0.5) -> nn.Module:
    """FCN-32s with random weights."""
    torch.manual_seed(0)
    return notebook.FCN32(CHANNELS, 4096, CLASSES, dropout)


def make_step(network: nn.Module, images: Tensor, targets: Tensor) -> Callable[[], float]:
    """A step of the optimizer; it returns the loss."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.001, momentum=0.99)
    criterion = nn.CrossEntropyLoss()

    def step() -> float:
        network.train()
        loss = criterion(network(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


@torch.no_grad()
def predict(network: nn.Module, images: Tensor) -> Tensor:
    """The class of each pixel, int64 (1, H, W)."""
    network.eval()
    return torch.max(network(images), 1).indices


def score(outputs: Tensor, labels: list[Tensor]) -> tuple[float, float]:
    """Micro and macro IoU of images whose logits (1, C, H, W) are all `outputs`."""
    predlist, labellist = torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)
    for label in labels:
        predlist = torch.cat([predlist, torch.max(outputs, 1).indices.view(-1)])
        labellist = torch.cat([labellist, label.view(-1)])
    truth, found = labellist.numpy(), predlist.numpy()
    return jaccard_score(truth, found, average="micro"), jaccard_score(truth, found, average="macro")


def draw_streets(root: Path) -> list[str]:
    """Four images of KITTI's size; their ids."""
    synthesize(root, drives=2, frames=2, **KITTI_SIZE)
    return sorted(path.stem for path in (root / "training/image_2").glob("*.png"))


def make_loss() -> Callable[[], float]:
    """Upsampling and cross entropy of 19 classes at 512x1024 from stride 8, forward and backward."""
    generator = torch.Generator().manual_seed(0)
    logits = (3 * torch.randn(1, 19, 64, 128, generator=generator)).requires_grad_()
    targets = street_sample(512, 1024).target[None].long()

    def loss() -> float:
        logits.grad = None
        pixels = functional.interpolate(logits, scale_factor=8, mode="bilinear", align_corners=False)
        value = functional.cross_entropy(pixels, targets, ignore_index=IGNORE, reduction="sum")
        value.backward()
        return float(value.detach())

    return loss


def make_plain_step() -> Callable[[], float]:
    """A step of FCN-8s on 4 crops of 320x320 as a plain loop does it: bfloat16 by autocast, all layers trained."""
    torch.manual_seed(0)
    network = build(Model(name="fcn8s", head="light", dropout=0.2), 11)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-5)
    images, targets = torch.randn(4, 3, 320, 320), torch.randint(11, (4, 320, 320))

    def step() -> float:
        with torch.autocast("cpu", torch.bfloat16):
            coarse = network(images)
        pixels = functional.interpolate(coarse.float(), scale_factor=8, mode="bilinear", align_corners=False)
        loss = functional.cross_entropy(pixels, targets, ignore_index=IGNORE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def measure(rounds: int) -> dict[str, Any]:
    """Timings (median, least, most) in seconds by name, and memory."""
    with tempfile.TemporaryDirectory() as folder:
        ids = draw_streets(Path(folder) / "streets")
        samples = notebook.KittyDataset(Path(folder) / "streets", ids, SIZE)
        images, targets = next(iter(samples))
        forget_peak_memory(CPU)
        network = make_network()
        step = make_step(network, images, targets)
        works: dict[str, Callable[[], object]] = {"step": step, "predict": lambda: predict(network, images)}
        timings = in_turn(works, rounds, CPU)
        memory = {"step GiB": peak_memory_gib(CPU), "loss MiB": extra_memory(make_loss(), CPU)}
        outputs, labels = network(images).detach(), [targets] * IMAGES
        works = {
            "score": lambda: score(outputs, labels),
            "samples": lambda: list(samples),
            "loss": make_loss(),
            "plain step": make_plain_step(),
        }
        timings |= in_turn(works, rounds, CPU)
    return {"timings": timings, "memory": memory}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    result = measure(arguments.rounds)
    if arguments.output:
        arguments.output.write_text(json.dumps(result))
    print(f"cpu, {cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for name, timing in result["timings"].items():
        print(f"{ABOUT[name]:<60} {timing.median:7.3f} s ({timing.low:.3f}-{timing.high:.3f})")
    memory = result["memory"]
    print(f"peak memory of training {memory['step GiB']:.2f} GiB, of the loss {memory['loss MiB']:.0f} MiB more")


if __name__ == "__main__":
    main()
