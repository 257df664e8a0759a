import pickle
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from PIL import Image

from roadseg.config.settings import Transforms
from roadseg.data.decode import Sample, read_sample
from roadseg.data.loading import (
    GIB,
    Augmented,
    Batch,
    Samples,
    batch_indices,
    batches,
    class_shares,
    collate,
    divided,
    epoch_order,
    grouped,
    loader_processes,
)
from roadseg.data.records import Record
from roadseg.data.transforms import (
    NO_JITTER,
    Jitter,
    augment,
    change_colors,
    fixed_size,
    generator_for,
    network_input,
    resize,
)
from roadseg.errors import DataError
from roadseg.labels import IGNORE, camvid

SPACE = camvid()
SIZES = [(6, 8), (5, 9), (6, 8), (4, 4), (7, 3), (6, 8), (2, 2)]


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Seven images of different sizes with labels 0 to 11, of which 11 is ignored."""
    rng = np.random.default_rng(0)
    made = []
    for number, (height, width) in enumerate(SIZES):
        image, label = tmp_path / f"{number}.png", tmp_path / f"{number}_label.png"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(image)
        Image.fromarray(rng.integers(0, 12, (height, width), dtype=np.uint8)).save(label)
        made.append(Record(str(number), image, label, "drive"))
    return made


def same(first: Sample, second: Sample) -> bool:
    return torch.equal(first.image, second.image) and torch.equal(first.target, second.target)


def loaded(records: list[Record], workers: int, epoch: int = 0) -> list[Batch]:
    augmented = Augmented(
        Samples(records, SPACE, 0.0), Transforms(scale=(0.5, 2), flip=0.5, jitter=0.3), seed=3, epoch=epoch
    )
    order = epoch_order(len(records), 3, epoch, shuffle=True)
    return list(batches(augmented, batch_indices(order, 3), workers, pin_memory=False))


# Python 3.12 and later warn about forking where threads run.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_batches_do_not_depend_on_the_number_of_workers(records: list[Record]) -> None:
    alone, together = loaded(records, 0), loaded(records, 2)
    assert [batch.ids for batch in alone] == [batch.ids for batch in together]
    assert [len(batch.ids) for batch in alone] == [3, 3, 1]
    for one, other in zip(alone, together, strict=True):
        assert isinstance(other, Batch)
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.targets, other.targets)


def test_an_epoch_repeats_exactly_and_the_next_one_differs(records: list[Record]) -> None:
    first, again, following = loaded(records, 0), loaded(records, 0), loaded(records, 0, epoch=1)
    assert all(torch.equal(a.images, b.images) for a, b in zip(first, again, strict=True))
    assert sorted(i for batch in following for i in batch.ids) == sorted(i for batch in first for i in batch.ids)
    assert [batch.ids for batch in first] != [batch.ids for batch in following]


def test_a_sample_is_augmented_alike_in_any_batch_and_order(records: list[Record]) -> None:
    augmented = Augmented(Samples(records, SPACE, 1.0), Transforms(scale=(0.5, 2), jitter=0.3), seed=0, epoch=4)
    forward = {name: (sample, jitter) for sample, jitter, name in (augmented[index] for index in range(7))}
    backward = {name: (sample, jitter) for sample, jitter, name in (augmented[index] for index in reversed(range(7)))}
    assert forward.keys() == backward.keys() == set(map(str, range(7)))
    assert all(same(forward[name][0], backward[name][0]) for name in forward)
    assert all(forward[name][1] == backward[name][1] for name in forward)


def test_a_data_set_can_be_sent_to_a_worker_process(records: list[Record]) -> None:
    """What the start methods spawn and forkserver do."""
    augmented = Augmented(Samples(records, SPACE, 1.0), Transforms(), seed=0, epoch=0)
    assert same(pickle.loads(pickle.dumps(augmented))[2][0], augmented[2][0])


def test_samples_are_the_same_from_memory_and_from_files(records: list[Record]) -> None:
    cached, read = Samples(records, SPACE, 1.0), Samples(records, SPACE, 0.0)
    assert cached.cache is not None
    assert read.cache is None
    assert len(cached) == len(read) == len(records)
    assert cached.bytes == read.bytes == 4 * sum(height * width for height, width in SIZES)
    for index, record in enumerate(records):
        assert same(cached[index], read[index])
        assert same(cached[index], read_sample(record, SPACE))
    assert len(list(cached)) == len(list(read)) == len(records)


def test_the_budget_is_respected_to_the_byte(records: list[Record]) -> None:
    needed = sum(4 * height * width for height, width in SIZES)
    exact = Samples(records, SPACE, needed / GIB)
    assert exact.bytes == needed
    assert exact.cache is not None
    held = sum(tensor.numel() * tensor.element_size() for sample in exact.cache for tensor in sample)
    assert held == needed
    assert Samples(records, SPACE, (needed - 1) / GIB).cache is None


def test_cached_samples_hold_no_more_memory_than_their_pixels(records: list[Record]) -> None:
    cache = Samples(records, SPACE, 1.0).cache
    assert cache is not None
    assert all(tensor.untyped_storage().nbytes() == tensor.numel() for sample in cache for tensor in sample)


@pytest.mark.parametrize("budget_gib", [0.0, 1.0])
def test_samples_are_resized_when_they_are_read(records: list[Record], budget_gib: float) -> None:
    samples = Samples(records, SPACE, budget_gib, size=(4, 6))
    assert samples.bytes == 4 * 4 * 6 * len(records)
    for index, record in enumerate(records):
        expected = resize(read_sample(record, SPACE), (4, 6))
        assert same(samples[index], expected)
        assert torch.equal(samples.target(index), expected.target)
    if samples.cache is not None:
        assert all(tensor.untyped_storage().nbytes() == tensor.numel() for sample in samples.cache for tensor in sample)


@given(st.integers(0, 9), st.integers(0, 3), st.none() | st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_a_fixed_size_before_or_after_is_the_same_sample(seed: int, epoch: int, crop: tuple[int, int] | None) -> None:
    """Resizing once, or in each epoch: the same pixels without a crop, and a window of the same size with one."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(256, (3, 20, 30), generator=generator, dtype=torch.uint8)
    sample, settings = Sample(image, image[0]), Transforms(resize=(13, 17), crop=crop, jitter=0.3)
    assert fixed_size(settings) == (13, 17)
    first, jitter = augment(sample, settings, generator_for(seed, epoch, "a"))
    second, same_jitter = augment(resize(sample, (13, 17)), settings, generator_for(seed, epoch, "a"))
    assert first.target.shape == second.target.shape
    assert crop or (same(first, second) and jitter == same_jitter)


def test_each_loaded_sample_is_reported(records: list[Record]) -> None:
    calls: list[None] = []
    Samples(records, SPACE, 1.0, advance=lambda: calls.append(None))
    assert len(calls) == len(records)


@pytest.mark.parametrize("which", ["image", "label"])
@pytest.mark.parametrize("damage", [b"", b"no picture", None])
def test_a_bad_file_is_named_before_anything_starts(records: list[Record], which: str, damage: bytes | None) -> None:
    """`None` cuts the file in half, which only decoding finds."""
    bad: Path = getattr(records[4], which)
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2] if damage is None else damage)
    with pytest.raises(DataError) as error:
        Samples(records, SPACE, 1.0)
    assert str(bad) in str(error.value)


@pytest.mark.parametrize("which", ["image", "label"])
def test_a_missing_file_is_named(records: list[Record], which: str) -> None:
    missing: Path = getattr(records[4], which)
    missing.unlink()
    with pytest.raises(DataError) as error:
        Samples(records, SPACE, 1.0)
    assert str(missing) in str(error.value)


def test_a_label_outside_the_table_is_named(records: list[Record]) -> None:
    Image.fromarray(np.full((6, 8), 200, np.uint8)).save(records[0].label)
    with pytest.raises(DataError, match="label 200 is not a class of camvid") as error:
        Samples(records, SPACE, 1.0)
    assert str(records[0].label) in str(error.value)


@given(st.integers(0, 50), st.integers(0, 9), st.integers(0, 9))
def test_the_order_is_a_permutation_that_repeats(count: int, seed: int, epoch: int) -> None:
    order = epoch_order(count, seed, epoch, shuffle=True)
    assert sorted(order) == list(range(count))
    assert order == epoch_order(count, seed, epoch, shuffle=True)
    assert epoch_order(count, seed, epoch, shuffle=False) == epoch_order(count, seed, 0, shuffle=True)


@given(st.integers(1, 20), st.integers(1, 100), st.booleans())
def test_a_longer_epoch_takes_all_images_again_before_any_comes_once_more(
    count: int, length: int, shuffle: bool
) -> None:
    order = epoch_order(count, 3, 4, shuffle, length)
    assert len(order) == length
    assert len(set(order)) == length
    often = np.bincount([index % count for index in order], minlength=count)
    assert often.max() - often.min() <= 1
    assert all(index // count == place // count for place, index in enumerate(order))
    if length >= 2 * count > 16:
        assert order[:count] != [index - count for index in order[count : 2 * count]]


def test_an_image_that_comes_again_is_augmented_otherwise(records: list[Record]) -> None:
    augmented = Augmented(Samples(records, SPACE, 1.0), Transforms(scale=(0.5, 2), jitter=0.3), seed=0, epoch=4)
    first, second, again = augmented[1], augmented[1 + len(records)], augmented[1 + len(records)]
    assert first[2] == second[2] == records[1].id
    assert first[1] != second[1]
    assert torch.equal(second[0].image, again[0].image)


def test_every_epoch_and_seed_has_its_own_order() -> None:
    orders = {tuple(epoch_order(20, seed, epoch, shuffle=True)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


@given(st.integers(0, 60), st.integers(1, 7), st.integers(1, 5), st.randoms(use_true_random=False))
def test_processes_share_an_epoch_evenly(count: int, batch_size: int, processes: int, random: Random) -> None:
    order = list(range(count))
    random.shuffle(order)
    dealt = [batch_indices(order, batch_size, processes, process) for process in range(processes)]
    assert len({len(own) for own in dealt}) == 1
    assert all(1 <= len(batch) <= batch_size for own in dealt for batch in own)
    for together in zip(*dealt, strict=True):
        assert max(map(len, together)) - min(map(len, together)) <= 1
    seen = [index for together in zip(*dealt, strict=True) for batch in together for index in batch]
    left_out = len(order) - len(seen)
    assert seen == order[: len(seen)]
    assert left_out < processes
    assert left_out == 0 or left_out == count % (batch_size * processes)


@given(st.integers(0, 60), st.integers(1, 7))
def test_one_process_sees_every_image_in_full_batches(count: int, batch_size: int) -> None:
    dealt = batch_indices(list(range(count)), batch_size)
    assert [index for batch in dealt for index in batch] == list(range(count))
    assert all(len(batch) == batch_size for batch in dealt[:-1])


@given(st.integers(1, 9), st.integers(1, 12))
def test_a_divided_batch_is_the_same_images(count: int, size: int) -> None:
    images = torch.arange(count * 3.0).reshape(count, 3, 1, 1)
    batch = Batch(images, torch.arange(count).reshape(count, 1, 1), [str(i) for i in range(count)])
    pieces = divided(batch, size)
    assert [len(piece.ids) for piece in pieces[:-1]] == [size] * (len(pieces) - 1)
    assert 1 <= len(pieces[-1].ids) <= size
    assert [name for piece in pieces for name in piece.ids] == batch.ids
    assert torch.equal(torch.cat([piece.images for piece in pieces]), batch.images)
    assert torch.equal(torch.cat([piece.targets for piece in pieces]), batch.targets)


def test_collate_pads_the_targets_with_ignored_pixels(records: list[Record]) -> None:
    samples = [read_sample(record, SPACE) for record in records[:3]]
    batch = collate([(sample, NO_JITTER, str(index)) for index, sample in enumerate(samples)], None, normalise=True)
    assert batch.ids == ["0", "1", "2"]
    assert batch.targets.dtype == torch.uint8
    assert batch.images.dtype == torch.float32
    assert batch.targets.shape == (3, 6, 9)
    assert batch.images.shape == (3, 3, 6, 9)
    for index, (image, target) in enumerate(samples):
        height, width = target.shape
        assert torch.equal(batch.targets[index, :height, :width], target)
        assert torch.equal(batch.images[index, :, :height, :width], network_input(image, normalise=True))
        padded = torch.ones(6, 9, dtype=torch.bool)
        padded[:height, :width] = False
        assert (batch.targets[index][padded] == IGNORE).all()
        assert (batch.images[index][:, padded].abs() < 0.01).all()


def test_collate_changes_colours_and_leaves_the_padding_alone(records: list[Record]) -> None:
    image, target = read_sample(records[0], SPACE)
    small = Sample(image[:, :4, :5], target[:4, :5])
    jitter = Jitter(1.2, 0.8, 1.1)
    plain = collate([(Sample(image, target), NO_JITTER, "a"), (small, NO_JITTER, "b")], None, normalise=True)
    batch = collate([(Sample(image, target), NO_JITTER, "a"), (small, jitter, "b")], None, normalise=False)
    expected = small.image.float()
    change_colors(expected, jitter)
    assert torch.equal(batch.images[0], image / 255)
    assert torch.equal(batch.images[1, :, :4, :5], expected / 255)
    assert torch.equal(batch.targets, plain.targets)
    assert (plain.images[1, :, 4:].abs() < 0.01).all()
    assert batch.images[1, :, 4:].unique().numel() == 3


@pytest.mark.parametrize("budget_gib", [0.0, 1.0])
def test_class_shares_count_the_pixels_that_are_not_ignored(records: list[Record], budget_gib: float) -> None:
    values = np.concatenate([np.array(Image.open(record.label)).ravel() for record in records])
    shares = class_shares(Samples(records, SPACE, budget_gib))
    expected = np.bincount(values[values != 11], minlength=11) / (values != 11).sum()
    np.testing.assert_allclose(shares.numpy(), expected)


def test_class_shares_of_ignored_pixels_alone_are_zero(records: list[Record]) -> None:
    Image.fromarray(np.full((6, 8), 11, np.uint8)).save(records[0].label)
    assert class_shares(Samples(records[:1], SPACE, 1.0)).tolist() == [0.0] * 11


def test_loader_processes_take_what_the_step_can_spare() -> None:
    assert [loader_processes(False, True, cores) for cores in (1, 4, 64)] == [0, 3, 8]
    assert [loader_processes(True, True, cores) for cores in (1, 4, 64)] == [0, 3, 8]
    assert [loader_processes(True, False, cores) for cores in (1, 4, 64)] == [0, 0, 0]
    assert [loader_processes(False, False, cores) for cores in (1, 2, 4, 16, 64)] == [0, 0, 1, 4, 8]


def test_grouped_keeps_the_rest() -> None:
    assert list(grouped(iter([1, 2, 3]), 2)) == [[1, 2], [3]]  # type: ignore[arg-type, comparison-overlap]
