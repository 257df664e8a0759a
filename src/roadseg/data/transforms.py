"""Transforms of a sample. The random parameters are drawn first, from a given generator, and then applied."""

import hashlib
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from roadseg.config.settings import Transforms
from roadseg.data.decode import Sample

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of ImageNet's RGB values in [0, 1], as for torchvision's published weights."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of the same."""
LEVELS_MEAN = 255 * torch.tensor(IMAGENET_MEAN)[:, None, None]
"""`IMAGENET_MEAN` for values from 0 to 255, float32 (3, 1, 1)."""
LEVELS_STD = 255 * torch.tensor(IMAGENET_STD)[:, None, None]
"""`IMAGENET_STD` for values from 0 to 255, float32 (3, 1, 1)."""

GREY = torch.tensor([0.299, 0.587, 0.114])
"""Luma of ITU-R BT.601; its weights add up to 1."""

PADDING = torch.tensor([round(255 * mean) for mean in IMAGENET_MEAN], dtype=torch.uint8)
"""Colour of the padding of small images: ImageNet's mean, so about zero after normalisation."""


def fixed_size(settings: Transforms) -> tuple[int, int] | None:
    """Height and width of every training image before random cropping; None where a random scale changes them."""
    return settings.resize if settings.scale == (1, 1) else None


class Jitter(NamedTuple):
    """Factors of brightness, contrast and saturation; 1 changes nothing."""

    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0


NO_JITTER = Jitter()


class CropParams(NamedTuple):
    """Random parameters of one sample: a window (`rows`, `columns`), the `size` (height, width) that the window is
    resized to, whether it is flipped, and the change of colours."""

    rows: slice
    columns: slice
    size: tuple[int, int]
    flipped: bool
    jitter: Jitter


def generator_for(seed: int, epoch: int, record_id: str) -> np.random.Generator:
    """The generator of one sample in one epoch: the same whatever the number of workers, the order, or a resume."""
    digest = hashlib.sha256(f"{seed}/{epoch}/{record_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def augment(sample: Sample, settings: Transforms, rng: np.random.Generator) -> tuple[Sample, Jitter]:
    """The sample at a random scale, cropped and flipped; and the `Jitter` that `collate` applies.

    Where the scaled sample is smaller than `settings.crop`, so is the result. `collate` pads it.
    """
    params = draw((sample.target.shape[0], sample.target.shape[1]), settings, rng)
    return apply(sample, params), params.jitter


def draw(size: tuple[int, int], settings: Transforms, rng: np.random.Generator) -> CropParams:
    """Random scale, window, flip and colours, in this order, for a sample of `size` (height, width) pixels.

    The scale is drawn evenly on a logarithmic axis. The window is what a crop of the resized sample would show, to the
    nearest pixel of the sample, and lies anywhere with equal probability: only what is shown has to be resized.
    """
    low, high = np.log(settings.scale)
    factor = float(np.exp(rng.uniform(low, high)))
    height, width = (max(1, round(side * factor)) for side in settings.resize or size)
    crop = settings.crop or (height, width)
    shown = (min(height, crop[0]), min(width, crop[1]))
    rows = _window(size[0], shown[0] / height, rng)
    columns = _window(size[1], shown[1] / width, rng)
    flipped = bool(rng.random() < settings.flip)
    jitter = draw_jitter(settings.jitter, rng) if settings.jitter else NO_JITTER
    return CropParams(rows, columns, shown, flipped, jitter)


def _window(side: int, share: float, rng: np.random.Generator) -> slice:
    """A random part of `side` pixels: this share of them."""
    length = max(1, round(side * share))
    start = int(rng.integers(side - length + 1))
    return slice(start, start + length)


def draw_jitter(strength: float, rng: np.random.Generator) -> Jitter:
    """Each factor evenly from 1 - strength to 1 + strength."""
    return Jitter(*rng.uniform(1 - strength, 1 + strength, 3).tolist())


def apply(sample: Sample, params: CropParams) -> Sample:
    """Cut out the window, resize it, and flip it where `params` says so. Colours stay."""
    image, target = sample.image[:, params.rows, params.columns], sample.target[params.rows, params.columns]
    sample = resize(Sample(image, target), params.size)
    return Sample(sample.image.flip(-1), sample.target.flip(-1)) if params.flipped else sample


def resize(sample: Sample, size: tuple[int, int] | None) -> Sample:
    """Image bilinear with antialiasing, target nearest: class indices are never mixed. None keeps the size."""
    if size is None or tuple(sample.target.shape) == size:
        return sample
    return Sample(resize_image(sample.image, size), resize_target(sample.target, size))


def resize_image(image: UInt8[Tensor, "3 h w"], size: tuple[int, int]) -> UInt8[Tensor, "3 H W"]:
    """Bilinear with antialiasing, (height, width) pixels."""
    if tuple(image.shape[1:]) == size:
        return image
    # Only a CPU resizes bytes, and torch 2.13 fails an assertion of its own where one pixel is asked for.
    if image.device.type == "cpu" and size != (1, 1):
        pixels = image[None].contiguous(memory_format=torch.channels_last)
    else:
        pixels = image[None].float().contiguous()
    resized = F.interpolate(pixels, size=size, mode="bilinear", align_corners=False, antialias=True)[0]
    return resized.round_().to(torch.uint8)


def resize_target(target: UInt8[Tensor, "h w"], size: tuple[int, int]) -> UInt8[Tensor, "H W"]:
    """The pixel whose area holds the new pixel's centre, (height, width) pixels."""
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(target.shape, size, strict=True))
    # NumPy gathers bytes three times as fast as torch; whole rows first, which are copied as they are.
    return torch.from_numpy(target.numpy().take(rows, 0).take(columns, 1))


def change_colors(pixels: Float[Tensor, "3 h w"], jitter: Jitter) -> None:
    """Brightness, contrast around the mean grey, then saturation, in place; values from 0 to 255.

    The three are one linear map of a pixel's own value and its grey, and values are cut off at black and white once, at
    its end. Every pixel is computed alone and the mean is exact: the number of threads shows in no bit.
    """
    brightness, contrast, saturation = jitter
    gain = brightness * contrast
    # Whole numbers: the sum of a row is exact in float32, that of all rows in float64.
    mean = float(pixels.sum(-1).double().sum(-1) @ GREY.double()) / pixels[0].numel()
    red, green, blue = (gain * (1 - saturation) * GREY).tolist()
    shared = (pixels[0] * red).add_(pixels[1], alpha=green).add_(pixels[2], alpha=blue)
    shared += brightness * (1 - contrast) * mean
    torch.add(shared, pixels, alpha=gain * saturation, out=pixels).clamp_(0, 255)


def network_input(images: UInt8[Tensor, "*b 3 h w"], normalise: bool) -> Float[Tensor, "*b 3 h w"]:
    """Images as the network takes them: normalised, or in [0, 1] where the settings ask for that."""
    return scale_levels(images.float(), normalise)


def scale_levels(images: Float[Tensor, "*b 3 h w"], normalise: bool) -> Float[Tensor, "*b 3 h w"]:
    """Values from 0 to 255 as the network takes them, in place: ImageNet's mean 0 and deviation 1, or in [0, 1]."""
    if not normalise:
        return images.div_(255)
    return images.sub_(LEVELS_MEAN.to(images.device)).div_(LEVELS_STD.to(images.device))
