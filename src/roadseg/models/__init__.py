"""Networks by name. Each maps normalised images (B, 3, H, W) to coarse logits and says in `grid` where they lie.

At full width, with 19 classes; multiply-adds of an image of 1248x384, before logits are enlarged:

| name                                         | parameters | multiply-adds | stride of the logits |
|----------------------------------------------|------------|---------------|----------------------|
| fcn32s, fcn16s, fcn8s with the head vgg      | 134 M      | 203 G         | 32, 16, 8            |
| fcn32s, fcn16s, fcn8s with the head light    | 19.5 M     | 149 G         | 32, 16, 8            |
| fcn32_decoder, fcn16_decoder, fcn8_decoder, fcns | 18.6 M | 157 G         | 1                    |
| fcn_resnet18                                 | 12.7 M     | 18 G          | 1                    |
| segnet                                       | 29.4 M     | 298 G         | 1                    |
| unet                                         | 24.1 M     | 196 G         | 2                    |
| pspnet                                       | 19.7 M     | 222 G         | 8                    |
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial

from roadseg.config.settings import OPTIONS, Model
from roadseg.errors import ConfigError
from roadseg.models.base import SegmentationModel
from roadseg.models.decoder import Decoder
from roadseg.models.fcn import FCN
from roadseg.models.fcn_resnet18 import FCNResNet18
from roadseg.models.pspnet import PSPNet
from roadseg.models.segnet import SegNet
from roadseg.models.unet import UNet

__all__ = ["MODELS", "SegmentationModel", "build"]

MODELS: dict[str, Callable[..., SegmentationModel]] = {
    "fcn32s": partial(FCN, stride=32),
    "fcn16s": partial(FCN, stride=16),
    "fcn8s": partial(FCN, stride=8),
    "fcn32_decoder": partial(Decoder, skips=0),
    "fcn16_decoder": partial(Decoder, skips=1),
    "fcn8_decoder": partial(Decoder, skips=2),
    "fcns": partial(Decoder, skips=4, normalise_first=True),
    "fcn_resnet18": FCNResNet18,
    "segnet": SegNet,
    "unet": UNet,
    "pspnet": PSPNet,
}
"""Made from the number of classes, the width, and those settings of `config.Model` that `config.OPTIONS` names."""


def build(settings: Model, classes: int) -> SegmentationModel:
    """The network with random weights from torch's current random state. Raises `ConfigError` for an unknown name."""
    if settings.name not in MODELS:
        close = difflib.get_close_matches(settings.name, MODELS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"no model {settings.name!r}; {hint}choices: {', '.join(MODELS)}")
    options = settings.model_dump(include={"width", *OPTIONS[settings.name]})
    return MODELS[settings.name](classes, **options)
