"""Networks by name. Each maps normalised images (B, 3, H, W) to coarse logits and says in `grid` where they lie."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from roadseg.config import Model
from roadseg.errors import ConfigError
from roadseg.models.base import SegmentationModel
from roadseg.models.decoder import FCN16Decoder
from roadseg.models.fcn import FCN

__all__ = ["MODELS", "SegmentationModel", "build"]


def _fcn(stride: int) -> Callable[[Model, int], SegmentationModel]:
    def build_fcn(settings: Model, classes: int) -> SegmentationModel:
        options = settings.model_dump(exclude={"name", "weights", "from_run"})
        return FCN(classes, stride, **options)  # type: ignore[arg-type]

    return build_fcn


def _decoder(settings: Model, classes: int) -> SegmentationModel:
    if settings.padding != "same":
        raise ConfigError(f"{settings.name} has no padding {settings.padding!r}; use 'same'")
    return FCN16Decoder(classes, width=settings.width, batch_norm=settings.batch_norm)


MODELS: dict[str, Callable[[Model, int], SegmentationModel]] = {
    "fcn32s": _fcn(32),
    "fcn16s": _fcn(16),
    "fcn8s": _fcn(8),
    "fcn16_decoder": _decoder,
}


def build(settings: Model, classes: int) -> SegmentationModel:
    """The network with random weights from torch's current random state. Raises `ConfigError` for an unknown name."""
    if settings.name not in MODELS:
        close = difflib.get_close_matches(settings.name, MODELS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"no model {settings.name!r}; {hint}choices: {', '.join(MODELS)}")
    return MODELS[settings.name](settings, classes)
