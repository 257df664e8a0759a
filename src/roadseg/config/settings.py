"""Every setting of a run: frozen, checked when it is made, unknown keys forbidden, written to `config.json`."""

import json
from collections.abc import Set
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from roadseg.config.registry import LOSSES, NETWORKS, entry
from roadseg.errors import ConfigError
from roadseg.labels import ClassChoice

Kind = TypeVar("Kind", bound="Settings")
Side = Annotated[int, Field(ge=1)]
Size = tuple[Side, Side]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """Base of all settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Split(Settings):
    """How images are divided into train, val and test."""

    scheme: Literal["auto", "official", "grouped", "random", "file"] = Field(
        "auto",
        description="official parts, whole drives together, image by image, or a stored splits.json; "
        "auto: official where the data set has one, else grouped",
    )
    fractions: tuple[Share, Share, Share] = Field((0.7, 0.15, 0.15), description="shares of train, val and test")
    seed: int = Field(0, ge=0, description="seed of the division; independent of the training seed")
    folds: int = Field(0, ge=0, description="k of a k-fold division (grouped or random); 0 uses the fractions")
    fold: int = Field(0, ge=0, description="which fold validates, 0 to k-1")
    file: Path | None = Field(None, description="splits.json to reuse, for the scheme 'file'")
    share: float = Field(
        1.0, gt=0, le=1,
        description="fraction of the training images to use, whole drives first; steps per epoch stay the same",
    )  # fmt: skip
    share_seed: int = Field(0, ge=0, description="which images a share below 1 draws; a study adds the training seed")

    @model_validator(mode="after")
    def _check(self) -> "Split":
        if min(self.fractions[:2]) <= 0:
            raise ValueError(f"fractions {self.fractions} leave train or val empty; only the third, test, may be 0")
        if abs(sum(self.fractions) - 1) > 1e-6:
            raise ValueError(f"fractions {self.fractions} add up to {sum(self.fractions):g}; they must add up to 1")
        if self.folds == 1 or (self.folds and self.fold >= self.folds):
            raise ValueError(f"fold {self.fold} of {self.folds}; use at least 2 folds and a fold below their number")
        if (self.scheme == "file") != (self.file is not None):
            raise ValueError("scheme 'file' and a splits.json (--data.split.file) go together")
        if self.folds and self.scheme not in ("grouped", "random"):
            raise ValueError(
                f"folds need the scheme grouped or random, not {self.scheme}; choose one with --data.split.scheme"
            )
        return self


class Data(Settings):
    """Which images and labels."""

    name: str = Field(description="kind of data set")
    root: Path | None = Field(None, description="top folder of the data set")
    classes: ClassChoice = Field("evaluation", description="the evaluated classes, or every label id as a class")
    split: Split = Split()
    cache_gib: float = Field(4.0, ge=0, description="decoded images are kept in memory up to this budget, in GiB")
    workers: int | None = Field(
        None, ge=0, description="loader processes; by default up to 8 with a GPU, and few or none without"
    )

    def at(self, root: Path | None) -> "Data":
        """The same data in another folder."""
        return self.model_copy(update={"root": root})


class Transforms(Settings):
    """What happens to an image on its way to the network, in this order; the random ones in training only."""

    resize: Size | None = Field(None, description="height and width of the network's input; default: the image's own")
    score_at: Literal["label", "input"] = Field(
        "label", description="resolution at which scores are computed: the label's own, or that of resize"
    )
    scale: tuple[Positive, Positive] = Field((1.0, 1.0), description="range of the random scale, drawn log-uniformly")
    crop: Size | None = Field(None, description="height and width of the random crop")
    flip: Share = Field(0.5, description="probability of a left-right flip")
    jitter: Share = Field(0.0, description="strength of random brightness, contrast and saturation")
    normalise: bool = Field(
        True, description="subtract ImageNet's mean and divide by its deviation; false: pixels from 0 to 1"
    )

    @model_validator(mode="after")
    def _check(self) -> "Transforms":
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale {self.scale[0]:g} to {self.scale[1]:g} is empty; give the smaller one first")
        return self

    @property
    def scored_size(self) -> Size | None:
        """Height and width that labels are brought to before they are scored; None for their own."""
        return self.resize if self.score_at == "input" else None


class Model(Settings):
    """Network and its first weights. A setting that the network does not have keeps its default."""

    name: str = Field(description=f"network: {', '.join(NETWORKS)}")
    width: Positive = Field(1.0, description="factor on every layer's number of channels")
    batch_norm: bool = Field(False, description="batch normalisation in the trunk")
    padding: Literal["same", "caffe"] = Field(
        "same", description="'caffe' pads 100 pixels, as the published weights need"
    )
    upsampling: Literal["bilinear", "learned"] = Field(
        "bilinear", description="fixed, or a dense transposed convolution"
    )
    skips: Literal["normalised", "scaled", "plain"] = Field(
        "normalised", description="how trunk features enter a skip; 'plain' is for training in stages"
    )
    head: Literal["vgg", "light"] = Field(
        "vgg", description="fc6 and fc7 of VGG16 (7x7 and 1x1, 4096 wide) or two 3x3 layers, 512 wide"
    )
    dropout: Share = Field(0.5, description="dropout after fc6 and fc7")
    weights: str | None = Field(None, description="'imagenet', or a .safetensors or .pth file with torchvision's names")
    from_run: Path | None = Field(
        None, description="start from the best weights of this run (16s from 32s, 8s from 16s)"
    )

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        entry("network", NETWORKS, name)
        return name

    @model_validator(mode="after")
    def _check(self) -> "Model":
        if self.weights is not None and self.from_run is not None:
            raise ValueError("weights and from_run exclude each other; give one of them")
        own = NETWORKS[self.name].options
        for key in dict.fromkeys(option for network in NETWORKS.values() for option in network.options):
            default = type(self).model_fields[key].default
            if key not in own and getattr(self, key) != default:
                raise ValueError(
                    f"{self.name} has no setting {key}, only {', '.join(('width', *own))}; "
                    f"leave model.{key} at {default!r}, as the recipes of {self.name} do"
                )
        return self


class Optimizer(Settings):
    """Optimizer and learning rate."""

    name: Literal["sgd", "adam", "adamw"] = Field("sgd", description="optimizer")
    lr: Positive = Field(1e-3, description="learning rate of the head, and of the trunk unless trunk_lr is given")
    trunk_lr: float | None = Field(None, ge=0, description="learning rate of a trunk with first weights; 0 freezes it")
    frozen_blocks: int = Field(0, ge=0, description="how many of its first blocks are not trained")
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of SGD")
    weight_decay: float = Field(0.0, ge=0, description="on weights; never on biases and normalisation")
    schedule: Literal["constant", "poly"] = Field("poly", description="poly: lr * (1 - step/steps) ** power")
    power: Positive = Field(0.9, description="power of the poly schedule")
    warmup: Share = Field(0.0, description="share of all steps in which the rate rises from 0")


class Train(Settings):
    """The loop."""

    epochs: int = Field(30, ge=1, description="passes over the training images")
    batch_size: int = Field(4, ge=1, description="batch size per process")
    accumulate: int = Field(1, ge=1, description="forward passes that make one step of the optimizer")
    shuffle: bool = Field(True, description="a new order in each epoch; false: same order every epoch")
    clip: Positive | None = Field(None, description="largest norm of the gradient")
    loss: str = Field("cross_entropy", description=f"loss: {', '.join(LOSSES)}")
    class_weights: Literal["none", "log"] = Field(
        "none", description="loss weights; log: 1 / log(1.1 + the class's share of pixels)"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="auto: bfloat16 where the hardware has it")
    recompute: bool = Field(
        False, description="activation checkpointing of the trunk: less memory for more time, the same result"
    )
    patience: int | None = Field(None, ge=1, description="early stopping: epochs without a better val mIoU")
    checkpoint_minutes: Positive = Field(10.0, description="also save this often inside an epoch")

    @field_validator("loss")
    @classmethod
    def _check_loss(cls, name: str) -> str:
        entry("loss", LOSSES, name)
        return name


class Crf(Settings):
    """CRF post-processing, at prediction time only."""

    iterations: int = Field(0, ge=0, le=100, description="steps of mean-field inference, 5 are enough; 0: no CRF")
    weight: float = Field(2.0, ge=0, description="pull between pixels that are near and alike")
    position: float = Field(60.0, ge=4, description="how far it reaches: a standard deviation in pixels")
    color: float = Field(5.0, ge=2, description="how far colours may differ: a standard deviation in levels of 255")


class Stretch(Settings):
    """What the length of a run was up to a step, before it was continued with another one."""

    steps: int = Field(ge=1, description="steps of the whole run that were trained when the length changed")
    epochs: int = Field(ge=1, description="epochs that the schedule of the learning rate was made for until then")
    patience: int | None = Field(description="patience until then")


class Config(Settings):
    """A whole run."""

    recipe: str = Field(description="name of the recipe that this configuration started from")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="seed of weights, order, augmentation and dropout")
    data: Data
    transforms: Transforms = Transforms()
    model: Model
    optimizer: Optimizer = Optimizer()
    train: Train = Train()
    crf: Crf = Crf()
    earlier: tuple[Stretch, ...] = Field((), description="changes of the run's length while it was trained")

    @model_validator(mode="after")
    def _check(self) -> "Config":
        network = NETWORKS[self.model.name]
        for name in ("crop", "resize"):
            size = getattr(self.transforms, name)
            if size is not None and min(size) < network.stride:
                raise ValueError(
                    f"transforms.{name} {size[0]}x{size[1]} is smaller than a cell of {self.model.name}; "
                    f"use at least {network.stride}x{network.stride}"
                )
        if self.optimizer.frozen_blocks > network.blocks:
            raise ValueError(
                f"optimizer.frozen_blocks {self.optimizer.frozen_blocks} is more than {self.model.name} has; "
                f"use at most {network.blocks}"
            )
        return self


WITHOUT_EFFECT = {"data.root", "data.cache_gib", "data.workers", "train.recompute", "train.checkpoint_minutes"}
"""Settings that may differ when a run is resumed: the result does not depend on them."""


LENGTH = {"train.epochs", "train.patience"}
"""Settings that a resumed run may change from there on; it keeps a record of that."""
RECORDED = {"recipe", "earlier"}
"""Fields of `Config` that are no settings of a person."""


def as_trained(settings: Config) -> Config:
    """The settings as training follows them, which a run stores.

    In a trunk of random weights there is nothing to keep: all of it trains, at the head's rate.
    """
    if settings.model.weights is not None or settings.model.from_run is not None:
        return settings
    optimizer = settings.optimizer.model_copy(update={"trunk_lr": None, "frozen_blocks": 0})
    return settings.model_copy(update={"optimizer": optimizer})


def difference(stored: Config, given: Config, but: Set[str] = frozenset()) -> str | None:
    """The first setting that would change a run's result, in words, or None; those that `but` names may differ."""
    before, now = (flat(as_trained(each).model_dump(exclude={"earlier"})) for each in (stored, given))
    for key in before:
        if before[key] != now[key] and key not in WITHOUT_EFFECT | but:
            return f"{key} is {before[key]} there and {now[key]} here"
    return None


def flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names, as flags have them."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def to_json(config: Config) -> str:
    """Text that `from_json` reads back as an equal configuration."""
    return config.model_dump_json(indent=2, exclude=None if config.earlier else {"earlier"}) + "\n"


def from_json(text: str, source: str) -> Config:
    """Read a configuration. Raises `ConfigError` that starts with `source` and names the first bad key."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{source} is not JSON: {error}; restore the file") from error
    return validated(Config, content, source)


def validated(kind: type[Kind], content: Any, source: str) -> Kind:
    """`content` as settings of `kind`; the first pydantic complaint becomes a one-line `ConfigError`."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{source}: {complaint(error)}") from error


def complaint(error: ValidationError) -> str:
    """The first complaint in words: the key, what is wrong, and the value given."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    missing = first["type"] == "missing" and first["loc"] and isinstance(first["loc"][-1], int)
    if missing or first["type"] == "too_long":
        return f"{key}: wrong number of values; see --help"
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = first.get("input")
    said = isinstance(given, str) and repr(given) in message
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) and not said else ""
    return f"{key}: {message}{shown}" if key else f"{message}{shown}"
