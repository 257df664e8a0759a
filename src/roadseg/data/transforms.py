"""Transforms of a sample. Random ones draw from the generator that they are given and keep no state of their own."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from roadseg.config import Transforms
from roadseg.data.decode import Sample
from roadseg.labels import IGNORE

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of RGB in [0, 1]: what torchvision's VGG16 weights were trained with."""

GREY = torch.tensor([0.299, 0.587, 0.114])
"""Luma of ITU-R BT.601."""

PADDING = torch.tensor([round(255 * mean) for mean in IMAGENET_MEAN], dtype=torch.uint8)
"""Colour of what a crop adds to a small image: zero after normalisation."""


def generator_for(seed: int, epoch: int, record_id: str) -> np.random.Generator:
    """The generator of one sample in one epoch: the same whatever the number of workers, the order, or a resume."""
    digest = hashlib.sha256(f"{seed}/{epoch}/{record_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def augment(sample: Sample, settings: Transforms, rng: np.random.Generator) -> Sample:
    """Resize, random scale, random crop, flip and colour jitter, in this order, as far as `settings` ask for them."""
    height, width = settings.resize or (sample.image.shape[1], sample.image.shape[2])
    low, high = np.log(settings.scale)
    factor = float(np.exp(rng.uniform(low, high)))
    sample = resize(sample, (max(1, round(height * factor)), max(1, round(width * factor))))
    if settings.crop:
        sample = random_crop(sample, settings.crop, rng)
    if rng.random() < settings.flip:
        sample = Sample(sample.image.flip(-1), sample.target.flip(-1))
    if settings.jitter:
        sample = Sample(jitter(sample.image, settings.jitter, rng), sample.target)
    return sample


def resize(sample: Sample, size: tuple[int, int]) -> Sample:
    """Image bilinear with antialiasing, target nearest: class indices are never mixed."""
    if tuple(sample.target.shape) == size:
        return sample
    target = F.interpolate(sample.target[None, None], size=size, mode="nearest-exact")[0, 0]
    return Sample(resize_image(sample.image, size), target)


def resize_image(image: UInt8[Tensor, "3 h w"], size: tuple[int, int]) -> UInt8[Tensor, "3 H W"]:
    """Bilinear with antialiasing, (height, width) pixels."""
    if tuple(image.shape[1:]) == size:
        return image
    # Only a CPU resizes bytes, and torch 2.13 fails an assertion of its own where one pixel is asked for.
    pixels = image if image.device.type == "cpu" and size != (1, 1) else image.float()
    resized = F.interpolate(pixels[None], size=size, mode="bilinear", align_corners=False, antialias=True)[0]
    return resized.round_().to(torch.uint8)


def random_crop(sample: Sample, size: tuple[int, int], rng: np.random.Generator) -> Sample:
    """A window of `size`; what it lacks is added at the right and the bottom as ignored pixels."""
    sample = pad(sample, (max(size[0], sample.target.shape[0]), max(size[1], sample.target.shape[1])))
    top = int(rng.integers(sample.target.shape[0] - size[0] + 1))
    left = int(rng.integers(sample.target.shape[1] - size[1] + 1))
    window = (slice(top, top + size[0]), slice(left, left + size[1]))
    return Sample(sample.image[:, *window], sample.target[window])


def pad(sample: Sample, size: tuple[int, int]) -> Sample:
    """The sample in the top left corner of a canvas of `size`; the rest is mean colour and `IGNORE`."""
    height, width = sample.target.shape
    if (height, width) == size:
        return sample
    image = PADDING[:, None, None].expand(3, *size).clone()
    target = torch.full(size, IGNORE, dtype=torch.uint8)
    image[:, :height, :width] = sample.image
    target[:height, :width] = sample.target
    return Sample(image, target)


def jitter(image: UInt8[Tensor, "3 h w"], strength: float, rng: np.random.Generator) -> UInt8[Tensor, "3 h w"]:
    """Brightness, contrast and saturation, each by a factor from 1 - strength to 1 + strength."""
    brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
    pixels = image.float() * float(brightness)
    mean = (pixels.mean(dim=(1, 2)) * GREY).sum()
    pixels = mean + (pixels - mean) * float(contrast)
    grey = (pixels * GREY[:, None, None]).sum(0, keepdim=True)
    return (grey + (pixels - grey) * float(saturation)).round_().clamp_(0, 255).to(torch.uint8)


def network_input(images: UInt8[Tensor, "b 3 h w"], settings: Transforms) -> Float[Tensor, "b 3 h w"]:
    """Images as the network takes them: normalised, or in [0, 1] where the settings ask for that."""
    return normalise(images) if settings.normalise else images.float() / 255


def normalise(images: UInt8[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """[0, 1], less ImageNet's mean, over its standard deviation."""
    mean = 255 * torch.tensor(IMAGENET_MEAN, device=images.device)[:, None, None]
    std = 255 * torch.tensor(IMAGENET_STD, device=images.device)[:, None, None]
    return (images.float() - mean) / std
