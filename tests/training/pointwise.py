"""A network that needs no training, and labelled images for it, to compare evaluations with direct computations."""

from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn

from roadseg.config.settings import Transforms
from roadseg.data.records import Record
from roadseg.inference.predictor import Pipeline
from roadseg.labels import Label, LabelSpace
from roadseg.models.upsample import Grid

SPACE = LabelSpace(
    name="three",
    classes=tuple(Label(name=name, id=i, color=(i, 0, 0)) for i, name in enumerate(["road", "car", "sky"])),
    ignored=(Label(name="void", id=9, color=(0, 0, 0)),),
)


class Pointwise(nn.Module):
    """Three classes from the colour of each pixel, or with a stride of each cell; drops out in training."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.score = nn.Conv2d(3, 3, 1)
        self.drop = nn.Dropout(0.5)
        with torch.no_grad():
            self.score.weight.copy_(2 * torch.eye(3)[..., None, None])
            self.score.bias.copy_(torch.tensor([0.1, 0.0, -0.1]))

    def forward(self, images: Tensor) -> Tensor:
        cells = nn.functional.avg_pool2d(images, self.stride, ceil_mode=True) if self.stride > 1 else images
        return self.score(self.drop(cells))


def pipeline(
    stride: int, transforms: Transforms, layout: torch.memory_format = torch.contiguous_format, temperature: float = 1.0
) -> Pipeline:
    """The network in evaluation mode, and its way from pixels to logits."""
    device = Accelerator().device
    model = Pointwise(stride).to(device, memory_format=layout).eval()
    return Pipeline(model, Grid(stride), transforms, device, layout, temperature=temperature)


def write_records(folder: Path) -> list[Record]:
    """Four images of different sizes from two drives, some pixels ignored."""
    rng = np.random.default_rng(0)
    made = []
    for number, (height, width) in enumerate([(8, 12), (9, 7), (16, 16), (5, 20)]):
        image, label = folder / f"{number}.png", folder / f"{number}_label.png"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(image)
        Image.fromarray(rng.choice(np.array([0, 1, 2, 9], np.uint8), (height, width))).save(label)
        made.append(Record(str(number), image, label, f"drive {number % 2}"))
    return made


class OneOfTwo(Accelerator):
    """One of two processes; adding up is left to the test."""

    process_index = 0
    num_processes = 2

    def reduce(self, tensor: Tensor) -> Tensor:
        return tensor


class TheOther(OneOfTwo):
    process_index = 1
