"""Named experiments: functions that return a whole configuration. Variants change a few lines."""

from __future__ import annotations

import difflib
from functools import partial

from roadseg.config.registry import NETWORKS
from roadseg.config.settings import Config, Crf, Data, Model, Optimizer, Split, Train, Transforms
from roadseg.errors import ConfigError

# The pretrained trunk at a tenth of the head's rate, two 512-wide layers in place of fc6 and fc7, much augmentation:
# what a few hundred images bear.
FINE_TUNING = Optimizer(
    name="adamw", lr=5e-4, trunk_lr=5e-5, frozen_blocks=2, weight_decay=1e-2, schedule="poly", warmup=0.02
)


def _model(network: str, **wanted: float | str) -> Model:
    """The network with those of the wanted settings that it has."""
    own = {key: value for key, value in wanted.items() if key in ("width", *NETWORKS[network].options)}
    return Model.model_validate({"name": network} | own)


def camvid(network: str) -> Config:
    """CamVid, 367 + 101 frames of 480x360, 11 classes."""
    return Config(
        recipe=f"camvid-{network}",
        data=Data(name="camvid"),
        transforms=Transforms(scale=(0.7, 1.6), crop=(320, 320), flip=0.5, jitter=0.3),
        model=_model(network, head="light", dropout=0.2),
        optimizer=FINE_TUNING,
        train=Train(epochs=12, batch_size=4, class_weights="log"),
    )


def kitti(network: str) -> Config:
    """KITTI, 200 images of about 1242x375, 19 classes."""
    return Config(
        recipe=f"kitti-{network}",
        data=Data(name="kitti"),
        transforms=Transforms(scale=(0.7, 1.6), crop=(320, 640), flip=0.5, jitter=0.2),
        model=_model(network, head="light", dropout=0.2),
        optimizer=FINE_TUNING,
        train=Train(epochs=30, batch_size=4, class_weights="log"),
    )


def cityscapes(network: str) -> Config:
    """Cityscapes, 2975 + 500 frames of 2048x1024, 19 classes."""
    return Config(
        recipe=f"cityscapes-{network}",
        data=Data(name="cityscapes"),
        transforms=Transforms(scale=(0.5, 1.5), crop=(512, 768), flip=0.5, jitter=0.2),
        model=_model(network, head="light", dropout=0.2),
        optimizer=FINE_TUNING,
        train=Train(epochs=40, batch_size=4, class_weights="log"),
    )


def folder(network: str) -> Config:
    """your own images, described by a roadseg.yaml."""
    return Config(
        recipe=f"folder-{network}",
        data=Data(name="folder"),
        transforms=Transforms(scale=(0.7, 1.6), crop=(320, 320), flip=0.5, jitter=0.2),
        model=_model(network, head="light", dropout=0.2),
        optimizer=FINE_TUNING,
        train=Train(epochs=30, batch_size=4, class_weights="log"),
    )


def demo(network: str) -> Config:
    """built-in streets, small, from random weights."""
    return Config(
        recipe=f"demo-{network}",
        data=Data(name="kitti"),
        transforms=Transforms(scale=(0.8, 1.25), crop=(128, 256), flip=0.5, jitter=0.2),
        model=_model(network, width=0.25, batch_norm=True, head="light", dropout=0.1),
        optimizer=Optimizer(name="adamw", lr=2e-3, weight_decay=1e-2, schedule="poly", warmup=0.05),
        train=Train(epochs=30, batch_size=4, class_weights="log"),
    )


ASSIGNMENT = {"fcn32s": "fcn32s", "fcn16": "fcn16_decoder"}
"""The two networks of the course assignment, as its recipes call them."""


def kitti_assignment(name: str) -> Config:
    """KITTI as in the assignment, 256x1024, 35 classes, SGD."""
    return Config(
        recipe=f"kitti-assignment-{name}",
        data=Data(name="kitti", classes="all", split=Split(scheme="random")),
        transforms=Transforms(resize=(256, 1024), score_at="input", flip=0.0, normalise=False),
        model=_model(ASSIGNMENT[name], padding="caffe", upsampling="learned"),
        optimizer=Optimizer(name="sgd", lr=1e-3, momentum=0.99, schedule="constant"),
        train=Train(epochs=100, batch_size=1, shuffle=False, precision="fp32"),
    )


DATA_SETS = {"camvid": camvid, "kitti": kitti, "cityscapes": cityscapes, "folder": folder, "demo": demo}

CRF = "_crf"
"""What the recipes end in that are another recipe with a fully connected CRF over its predictions."""


def with_crf(name: str) -> Config:
    """The recipe `name`, its predictions refined by a fully connected CRF."""
    return recipe(name).model_copy(update={"recipe": name + CRF, "crf": Crf(iterations=5)})


RECIPES: dict[str, partial[Config]] = {
    f"{data}-{network}": partial(make, network) for data, make in DATA_SETS.items() for network in NETWORKS
} | {f"kitti-assignment-{name}": partial(kitti_assignment, name) for name in ASSIGNMENT}
RECIPES |= {f"{data}-fcn8s{CRF}": partial(with_crf, f"{data}-fcn8s") for data in DATA_SETS}


def describe(name: str) -> str:
    """One line about a recipe."""
    settings = recipe(name)
    about = (RECIPES[name.removesuffix(CRF)].func.__doc__ or "").splitlines()[0].rstrip(".")
    return f"{NETWORKS[settings.model.name].title}{' and a CRF' if settings.crf.iterations else ''} on {about}"


def recipe(name: str) -> Config:
    """The configuration of a recipe. Raises `ConfigError` with the closest name for an unknown one."""
    if name not in RECIPES:
        close = difflib.get_close_matches(name, RECIPES, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"no recipe {name!r}; {hint}roadseg recipes lists them")
    return RECIPES[name]()
