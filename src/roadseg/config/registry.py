"""What settings can name: networks. A line each says what it is and, as text, where it is made.

Text, because settings, recipes and `--help` do without torch and stand below the rooms that make these things
(docs/decisions/0026-registry.md). The contract tests load every line and hold it against what it makes.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar

from roadseg.errors import ConfigError

Line = TypeVar("Line")


@dataclass(frozen=True)
class Network:
    """A network of `roadseg.models`.

    made_by: `module:class`, called with the number of classes, the width, those settings that `options` names, and
        `arguments`.
    options: the settings of `config.settings.Model` that it has, besides its width and its first weights.
    stride: pixels between two cells of its coarsest features; no input may be smaller.
    blocks: parts of its trunk that can be frozen one by one.
    """

    title: str
    made_by: str
    options: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    stride: int = 32
    blocks: int = 5


FCN = ("batch_norm", "padding", "upsampling", "head", "dropout")

NETWORKS: dict[str, Network] = {
    "fcn32s": Network("FCN-32s", "roadseg.models.fcn:FCN", FCN, {"stride": 32}),
    "fcn16s": Network("FCN-16s", "roadseg.models.fcn:FCN", (*FCN, "skips"), {"stride": 16}),
    "fcn8s": Network("FCN-8s", "roadseg.models.fcn:FCN", (*FCN, "skips"), {"stride": 8}),
    "fcn32_decoder": Network(
        "FCN-pytorch's FCN-32s", "roadseg.models.decoder:Decoder", ("batch_norm",), {"skips": 0}
    ),
    "fcn16_decoder": Network(
        "the assignment's FCN-16", "roadseg.models.decoder:Decoder", ("batch_norm",), {"skips": 1}
    ),
    "fcn8_decoder": Network("FCN-pytorch's FCN-8s", "roadseg.models.decoder:Decoder", ("batch_norm",), {"skips": 2}),
    "fcns": Network(
        "FCN-pytorch's FCNs", "roadseg.models.decoder:Decoder", ("batch_norm",), {"skips": 4, "normalise_first": True}
    ),
    "fcn_resnet18": Network("FCN-32s of ResNet-18", "roadseg.models.fcn_resnet18:FCNResNet18"),
    "segnet": Network("SegNet", "roadseg.models.segnet:SegNet", ("batch_norm",)),
    "unet": Network("U-Net", "roadseg.models.unet:UNet", ("batch_norm",)),
    "pspnet": Network("PSPNet", "roadseg.models.pspnet:PSPNet", ("batch_norm",), stride=8),
}  # fmt: skip


def entry(kind: str, table: Mapping[str, Line], name: str) -> Line:
    """The line of that name. Raises `ConfigError` with the closest name and the choices."""
    if name not in table:
        close = difflib.get_close_matches(name, table, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"no {kind} {name!r}; {hint}choices: {', '.join(table)}")
    return table[name]


def load(made_by: str) -> Any:
    """What `module:name` stands for."""
    module, _, name = made_by.partition(":")
    return getattr(import_module(module), name)
