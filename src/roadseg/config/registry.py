"""What settings can name: networks, data sets and losses. A line each says what it is and, as text, where it is made.

Text, because settings, recipes and `--help` do without torch and stand below the rooms that make these things
(docs/decisions/0026-registry.md). The contract tests load every line and hold it against what it makes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar

from roadseg.errors import ConfigError, closest

Line = TypeVar("Line")


@dataclass(frozen=True)
class Network:
    """A network of `roadseg.models`.

    made_by: `module:class`, called with the number of classes, the width, those settings that `options` names, and
        `arguments`.
    options: the settings of `config.settings.Model` that it has, besides its width and its first weights.
    stride: pixels between two cells of its coarsest features; no input may be smaller.
    blocks: parts of its trunk that can be frozen one by one.
    finer: the same network with skips down to stride 8.
    """

    title: str
    made_by: str
    options: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    stride: int = 32
    blocks: int = 5
    finer: str | None = None


FCN = ("batch_norm", "padding", "upsampling", "head", "dropout")

NETWORKS: dict[str, Network] = {
    "fcn32s": Network("FCN-32s", "roadseg.models.fcn:FCN", FCN, {"stride": 32}, finer="fcn8s"),
    "fcn16s": Network("FCN-16s", "roadseg.models.fcn:FCN", (*FCN, "skips"), {"stride": 16}, finer="fcn8s"),
    "fcn8s": Network("FCN-8s", "roadseg.models.fcn:FCN", (*FCN, "skips"), {"stride": 8}),
    "fcn32_decoder": Network(
        "FCN-pytorch's FCN-32s", "roadseg.models.decoder:Decoder", ("batch_norm",), {"skips": 0}, finer="fcn8_decoder"
    ),
    "fcn16_decoder": Network(
        "the assignment's FCN-16", "roadseg.models.decoder:Decoder", ("batch_norm",), {"skips": 1}, finer="fcn8_decoder"
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


@dataclass(frozen=True)
class DataSet:
    """A data set of `roadseg.data.layouts`, and what its recipes begin with.

    made_by: `module:name` of its `data.layouts.dataset.Dataset`.
    crop: height and width of the random crop in pixels; `scale`, `jitter` and `epochs` as in the settings.
    """

    title: str
    made_by: str
    crop: tuple[int, int] = (320, 320)
    scale: tuple[float, float] = (0.7, 1.6)
    jitter: float = 0.2
    epochs: int = 30


DATASETS: dict[str, DataSet] = {
    "camvid": DataSet(
        "CamVid, 367 + 101 frames of 480x360, 11 classes", "roadseg.data.layouts.camvid:DATASET", jitter=0.3, epochs=12
    ),
    "kitti": DataSet(
        "KITTI, 200 images of about 1242x375, 19 classes", "roadseg.data.layouts.kitti:DATASET", crop=(320, 640)
    ),
    "cityscapes": DataSet(
        "Cityscapes, 2975 + 500 frames of 2048x1024, 19 classes", "roadseg.data.layouts.cityscapes:DATASET",
        crop=(512, 768), scale=(0.5, 1.5), epochs=40,
    ),
    "folder": DataSet("your own images, described by a roadseg.yaml", "roadseg.data.layouts.folder:DATASET"),
}  # fmt: skip


LOSSES: dict[str, str] = {
    "cross_entropy": "roadseg.training.losses:upsampled_cross_entropy_sum",
    "focal": "roadseg.training.losses:upsampled_focal_sum",
}
"""`module:function` of each loss, a `training.losses.Loss`."""


def entry(kind: str, table: Mapping[str, Line], name: str) -> Line:
    """The line of that name. Raises `ConfigError` with the closest name and the choices."""
    if name not in table:
        raise ConfigError(f"no {kind} {name!r}; {closest(name, table)}choices: {', '.join(table)}")
    return table[name]


def load(made_by: str) -> Any:
    """What `module:name` stands for."""
    module, _, name = made_by.partition(":")
    return getattr(import_module(module), name)
