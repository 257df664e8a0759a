"""Named experiments: functions that return a whole configuration. Variants change a few lines."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from roadseg.config.registry import DATASETS, NETWORKS
from roadseg.config.settings import Config, Crf, Data, Model, Optimizer, Split, Train, Transforms
from roadseg.errors import ConfigError, closest

# The pretrained trunk at a tenth of the head's rate, two 512-wide layers in place of fc6 and fc7, much augmentation:
# what a few hundred images bear.
FINE_TUNING = Optimizer(
    name="adamw", lr=5e-4, trunk_lr=5e-5, frozen_blocks=2, weight_decay=1e-2, schedule="poly", warmup=0.02
)


def _model(network: str, **wanted: float | str) -> Model:
    """The network with those of the wanted settings that it has."""
    own = {key: value for key, value in wanted.items() if key in ("width", *NETWORKS[network].options)}
    return Model.model_validate({"name": network} | own)


def fine_tuned(data: str, network: str) -> Config:
    """A network with a pretrained trunk on a data set of `config.registry.DATASETS`, as its line says."""
    line = DATASETS[data]
    return Config(
        recipe=f"{data}-{network}",
        data=Data(name=data),
        transforms=Transforms(scale=line.scale, crop=line.crop, flip=0.5, jitter=line.jitter),
        model=_model(network, head="light", dropout=0.2),
        optimizer=FINE_TUNING,
        train=Train(epochs=line.epochs, batch_size=4, class_weights="log"),
    )


def demo(network: str) -> Config:
    """built-in streets, small, from random weights."""
    return Config(
        recipe=f"demo-{network}",
        data=Data(name="kitti", split=Split(fractions=(0.6, 0.15, 0.25))),
        transforms=Transforms(scale=(0.8, 1.25), crop=(96, 128), flip=0.5, jitter=0.2),
        model=_model(network, width=0.25, batch_norm=True, head="light", dropout=0.1),
        optimizer=Optimizer(name="adamw", lr=2e-3, weight_decay=1e-2, schedule="poly", warmup=0.05),
        train=Train(epochs=24, batch_size=4, class_weights="log"),
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


OTHERS: dict[str, tuple[Callable[[str], Config], Iterable[str]]] = {
    "demo": (demo, NETWORKS),
    "kitti-assignment": (kitti_assignment, ASSIGNMENT),
}
"""Recipes that no line of a data set makes: the function, and the words after their name that it takes."""

RECOMMENDED = "camvid-fcn8s"
"""The recipe to begin with, whose network is the one to take where nothing speaks for another."""
CRF = "_crf"
"""What the recipes end in that are another recipe with a fully connected CRF over its predictions."""


def with_crf(name: str) -> Config:
    """The recipe `name`, its predictions refined by a fully connected CRF."""
    return recipe(name).model_copy(update={"recipe": name + CRF, "crf": Crf(iterations=5)})


class Recipe(NamedTuple):
    """What the network is trained on, in words, and the function that makes the configuration."""

    about: str
    make: Callable[[], Config]


def _recipes() -> dict[str, Recipe]:
    found = {
        f"{data}-{network}": Recipe(line.title, partial(fine_tuned, data, network))
        for data, line in DATASETS.items()
        for network in NETWORKS
    }
    for kind, (make, words) in OTHERS.items():
        about = (make.__doc__ or "").splitlines()[0].rstrip(".")
        found |= {f"{kind}-{word}": Recipe(about, partial(make, word)) for word in words}
    for name in [name for name in found if name.endswith("-fcn8s")]:
        found[name + CRF] = Recipe(found[name].about, partial(with_crf, name))
    return found


def about_data() -> dict[str, str]:
    """What recipes are trained on, in words, by the first part of their names."""
    others = {kind: (make.__doc__ or "").splitlines()[0].rstrip(".") for kind, (make, _) in OTHERS.items()}
    return {name: line.title for name, line in DATASETS.items()} | others


def names() -> list[str]:
    """All recipes."""
    return list(_recipes())


def describe(name: str) -> str:
    """One line about a recipe."""
    settings = recipe(name)
    crf = " and a CRF" if settings.crf.iterations else ""
    return f"{NETWORKS[settings.model.name].title}{crf} on {_recipes()[name].about}"


def recipe(name: str) -> Config:
    """The configuration of a recipe. Raises `ConfigError` with the closest name for an unknown one."""
    known = _recipes()
    if name not in known:
        # Of a data set that is known the network alone is compared: camvid-segformer is not camvid-segnet.
        data = max((f"{kind}-" for kind in (*DATASETS, *OTHERS) if name.startswith(f"{kind}-")), key=len, default="")
        hint = closest(
            name.removeprefix(data), [each.removeprefix(data) for each in known if each.startswith(data)], data
        )
        raise ConfigError(f"no recipe {name!r}; {hint}roadseg recipes lists them")
    return known[name].make()
