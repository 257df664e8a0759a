"""What training begins with: the parts of the data, and a network with its optimizer."""

from typing import NamedTuple

import torch

from roadseg import data, models
from roadseg.config.settings import Config, Data, Transforms
from roadseg.data.loading import GIB, Samples
from roadseg.data.records import Record
from roadseg.data.splits import Splits, leaks
from roadseg.data.transforms import fixed_size
from roadseg.labels import LabelSpace
from roadseg.models import SegmentationModel
from roadseg.system.progress import Display
from roadseg.training.first_weights import first_weights
from roadseg.training.optim import freeze, make_optimizer, parameter_groups


class Network(NamedTuple):
    """A network on the CPU, the optimizer of its parameters, and in words what its weights are."""

    model: SegmentationModel
    optimizer: torch.optim.Optimizer
    started_from: str


def read_parts(
    settings: Data, transforms: Transforms, space: LabelSpace, display: Display
) -> tuple[Splits, dict[str, Samples]]:
    """The division, and the samples of train and val; of test only the headers are looked at.

    Where all training images are brought to one size, that is done here once. The memory for decoded images goes to val
    first, which is read in every epoch as it is. Raises `DataError` for the first file that does not fit.
    """
    splits, records = data.load_records(settings)
    everything = [record for part in records.values() for record in part]
    mixed = leaks(splits, everything)
    if mixed:
        display.say(f"images of {', '.join(mixed[:3])} are in more than one part: the scores may flatter")
    if splits.scheme == "grouped" and len({record.group for record in everything}) == len(everything):
        display.say(
            "each image is a group of its own; are some of one drive? see docs/own-data.md, roadseg data groups"
        )
    Samples(records.get("test", []), space, budget_gib=0)
    val = _read("val", records["val"], space, settings.cache_gib, display)
    left = settings.cache_gib - (val.bytes / GIB if val.cache is not None else 0)
    train = _read("train", records["train"], space, left, display, fixed_size(transforms))
    if settings.cache_gib and train.cache is None:
        display.say(
            f"the decoded training images take {train.bytes / GIB:.1f} GiB, more than the {left:.1f} GiB that "
            "--data.cache_gib leaves them: they are decoded anew in each epoch; raise it where memory allows"
        )
    return splits, {"train": train, "val": val}


def _read(
    part: str,
    records: list[Record],
    space: LabelSpace,
    budget_gib: float,
    display: Display,
    size: tuple[int, int] | None = None,
) -> Samples:
    display.begin(f"reading {part}", len(records))
    return Samples(records, space, budget_gib, display.advance, size)


def build_network(settings: Config, classes: int, pretrained: bool) -> Network:
    """The network of the settings: with its first weights, or with those of a checkpoint still to come.

    The optimizer is the settings' own: give them `as_trained`. Raises `WeightsError` and `RunError` where the first
    weights do not fit.
    """
    chosen, optimizer = settings.model, settings.optimizer
    torch.manual_seed(settings.seed)
    model = models.build(chosen, classes)
    started_from = first_weights(model, chosen) if pretrained else "from its checkpoint"
    freeze(model.trunk.blocks, optimizer)
    model.trunk.recompute = settings.train.recompute
    return Network(model, make_optimizer(parameter_groups(model, model.trunk, optimizer), optimizer), started_from)
