import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseg import metrics
from roadseg.stats.percentile import bootstrap_interval, resampled_groups


def share_right(sums: np.ndarray) -> np.ndarray:
    """Score of counts (R, 2) of right and wrong pixels."""
    return sums[:, 0] / sums.sum(1)


def each(count: int) -> list[str]:
    return [str(index) for index in range(count)]


def test_resamples_groups_or_images_where_there_is_one_group() -> None:
    assert resampled_groups(["a", "b", "a"]) == ("group", ["a", "b", "a"])
    assert resampled_groups(["a", "a"]) == ("image", ["0", "1"])
    assert resampled_groups(["a"]) == ("image", ["0"])


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 4))
def test_equals_a_slow_loop(seed: int, images: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, (images, 3, 3))
    units = [f"drive {index}" for index in rng.integers(0, groups, images)]

    names = sorted(set(units))
    scores = []
    for draw in np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), size=50):
        total = np.zeros((3, 3), np.int64)
        for name, times in zip(names, draw, strict=True):
            for confusion, unit in zip(counts, units, strict=True):
                if unit == name:
                    total += times * confusion
        scores.append(float(metrics.mean_iou(total)))
    expected = np.nanpercentile(scores, [2.5, 97.5])
    assert bootstrap_interval(counts, units, metrics.mean_iou, resamples=50, seed=seed) == pytest.approx(expected)


def test_depends_on_the_seed_alone() -> None:
    counts = np.random.default_rng(0).integers(1, 100, (12, 2))
    first = bootstrap_interval(counts, each(12), share_right)
    assert first == bootstrap_interval(counts, each(12), share_right)
    assert first != bootstrap_interval(counts, each(12), share_right, seed=1)
    assert first[0] < share_right(counts.sum(0, keepdims=True))[0] < first[1]


def test_names_of_the_units_do_not_matter_when_their_order_is_kept() -> None:
    counts = np.random.default_rng(0).integers(1, 100, (4, 2))
    named = bootstrap_interval(counts, ["a", "a", "b", "c"], share_right)
    assert named == bootstrap_interval(counts, ["drive 1", "drive 1", "drive 2", "drive 3"], share_right)


def test_one_unit_has_no_spread() -> None:
    counts = np.array([[3, 1], [1, 3]])
    assert bootstrap_interval(counts, ["a", "a"], share_right) == (0.5, 0.5)
    assert bootstrap_interval(counts[:1], ["a"], share_right) == (0.75, 0.75)


def test_equal_images_have_no_spread() -> None:
    assert bootstrap_interval(np.array([[3, 1]] * 5), each(5), share_right) == (0.75, 0.75)


def test_nothing_counted_gives_nan_without_a_warning() -> None:
    low, high = bootstrap_interval(np.zeros((3, 2, 2), np.int64), each(3), metrics.mean_iou)
    assert math.isnan(low)
    assert math.isnan(high)


def test_resamples_without_a_score_are_left_out() -> None:
    """An image of ignored pixels alone, drawn twice, has no score; the interval is that of the others."""
    counts = np.array([[[0, 0], [0, 0]], [[3, 1], [0, 0]]])
    assert bootstrap_interval(counts, each(2), metrics.pixel_accuracy) == (0.75, 0.75)


def test_large_counts_stay_exact() -> None:
    counts = np.array([[2**45, 0], [2**45, 0], [0, 1]])
    low, high = bootstrap_interval(counts, each(3), lambda sums: np.minimum(sums[:, 0] % 2**45, 1.0))
    assert (low, high) == (0, 0)


def test_covers_the_truth_about_95_times_in_100() -> None:
    """Images of 100 pixels whose own accuracy varies around 0.7, 40 at a time, 300 times."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        right = rng.binomial(100, rng.beta(7, 3, 40))
        low, high = bootstrap_interval(np.stack([right, 100 - right], 1), each(40), share_right, resamples=400)
        covered += low <= 0.7 <= high
    assert 0.91 < covered / 300 < 0.98


def test_groups_of_alike_images_give_a_wider_interval_that_covers_where_that_of_images_does_not() -> None:
    """30 drives of 10 images; the images of a drive share its accuracy."""
    rng = np.random.default_rng(0)
    units = [f"drive {index // 10}" for index in range(300)]
    covered = {"groups": 0, "images": 0}
    for _ in range(100):
        right = rng.binomial(100, np.repeat(rng.beta(7, 3, 30), 10))
        counts = np.stack([right, 100 - right], 1)
        low, high = bootstrap_interval(counts, units, share_right, resamples=300)
        narrow_low, narrow_high = bootstrap_interval(counts, each(300), share_right, resamples=300)
        assert high - low > 1.5 * (narrow_high - narrow_low)
        covered["groups"] += low <= 0.7 <= high
        covered["images"] += narrow_low <= 0.7 <= narrow_high
    assert covered["groups"] >= 88
    assert covered["images"] <= 70
