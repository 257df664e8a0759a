"""The work that is timed: each the code that training, scoring and prediction run, on inputs of KITTI's size."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from roadseg.bench.measure import Resource
from roadseg.config.recipes import recipe
from roadseg.config.settings import Config
from roadseg.data.decode import Sample
from roadseg.data.loading import Batch, collate
from roadseg.data.transforms import augment, generator_for
from roadseg.inference.predictor import Pipeline
from roadseg.labels import IGNORE
from roadseg.models.upsample import Grid, upsampled_classes
from roadseg.scoring.metrics import confusion_matrix
from roadseg.system.hardware import store_in_bfloat16
from roadseg.training.learner import Learner
from roadseg.training.losses import upsampled_cross_entropy_sum
from roadseg.training.prepare import build_network

RECIPE = "kitti-fcn8s"
CLASSES = 19
IMAGE = (375, 1242)
"""Height and width of most of KITTI's images."""
LOGITS = (512, 1024)
"""Height and width of what loss and metrics work on: half of Cityscapes' size."""
LOGITS_SHAPE = f"{CLASSES}x{LOGITS[0]}x{LOGITS[1]}"
VALUES = CLASSES * LOGITS[0] * LOGITS[1]
GRID = Grid(8)


class Machine(NamedTuple):
    """Where the work runs."""

    accelerator: Accelerator
    memory_format: torch.memory_format


class Work(NamedTuple):
    """A piece of work: what it is, the function to time, how many images it does, and what it cannot do without.

    That is at least `amount` of the `resource`, in words `floor_of`.
    """

    what: str
    run: Callable[[], object]
    images: int
    resource: Resource
    amount: float
    floor_of: str


def street_sample(height: int, width: int, seed: int = 0, classes: int = CLASSES) -> Sample:
    """Noise with blobs of classes and some ignored pixels."""
    rng = np.random.default_rng(seed)
    blobs = rng.integers(0, classes + 1, (height // 16 + 1, width // 16 + 1)).repeat(16, 0).repeat(16, 1)
    target = np.where(blobs == classes, IGNORE, blobs)[:height, :width].astype(np.uint8)
    image = rng.integers(0, 256, (3, height, width), dtype=np.uint8)
    return Sample(torch.from_numpy(image), torch.from_numpy(target))


def settings(name: str = RECIPE) -> Config:
    """A recipe as it trains from ImageNet's weights: its lower blocks frozen."""
    chosen = recipe(name)
    return chosen.model_copy(update={"model": chosen.model.model_copy(update={"weights": "imagenet"})})


def make_batch(config: Config) -> Batch:
    """A batch of augmented noise."""
    count = config.train.batch_size
    return collated([street_sample(*IMAGE, seed) for seed in range(count)], config, 0)


def collated(samples: list[Sample], config: Config, epoch: int) -> Batch:
    """A batch of the samples as this epoch augments them."""
    generators = [generator_for(0, epoch, str(number)) for number in range(len(samples))]
    items = [
        (*augment(sample, config.transforms, generator), "")
        for sample, generator in zip(samples, generators, strict=True)
    ]
    return collate(items, config.transforms.crop, config.transforms.normalise)


def flops_of(run: Callable[[], object]) -> int:
    """Floating point operations of a run's convolutions and products, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def make_learner(config: Config, classes: int, accelerator: Accelerator, layout: torch.memory_format) -> Learner:
    """A network with random weights, ready to learn as the settings say."""
    network = build_network(config, classes, pretrained=False)
    learner = Learner(network, accelerator, layout, torch.ones(classes, device=accelerator.device), None, 0)
    learner.begin_epoch()
    return learner


def train_work(machine: Machine) -> Work:
    """A step of the optimizer."""
    config = settings()
    learner = make_learner(config, CLASSES, machine.accelerator, machine.memory_format)
    batch = [make_batch(config)]
    weight = learner.weight(batch)

    def step() -> object:
        return learner.step(batch, 0, 1.0, weight)

    flops = flops_of(step)
    height, width = batch[0].targets.shape[1:]
    return Work(
        f"FCN-8s, {len(batch[0].ids)} x {width}x{height}", step, len(batch[0].ids),
        "flops", flops, f"{flops / 1e9:.0f} GFLOP of convolutions",
    )  # fmt: skip


def make_prediction(learner: Learner, image: Tensor, config: Config) -> Callable[[], Tensor]:
    """From an image in memory to each pixel's class, as `roadseg predict` does it; the network learns no more."""
    model = learner.network.eval()
    if learner.accelerator.mixed_precision == "bf16":
        store_in_bfloat16(model)
    device = learner.accelerator.device
    network = Pipeline(model, learner.grid, config.transforms, device, learner.memory_format, config.crf)
    image = image.to(device)
    return lambda: network(image).classes()


def infer_work(machine: Machine) -> Work:
    """From an image in memory to each pixel's class."""
    config = settings()
    learner = make_learner(config, CLASSES, machine.accelerator, machine.memory_format)
    predict = make_prediction(learner, street_sample(*IMAGE).image, config)
    flops = flops_of(predict)
    return Work(
        f"FCN-8s, {IMAGE[1]}x{IMAGE[0]}", predict, 1,
        "flops", flops, f"{flops / 1e9:.0f} GFLOP of convolutions",
    )  # fmt: skip


def _coarse(device: torch.device) -> Tensor:
    """Logits like a trained network's: smooth, a few classes ahead of the others."""
    cells = (LOGITS[0] // GRID.stride, LOGITS[1] // GRID.stride)
    return 3 * torch.randn(1, CLASSES, *cells, generator=torch.Generator().manual_seed(0)).to(device)


def loss_work(machine: Machine) -> Work:
    """Upsampling and cross entropy, forward and backward."""
    device = machine.accelerator.device
    logits, targets = _coarse(device).requires_grad_(), street_sample(*LOGITS).target[None].to(device)

    def loss() -> None:
        logits.grad = None
        upsampled_cross_entropy_sum(logits, targets, GRID)[0].backward()  # type: ignore[no-untyped-call]

    return Work(LOGITS_SHAPE, loss, 1, "exponentials", VALUES, f"{VALUES / 1e6:.1f} M exponentials")


def metrics_work(machine: Machine) -> Work:
    """Upsampling, the largest class and the confusion matrix."""
    device = machine.accelerator.device
    logits, target = _coarse(device), street_sample(*LOGITS).target.to(device)

    @torch.inference_mode()
    def score() -> Tensor:
        return confusion_matrix(upsampled_classes(logits, GRID, LOGITS)[0], target, CLASSES)

    return Work(LOGITS_SHAPE, score, 1, "comparisons", VALUES, f"{VALUES / 1e6:.1f} M comparisons")


def loader_work(machine: Machine) -> Work:
    """A batch of augmented images from decoded ones."""
    config = settings()
    samples = [street_sample(*IMAGE, seed) for seed in range(config.train.batch_size)]
    numbers = iter(range(10**9))

    def load() -> Batch:
        return collated(samples, config, next(numbers))

    batch = load()
    read = sum(sample.image.nbytes + sample.target.nbytes for sample in samples)
    written = batch.images.nbytes + batch.targets.nbytes
    return Work(
        f"{len(samples)} x {batch.targets.shape[2]}x{batch.targets.shape[1]}", load, len(samples),
        "bandwidth", read + written, f"{(read + written) / 2**20:.0f} MiB read and written once",
    )  # fmt: skip


WORK: dict[str, Callable[[Machine], Work]] = {
    "train": train_work,
    "infer": infer_work,
    "loss": loss_work,
    "metrics": metrics_work,
    "loader": loader_work,
}
"""What can be timed, by the word on the command line."""
