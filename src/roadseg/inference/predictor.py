"""What a trained network, or several, make of an image: the one way from pixels to logits, classes and confidence.

`Pipeline` is the way of one network: resized and normalised pixels, the network, the CRF. Its `Logits` lie on the image
as their grid says. `Predictor` is what people use: one run or several, whose probabilities are averaged. Classes and
confidence are computed a few rows at a time, so that logits of the image's size exist only where the CRF needs them, or
where the network sees the image in another size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from PIL import Image
from torch import Tensor, nn

from roadseg import models
from roadseg.config.settings import Crf, Transforms
from roadseg.data.decode import WIDE_MODES, upright
from roadseg.data.transforms import network_input, resize_image
from roadseg.errors import DataError, RunError
from roadseg.inference.crf import refine
from roadseg.labels import LabelSpace
from roadseg.models import SegmentationModel
from roadseg.models.upsample import Bands, FirstMaximum, Grid, upsample, upsampled_classes
from roadseg.runs.arms import named_runs, same_classes
from roadseg.runs.run_dir import RunDir
from roadseg.system.hardware import choose_memory_format, choose_precision, named_device, store_in_bfloat16

NO_CRF = Crf(iterations=0)


@dataclass(frozen=True)
class Logits:
    """The final logits of one image: their values, where they lie on it, and its height and width."""

    values: Float[Tensor, "c h w"]
    grid: Grid
    size: tuple[int, int]

    def whole(self) -> Float[Tensor, "c H W"]:
        """Logits of the image's size."""
        return upsample(self.values[None], self.grid, self.size)[0]

    def classes(self) -> UInt8[Tensor, "H W"]:
        """Each pixel's class, the first one with the largest logit."""
        return upsampled_classes(self.values[None], self.grid, self.size)[0]

    @torch.inference_mode()
    def decide(self, temperatures: tuple[float, ...] = (1.0,)) -> tuple[UInt8[Tensor, "H W"], Float[Tensor, "t H W"]]:
        """Each pixel's class, and its probability for each of the temperatures, by which logits are divided."""
        bands = Bands(self.values, self.grid, self.size)
        maximum = FirstMaximum(bands)
        totals = self.values.new_empty(len(temperatures), bands.lines, bands.width)
        for rows, pixels in bands:
            peak = pixels.amax(0)
            maximum.update(rows, pixels, peak)
            pixels -= peak
            for total, temperature in zip(totals, temperatures, strict=True):
                torch.sum((pixels / temperature if temperature != 1 else pixels).exp(), 0, out=total[rows])
            del pixels  # before the next band is made
        height = self.size[0]
        return maximum.classes(height), totals[:, bands.above : bands.above + height].reciprocal()


@dataclass(frozen=True)
class Pipeline:
    """A network in evaluation mode, what an image goes through before it, and what its logits go through after it.

    `temperature` divides the logits where probabilities are made of them; `Logits` are not divided yet.
    """

    model: nn.Module
    grid: Grid
    transforms: Transforms
    device: torch.device
    memory_format: torch.memory_format = torch.contiguous_format
    crf: Crf = NO_CRF
    temperature: float = 1.0

    @torch.inference_mode()
    def __call__(self, image: UInt8[Tensor, "3 H W"]) -> Logits:
        """The final logits of an image on any device.

        Of the transforms those act that are not random: the network may see another size, and pixels of another range.
        """
        image = image.to(self.device)
        size = (image.shape[1], image.shape[2])
        input_size = self.transforms.resize or size
        pixels = network_input(resize_image(image, input_size)[None], self.transforms.normalise)
        logits, grid = self.model(pixels.contiguous(memory_format=self.memory_format)).float(), self.grid
        if input_size != size:
            logits, grid = upsample(logits, grid, input_size, size), Grid(1)
        if self.crf.iterations:
            logits, grid = refine(upsample(logits, grid, size), image, self.crf), Grid(1)
        return Logits(logits[0], grid, size)


@dataclass(frozen=True)
class Answer:
    """What networks say of one image; of several the mean of their probabilities. Tensors are on the networks' device.

    `logits` are theirs, and `temperatures` what they are divided by.
    """

    logits: tuple[Logits, ...]
    temperatures: tuple[float, ...]

    @property
    def size(self) -> tuple[int, int]:
        """The image's height and width."""
        return self.logits[0].size

    @torch.inference_mode()
    def decide(self) -> tuple[UInt8[Tensor, "H W"], Float[Tensor, "H W"]]:
        """Each pixel's most probable class, the first of equal ones, and its probability."""
        first = self.logits[0]
        if len(self.logits) == 1:
            classes, confidences = first.decide(self.temperatures)
            return classes, confidences[0]
        classes = torch.empty(self.size, dtype=torch.uint8, device=first.values.device)
        confidence = first.values.new_empty(self.size)
        for rows, probabilities in self._bands():
            confidence[rows], found = probabilities.max(0)
            classes[rows] = found.to(torch.uint8)
        return classes, confidence

    @torch.inference_mode()
    def probabilities(self) -> Float[Tensor, "c H W"]:
        """The probability of each class."""
        values = self.logits[0].values
        whole = values.new_empty(len(values), *self.size)
        for rows, probabilities in self._bands():
            whole[:, rows] = probabilities
        return whole

    @torch.inference_mode()
    def probability_of(self, classes: UInt8[Tensor, "H W"]) -> Float[Tensor, "H W"]:
        """The probability of a given class at each pixel."""
        found = self.logits[0].values.new_empty(self.size)
        wanted = classes.to(found.device)
        for rows, probabilities in self._bands():
            found[rows] = probabilities.gather(0, wanted[rows].long()[None])[0]
        return found

    def _bands(self) -> Iterator[tuple[slice, Float[Tensor, "c rows W"]]]:
        """Some of the image's rows at a time, and their probabilities."""
        members = [Bands(each.values, each.grid, each.size) for each in self.logits]
        height, step = self.size[0], min(bands.step * bands.grid.stride for bands in members)
        for start in range(0, height, step):
            rows = slice(start, min(start + step, height))
            total: Tensor | None = None
            for bands, temperature in zip(members, self.temperatures, strict=True):
                part = softmax(bands.image_rows(rows), temperature)
                total = part if total is None else total.add_(part)
            assert total is not None, "there is at least one network"
            yield rows, total.div_(len(members))


def softmax(pixels: Float[Tensor, "c h w"], temperature: float) -> Float[Tensor, "c h w"]:
    """Probabilities of logits / temperature, in place."""
    pixels.sub_(pixels.amax(0))
    probabilities = (pixels.div_(temperature) if temperature != 1 else pixels).exp_()
    return probabilities.mul_(probabilities.sum(0).reciprocal_())


class Prediction(NamedTuple):
    """An image's classes as indices of the label space, and the probability of each pixel's class."""

    classes: UInt8[np.ndarray, "H W"]
    confidence: Float32[np.ndarray, "H W"]


class Predictor:
    """The best network of a run, or of several, ready to predict: `Predictor(run)(image)`.

    Several runs answer with the mean of their probabilities. The run's resizing and normalisation, its CRF and its
    temperature (1 where none was fitted) are inside. `device` is a device as torch names it, or `auto`: the GPU where
    there is one. `space` are the classes.

    Images are uint8 (H, W, 3) RGB arrays, or pictures of Pillow; a JPEG as it was opened is turned upright, as its EXIF
    orientation says. Answers are NumPy arrays of the upright image's size. Raises `RunError` for what is no run, where
    a run is damaged or the runs have other classes, `ConfigError` for an unknown device, and where it is called
    `DataError` for what is no such image.

    >>> net = roadseg.Predictor(run)
    >>> answer = net(image)
    >>> answer.classes.shape == answer.confidence.shape == image.shape[:2]
    True
    """

    def __init__(self, runs: RunDir | Sequence[RunDir], device: str | torch.device = "auto") -> None:
        members = named_runs(runs)
        self.space: LabelSpace = same_classes(members)
        self.networks = tuple(load_pipeline(run, named_device(device)) for run in members)

    def __call__(self, image: np.ndarray | Image.Image) -> Prediction:
        """Each pixel's class, and its probability."""
        classes, confidence = self.answer(image_tensor(image)).decide()
        return Prediction(classes.cpu().numpy(), confidence.cpu().numpy())

    def classes(self, image: np.ndarray | Image.Image) -> UInt8[np.ndarray, "H W"]:
        """Each pixel's class, an index of the label space."""
        return self(image).classes

    def confidence(self, image: np.ndarray | Image.Image) -> Float32[np.ndarray, "H W"]:
        """The probability of each pixel's class."""
        return self(image).confidence

    def probabilities(self, image: np.ndarray | Image.Image) -> Float32[np.ndarray, "c H W"]:
        """The probability of every class."""
        found: np.ndarray = self.answer(image_tensor(image)).probabilities().cpu().numpy()
        return found

    def logits(self, image: np.ndarray | Image.Image) -> Float32[np.ndarray, "c H W"]:
        """Logits, not divided by the temperature; with a CRF, or of several networks, logarithms of probabilities."""
        answer = self.answer(image_tensor(image))
        whole = answer.logits[0].whole() if len(answer.logits) == 1 else answer.probabilities().log()
        found: np.ndarray = whole.cpu().numpy()
        return found

    def answer(self, image: UInt8[Tensor, "3 H W"]) -> Answer:
        """The answer to an image as a tensor, from which more than one thing can be taken."""
        logits = tuple(network(image) for network in self.networks)
        return Answer(logits, tuple(network.temperature for network in self.networks))


def load_pipeline(run: RunDir, device: torch.device) -> Pipeline:
    """The run's best network on a device, with the settings and the temperature of the run."""
    settings, model = run.config(), load_model(run)
    precision = choose_precision(device, settings.train.precision)
    memory_format = choose_memory_format(device, precision)
    model.to(device, memory_format=memory_format)  # type: ignore[call-overload]
    if precision == "bf16":
        store_in_bfloat16(model)
        model.forward = torch.autocast(device.type, torch.bfloat16)(model.forward)
    temperature = run.temperature() or 1.0
    return Pipeline(model, model.grid, settings.transforms, device, memory_format, settings.crf, temperature)


def load_model(run: RunDir, checkpoint: str = "best") -> SegmentationModel:
    """The run's network with the weights of a checkpoint, in evaluation mode on the CPU."""
    settings = run.config()
    model = models.build(settings.model, len(run.labels().classes))
    try:
        model.load_state_dict(run.weights(checkpoint))
    except RuntimeError as error:
        raise RunError(f"weights of {run.path} do not fit its config.json; restore both from one copy") from error
    return model.eval()


def image_tensor(image: np.ndarray | Image.Image) -> UInt8[Tensor, "3 H W"]:
    """A picture as the package holds it, upright. Raises `DataError` for another shape, type or depth."""
    if isinstance(image, Image.Image):
        if image.mode in WIDE_MODES:
            raise DataError(f"the picture has more than 8 bits a channel ({image.mode}); convert it to 8 bits")
        image = upright(image)
        opaque = image.convert("RGBA") if "transparency" in image.info else image  # in one step Pillow warns
        image = np.asarray(opaque.convert("RGB"))
    if not isinstance(image, np.ndarray):
        raise DataError(f"an image is a uint8 (H, W, 3) array or a picture of Pillow, no {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise DataError(f"an image is uint8 (H, W, 3) in RGB, not {image.dtype} {image.shape}; convert it")
    return torch.from_numpy(np.array(image, order="C")).permute(2, 0, 1)
