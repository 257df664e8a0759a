from math import ceil

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch import Tensor

from roadseg.config.settings import Transforms
from roadseg.data.decode import Sample
from roadseg.data.loading import collate
from roadseg.data.transforms import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    NO_JITTER,
    PADDING,
    CropParams,
    Jitter,
    apply,
    augment,
    change_colors,
    draw,
    generator_for,
    network_input,
    resize,
    resize_image,
)
from roadseg.labels import IGNORE

COLORS = 255 * torch.eye(3, dtype=torch.uint8)
"""Class 0 is pure red, 1 green, 2 blue: a mixture of two classes is none of them."""


def sample_of(seed: int, height: int, width: int, block: int = 1) -> Sample:
    """Blocks of the three classes, each pixel in its class's colour."""
    classes = torch.randint(3, (height, width), generator=torch.Generator().manual_seed(seed))
    target = classes.repeat_interleave(block, 0).repeat_interleave(block, 1).to(torch.uint8)
    return Sample(COLORS[target.long()].permute(2, 0, 1).contiguous(), target)


def assert_aligned(sample: Sample, at_least: float = 1.0) -> None:
    """Every pixel of a pure colour has that colour's class, ignored ones have the padding's colour.

    `at_least` this share of the pixels must be pure.
    """
    assert sample.image.dtype == sample.target.dtype == torch.uint8
    assert sample.image.shape == (3, *sample.target.shape)
    pixels = sample.image.permute(1, 2, 0)
    pure = (pixels[..., None, :] == COLORS).all(-1)
    assert (pixels[sample.target == IGNORE] == PADDING).all()
    assert not pure[sample.target == IGNORE].any()
    shown = pure.any(-1)
    assert (pure.int().argmax(-1)[shown] == sample.target[shown]).all()
    assert (shown | (sample.target == IGNORE)).float().mean() >= at_least


def augmented(sample: Sample, settings: Transforms, rng: np.random.Generator) -> Sample:
    """What a batch of this one sample shows, its pixels bytes again."""
    batch = collate([(*augment(sample, settings, rng), "")], settings.crop, normalise=False)
    return Sample((255 * batch.images[0]).round().to(torch.uint8), batch.targets[0])


samples = st.builds(sample_of, st.integers(0, 1000), st.integers(1, 12), st.integers(1, 12))
block_samples = st.builds(sample_of, st.integers(0, 1000), st.integers(1, 5), st.integers(1, 5), st.just(8))
generators = st.integers(0, 2**32 - 1).map(np.random.default_rng)
crops = st.tuples(st.integers(1, 20), st.integers(1, 20))


@given(samples, crops | st.none(), st.sampled_from([0.0, 0.5, 1.0]), generators)
def test_flip_and_crop_keep_image_and_target_together(
    sample: Sample, crop: tuple[int, int] | None, flip: float, rng: np.random.Generator
) -> None:
    result = augmented(sample, Transforms(crop=crop, flip=flip), rng)
    assert_aligned(result)
    assert tuple(result.target.shape) == (crop or tuple(sample.target.shape))


@given(block_samples, st.sampled_from([0.5, 1.0, 2.0, 3.0]), crops | st.none(), generators)
def test_scaling_keeps_image_and_target_together(
    sample: Sample, scale: float, crop: tuple[int, int] | None, rng: np.random.Generator
) -> None:
    """A whole factor moves the classes' borders by no pixel; only pixels beside a border are mixed."""
    whole = augmented(sample, Transforms(scale=(scale, scale), flip=0.0), np.random.default_rng(0))
    expected = sample.target[::2, ::2]
    if scale >= 1:
        expected = sample.target.repeat_interleave(int(scale), 0).repeat_interleave(int(scale), 1)
    assert torch.equal(whole.target, expected)
    assert_aligned(whole, at_least=0.25)
    result = augmented(sample, Transforms(scale=(scale, scale), crop=crop, flip=0.5), rng)
    assert_aligned(result, at_least=0.0)
    assert tuple(result.target.shape) == (crop or tuple(whole.target.shape))


@given(
    block_samples,
    st.tuples(st.floats(0.2, 1), st.floats(1, 3)),
    st.none() | st.tuples(st.integers(1, 40), st.integers(1, 40)),
    crops | st.none(),
    generators,
)
def test_any_augmentation_keeps_image_and_target_together(
    sample: Sample,
    scale: tuple[float, float],
    size: tuple[int, int] | None,
    crop: tuple[int, int] | None,
    rng: np.random.Generator,
) -> None:
    result = augmented(sample, Transforms(resize=size, scale=scale, crop=crop), rng)
    assert_aligned(result, at_least=0.0)
    assert set(result.target.unique().tolist()) <= {*sample.target.unique().tolist(), IGNORE}
    if crop:
        assert tuple(result.target.shape) == crop
    else:
        assert IGNORE not in result.target


@given(st.floats(0.01, 1), generators)
def test_jitter_changes_nothing_else_that_is_drawn(strength: float, rng: np.random.Generator) -> None:
    state = rng.bit_generator.state
    params = draw((30, 40), Transforms(scale=(0.5, 2), crop=(20, 20), jitter=strength), rng)
    rng.bit_generator.state = state
    assert params._replace(jitter=NO_JITTER) == draw((30, 40), Transforms(scale=(0.5, 2), crop=(20, 20)), rng)
    assert all(1 - strength <= factor <= 1 + strength for factor in params.jitter)
    assert len(set(params.jitter)) == 3


@given(st.integers(0, 1000))
def test_factors_of_1_change_no_colour(seed: int) -> None:
    image = noise(seed, 5, 7).float()
    pixels = image.clone()
    change_colors(pixels, NO_JITTER)
    assert torch.equal(pixels, image)


def noise(seed: int, height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (3, height, width), generator=generator, dtype=torch.uint8)


def test_changed_colours_equal_the_formula() -> None:
    brightness, contrast, saturation = jitter = Jitter(1.2, 0.7, 1.3)
    found = noise(0, 40, 60).float()
    luma = np.array([0.299, 0.587, 0.114])
    pixels = found.permute(1, 2, 0).double().numpy() * brightness
    middle = (pixels @ luma).mean()
    pixels = middle + contrast * (pixels - middle)
    grey = (pixels @ luma)[..., None]
    expected = (grey + saturation * (pixels - grey)).clip(0, 255)
    change_colors(found, jitter)
    np.testing.assert_allclose(found.permute(1, 2, 0).numpy(), expected, atol=1e-3)
    assert (expected == 0).any()
    assert (expected == 255).any()


def test_the_number_of_threads_shows_in_no_bit() -> None:
    """Loader processes have one thread each, the training process has several; 200 000 pixels occupy them all."""
    found = []
    threads = torch.get_num_threads()
    for number in (1, 2, 3):
        torch.set_num_threads(number)
        pixels = noise(0, 397, 509).float()
        change_colors(pixels, Jitter(1.1, 0.8, 1.2))
        found.append(pixels)
    torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


EVERYTHING = Transforms(resize=(24, 20), scale=(0.5, 2.0), crop=(16, 18), flip=0.5, jitter=0.4)
keys = st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from(["a", "b", "uu_000000", "uu_000001"]))


@given(keys, keys)
def test_a_sample_depends_on_seed_epoch_and_id_alone(key: tuple[int, int, str], other: tuple[int, int, str]) -> None:
    sample = Sample(noise(0, 30, 40), torch.arange(30 * 40).reshape(30, 40).to(torch.uint8))
    first, drawn = augmented(sample, EVERYTHING, generator_for(*key)), draw((30, 40), EVERYTHING, generator_for(*key))
    np.random.default_rng(0).random(10)
    torch.rand(3)
    between = draw((30, 40), EVERYTHING, generator_for(*other))
    again = augmented(sample, EVERYTHING, generator_for(*key))
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.target, again.target)
    assert draw((30, 40), EVERYTHING, generator_for(*key)) == drawn
    assert (drawn == between) == (key == other)


def test_generators_do_not_mix_up_seed_epoch_and_id() -> None:
    draws = {
        generator_for(*key).random() for key in ((1, 2, "a"), (2, 1, "a"), (12, 3, "a"), (1, 23, "a"), (1, 2, "2/a"))
    }
    assert len(draws) == 5


def test_augmenting_leaves_the_given_sample_alone() -> None:
    sample = sample_of(0, 12, 12)
    image, target = sample.image.clone(), sample.target.clone()
    augmented(sample, Transforms(crop=(20, 20), flip=1.0, jitter=0.5), np.random.default_rng(0))
    assert torch.equal(sample.image, image)
    assert torch.equal(sample.target, target)


def test_nothing_asked_nothing_changed() -> None:
    sample = sample_of(0, 5, 7)
    result = augmented(sample, Transforms(flip=0.0), np.random.default_rng(0))
    assert torch.equal(result.image, sample.image)
    assert torch.equal(result.target, sample.target)


def test_flip_turns_left_to_right() -> None:
    sample = sample_of(0, 5, 7)
    result = augmented(sample, Transforms(flip=1.0), np.random.default_rng(0))
    assert torch.equal(result.image, sample.image.flip(2))
    assert torch.equal(result.target, sample.target.flip(1))


def test_scales_are_drawn_evenly_on_a_logarithmic_scale() -> None:
    sample = sample_of(0, 1, 1, block=100)
    sizes = [
        augmented(sample, Transforms(scale=(0.5, 2.0)), np.random.default_rng(seed)).target.shape for seed in range(200)
    ]
    assert all(50 <= height == width <= 200 for height, width in sizes)
    assert 80 <= sum(height < 100 for height, _ in sizes) <= 120


def test_crops_reach_every_position() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw((3, 4), Transforms(crop=(2, 2)), rng) for _ in range(200)]
    assert {(each.rows.start, each.columns.start) for each in drawn} == {(y, x) for y in (0, 1) for x in (0, 1, 2)}
    assert all(each.size == (2, 2) == (each.rows.stop - each.rows.start, 2) for each in drawn)


@given(
    st.tuples(st.integers(1, 400), st.integers(1, 400)),
    st.tuples(st.floats(0.2, 1), st.floats(1, 3)),
    st.none() | st.tuples(st.integers(1, 400), st.integers(1, 400)),
    crops | st.tuples(st.integers(50, 400), st.integers(50, 400)),
    generators,
)
def test_a_window_is_what_the_crop_of_the_resized_image_would_show(
    size: tuple[int, int],
    scale: tuple[float, float],
    resize: tuple[int, int] | None,
    crop: tuple[int, int],
    rng: np.random.Generator,
) -> None:
    """As large, to the nearest pixel, and inside the image."""
    state = rng.bit_generator.state
    whole = draw(size, Transforms(resize=resize, scale=scale), rng)
    rng.bit_generator.state = state
    params = draw(size, Transforms(resize=resize, scale=scale, crop=crop), rng)
    assert (whole.rows, whole.columns) == (slice(0, size[0]), slice(0, size[1]))
    assert params.size == (min(crop[0], whole.size[0]), min(crop[1], whole.size[1]))
    for axis, window in enumerate((params.rows, params.columns)):
        assert 0 <= window.start < window.stop <= size[axis]
        exact = size[axis] * params.size[axis] / whole.size[axis]
        assert abs(window.stop - window.start - max(1, exact)) <= 0.5 + 1e-9


@given(st.integers(0, 1000), st.integers(1, 9), st.integers(3, 12), st.integers(0, 3), st.integers(0, 3))
def test_a_resized_window_is_the_window_of_the_resized_image(seed: int, new: int, old: int, y: int, x: int) -> None:
    """Where both pixel grids meet, every `old` pixels; only the image knows what lies beyond the window's border."""
    image, target = noise(seed, 6 * old, 6 * old), noise(seed, 6 * old, 6 * old)[0]
    whole = resize(Sample(image, target), (6 * new, 6 * new))
    rows, columns = slice(old * y, old * (y + 3)), slice(old * x, old * (x + 3))
    window = apply(Sample(image, target), CropParams(rows, columns, (3 * new, 3 * new), False, NO_JITTER))
    expected = (slice(new * y, new * (y + 3)), slice(new * x, new * (x + 3)))
    assert torch.equal(window.target, whole.target[expected])
    inside = slice(ceil(new / old) + 1, 3 * new - ceil(new / old) - 1)
    difference = window.image.int() - whole.image[:, *expected].int()
    assert (difference[:, inside, inside].abs() <= 1).all()


def test_a_small_image_is_padded_at_the_right_and_the_bottom() -> None:
    sample = sample_of(0, 3, 4)
    result = augmented(sample, Transforms(crop=(5, 6), flip=0), np.random.default_rng(0))
    assert torch.equal(result.target[:3, :4], sample.target)
    assert torch.equal(result.image[:, :3, :4], sample.image)
    assert (result.target[3:] == IGNORE).all()
    assert (result.target[:, 4:] == IGNORE).all()
    assert network_input(result.image, normalise=True)[:, 4, 5].abs().max() < 0.01


def test_resizing_to_the_own_size_is_the_same_sample() -> None:
    sample = sample_of(0, 3, 4)
    assert resize(sample, (3, 4)) is sample


@given(samples, st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_resize_takes_the_nearest_class(sample: Sample, size: tuple[int, int]) -> None:
    """The pixel whose area holds the new pixel's centre."""
    result = resize(sample, size)
    (height, width), (rows, columns) = sample.target.shape, size
    row = [int((i + 0.5) * height / rows) for i in range(rows)]
    column = [int((j + 0.5) * width / columns) for j in range(columns)]
    assert torch.equal(result.target, sample.target[row][:, column])
    assert torch.equal(result.image, resize_image(sample.image, size))
    assert tuple(result.image.shape[1:]) == size


def test_resize_averages_what_it_makes_smaller() -> None:
    """Antialiasing: stripes become grey, wherever they start."""
    stripes = torch.zeros(3, 8, 64, dtype=torch.uint8)
    stripes[:, :, ::2] = 200
    small = resize_image(stripes, (8, 7))
    assert (small.int() - 100).abs().max() <= 6


def test_normalise_equals_the_formula() -> None:
    images = noise(0, 4, 6)[None]
    expected = (images.double() / 255 - torch.tensor(IMAGENET_MEAN).double().view(3, 1, 1)) / torch.tensor(
        IMAGENET_STD
    ).double().view(3, 1, 1)
    found = network_input(images, normalise=True)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected.float())


def test_pixels_may_stay_between_0_and_1() -> None:
    images = noise(0, 4, 6)[None]
    assert torch.equal(network_input(images, normalise=False), images.float() / 255)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_images_may_lie_on_any_device(device: str) -> None:
    """Evaluation resizes and normalises on the model's device; `meta` refuses to mix devices just as a GPU does."""
    images = network_input(resize_image(noise(0, 4, 6).to(device), (8, 3))[None], normalise=True)
    assert images.device.type == device
    assert images.shape == (1, 3, 8, 3)
