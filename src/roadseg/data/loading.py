"""From records to batches: a cache of decoded samples, the order of an epoch, and collation."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from roadseg.config.settings import Transforms
from roadseg.data.decode import Sample, checked_size, read_sample, read_target
from roadseg.data.records import Record
from roadseg.data.transforms import (
    NO_JITTER,
    PADDING,
    Jitter,
    augment,
    change_colors,
    generator_for,
    resize,
    resize_target,
    scale_levels,
)
from roadseg.errors import DataError
from roadseg.labels import IGNORE, LabelSpace
from roadseg.system.processes import cpu_count
from roadseg.system.threads import ahead

GIB = 2**30


Item = tuple[Sample, Jitter, str]
"""A sample, the colour jitter that `collate` applies, and the image's id."""


class Batch(NamedTuple):
    """Images float (B, 3, h, w) as network input; targets uint8 (B, h, w), padded with 255; and ids."""

    images: Float[Tensor, "b 3 h w"]
    targets: UInt8[Tensor, "b h w"]
    ids: list[str]


class Samples:
    """The decoded samples of records: all in memory if they fit into `budget_gib`, else decoded at each access.

    With a `size` (height, width) each sample is resized when it is read. A sample takes 4 bytes a pixel. `advance` is
    called after each sample that is cached. Raises `DataError` for the first bad file: at once if all are cached.
    """

    def __init__(
        self,
        records: list[Record],
        space: LabelSpace,
        budget_gib: float,
        advance: Callable[[], None] = lambda: None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.records = records
        self.space = space
        self.size = size
        self.bytes = 4 * sum(height * width for height, width in (size or own for own in map(checked_size, records)))
        self.cache: list[Sample] | None = None
        if self.bytes <= budget_gib * GIB:
            self.cache = []
            for sample in ahead(self._read, records, cpu_count()):
                self.cache.append(sample)
                advance()

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        return self.cache[index] if self.cache is not None else self._read(self.records[index])

    def target(self, index: int) -> UInt8[Tensor, "h w"]:
        """The target alone, without decoding the image."""
        if self.cache is not None:
            return self.cache[index].target
        target = read_target(self.records[index].label, self.space)
        return resize_target(target, self.size) if self.size else target

    def _read(self, record: Record) -> Sample:
        return resize(read_sample(record, self.space), self.size)


class Augmented(Dataset[Item]):
    """The augmented samples of one epoch. The random numbers of a sample depend only on (seed, epoch, id).

    Where an epoch repeats an image (`epoch_order`), the index of the repetition is larger by the number of images, and
    its random numbers are others.
    """

    def __init__(self, samples: Samples, settings: Transforms, seed: int, epoch: int) -> None:
        self.samples = samples
        self.settings = settings
        self.seed = seed
        self.epoch = epoch

    def __getitem__(self, index: int) -> Item:
        """The sample, augmented for this epoch."""
        again, image = divmod(index, len(self.samples))
        record_id = self.samples.records[image].id
        rng = generator_for(self.seed, self.epoch, f"{record_id} again {again}" if again else record_id)
        return *augment(self.samples[image], self.settings, rng), record_id


def epoch_order(count: int, seed: int, epoch: int, shuffle: bool, length: int | None = None) -> list[int]:
    """A random order of the images in an epoch; the same in every epoch without `shuffle`.

    An epoch of more than `count` images repeats them, each time in another order, and the last time only some of them.
    The index of the n-th repetition of an image is larger by n * count.
    """
    drawn_in, length = epoch if shuffle else 0, length or count
    order: list[int] = []
    for again in range(-(-length // max(count, 1))):
        rng = generator_for(seed, drawn_in, f"order again {again}" if again else "order")
        order += [again * count + int(index) for index in rng.permutation(count)]
    return order[:length]


def batch_indices(order: list[int], batch_size: int, processes: int = 1, process: int = 0) -> list[list[int]]:
    """The batches of one process. Each global batch of batch_size * processes images is divided evenly.

    All processes get the same number of batches. A last global batch with fewer images than processes is dropped.
    """
    step = batch_size * processes
    shared = [order[start : start + step] for start in range(0, len(order), step)]
    return [[int(i) for i in np.array_split(chunk, processes)[process]] for chunk in shared if len(chunk) >= processes]


def loader_processes(cached: bool, on_gpu: bool, cores: int) -> int:
    """Default number of loader processes. With 0 the training process prepares each batch itself.

    With a GPU: all cores but one, up to 8. On a CPU: none for cached samples; otherwise a quarter of the cores, which
    gain more in decoding than in the step (docs/decisions/0012-samples.md).
    """
    if on_gpu:
        return min(8, cores - 1)
    return 0 if cached else min(8, cores // 4)


def batches(dataset: Augmented, indices: list[list[int]], workers: int, pin_memory: bool) -> Iterator[Batch]:
    """The batches of an epoch, one for each list of indices. Raises `DataError` for a file that cannot be read."""
    finish = partial(collate, crop=dataset.settings.crop, normalise=dataset.settings.normalise)
    loader: DataLoader[Item] = DataLoader(
        dataset, batch_sampler=indices, collate_fn=finish, num_workers=workers, pin_memory=pin_memory
    )
    try:
        yield from loader
    except DataError as error:  # from a loader process it comes with that process's traceback, the message last
        raise DataError(str(error).strip().splitlines()[-1].split("DataError: ", 1)[-1]) from error


def grouped(loader: Iterator[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of `size` batches; the last one may be shorter."""
    group: list[Batch] = []
    for batch in loader:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def divided(batch: Batch, size: int) -> list[Batch]:
    """The batch in pieces of at most `size` images, in their order."""
    parts = [slice(start, start + size) for start in range(0, len(batch.ids), size)]
    return [Batch(batch.images[part], batch.targets[part], batch.ids[part]) for part in parts]


def collate(items: list[Item], crop: tuple[int, int] | None, normalise: bool) -> Batch:
    """A batch of augmented samples, after colour jitter, padding and normalisation.

    Samples are padded at the right and the bottom to the crop, or to the largest sample: images with the mean colour,
    targets with 255. Padding does not enter the colour jitter.
    """
    heights, widths = zip(*(sample.target.shape for sample, _, _ in items), strict=True)
    size = crop or (max(heights), max(widths))
    images = torch.empty(len(items), 3, *size)
    targets = torch.empty(len(items), *size, dtype=torch.uint8)
    for image, target, (sample, jitter, _) in zip(images, targets, items, strict=True):
        height, width = sample.target.shape
        if (height, width) != size:
            image.copy_(PADDING[:, None, None])
            target.fill_(IGNORE)
        shown = image[:, :height, :width]
        shown.copy_(sample.image)
        target[:height, :width] = sample.target
        if jitter != NO_JITTER:
            change_colors(shown, jitter)
        scale_levels(image, normalise)
    return Batch(images, targets, [record_id for _, _, record_id in items])


def class_shares(samples: Samples) -> Float[Tensor, " c"]:
    """Share of each class among the pixels that are not ignored, float64 (C,)."""
    counts = torch.zeros(256, dtype=torch.int64)
    for index in range(len(samples)):
        counts += torch.bincount(samples.target(index).flatten(), minlength=256)
    known = counts[: len(samples.space.classes)].double()
    return known / known.sum().clamp(min=1)
