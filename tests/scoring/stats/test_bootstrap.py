"""Intervals: equal to a slow loop, and they hold the truth as often as they say."""

import random

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats as scipy_stats

from roadseg.scoring import metrics, stats


def share_right(sums: np.ndarray) -> np.ndarray:
    """Score of counts (R, 2) of right and wrong pixels."""
    return (sums[:, 0] / sums.sum(1))[:, None]


def interval(right: np.ndarray, resamples: int = 2000, seed: int = 0) -> tuple[float, float]:
    counts = np.stack([right, 100 - right], 1)
    found = stats.estimate(counts, share_right, np.array([len(right)]), resamples, seed)
    low, high = found.interval_of_shares()[0]
    return float(low), float(high)


def test_units_are_groups_or_stretches_of_the_only_one() -> None:
    units = stats.resampling_units(["a", "b", "a"])
    assert (units.kind, units.of, units.count) == ("group", (0, 1, 0), 2)
    blocks = stats.resampling_units(["a"] * 101)
    assert (blocks.kind, blocks.count) == ("block", 6)
    assert list(blocks.of) == sorted(blocks.of)
    assert set(np.bincount(blocks.of)) == {16, 17}
    assert stats.resampling_units(["a"] * 29).kind == "none"


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_few_drives_are_cut_into_six_stretches_if_they_are_long_enough(sizes: list[int], random: random.Random) -> None:
    groups = [f"drive {number}" for number, size in enumerate(sizes) for _ in range(size)]
    random.shuffle(groups)
    units = stats.resampling_units(groups)
    frames = np.bincount(units.of, minlength=units.count)
    assert len(units.of) == len(groups)
    assert (frames > 0).all()
    assert all(len({group for group, of in zip(groups, units.of, strict=True) if of == unit}) == 1
               for unit in range(units.count)) or units.kind == "none"  # fmt: skip
    pieces = [len({of for group, of in zip(groups, units.of, strict=True) if group == name}) for name in set(groups)]
    if len(sizes) >= 6:
        assert (units.kind, units.count) == ("group", len(sizes))
    elif sum(max(1, size // 5) for size in sizes) >= 6:
        assert (units.kind, units.count, sum(pieces)) == ("block", 6, 6)
        for name in set(groups):
            own = [of for group, of in zip(groups, units.of, strict=True) if group == name]
            assert own == sorted(own)
            assert len(set(own)) == 1 or min(np.bincount(own)[min(own) :]) >= 5
    else:
        assert (units.kind, units.count) == ("group" if len(sizes) > 1 else "none", len(sizes))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_margins_give_the_scores_of_confusions(seed: int, classes: int) -> None:
    confusion = np.random.default_rng(seed).integers(0, 4, (classes, classes)) + np.eye(classes, dtype=np.int64)[0]
    true, predicted, right = confusion.sum(1), confusion.sum(0), np.diag(confusion)
    union, pixels = true + predicted - right, confusion.sum()
    ious = [right[i] / union[i] if union[i] else np.nan for i in range(classes)]
    expected = {
        "mean_iou": np.nanmean(ious),
        "micro_iou": right.sum() / union.sum(),
        "frequency_weighted_iou": sum(true[i] / pixels * ious[i] for i in range(classes) if true[i]),
        "pixel_accuracy": right.sum() / pixels,
        "mean_accuracy": np.mean([right[i] / true[i] for i in range(classes) if true[i]]),
    }
    scores = metrics.scores(metrics.margins(confusion))
    np.testing.assert_allclose(scores, [expected[name] for name in metrics.SCORES] + ious)


def test_the_error_is_that_of_a_mean_where_the_score_is_one() -> None:
    values = np.random.default_rng(0).integers(0, 100, (9, 1))
    found = stats.estimate(values, lambda sums: sums / 900, np.array([9]), resamples=100_000)
    assert found.standard_error[0] * 100 == pytest.approx(scipy_stats.sem(values[:, 0]), rel=0.01)


def test_depends_on_the_seed_alone() -> None:
    right = np.random.default_rng(0).integers(40, 90, 12)
    assert interval(right) == interval(right)
    assert interval(right) != interval(right, seed=1)
    low, high = interval(right)
    assert low < right.mean() / 100 < high


def test_one_unit_says_nothing_and_equal_ones_do_not_spread() -> None:
    assert np.isnan(interval(np.array([70]))).all()
    assert interval(np.array([70, 70, 70])) == pytest.approx((0.7, 0.7))


def test_a_class_in_one_drive_has_no_interval() -> None:
    confusions = np.random.default_rng(0).integers(1, 50, (6, 3, 3))
    confusions[1:, 2] = 0
    counts = metrics.margins(confusions)
    units_with_class = metrics.units_of_scores(counts)
    ends = stats.estimate(counts, metrics.scores, units_with_class, 200).interval_of_shares()
    assert np.isnan(ends[-1]).all()
    assert not np.isnan(ends[:-1]).any()


@pytest.mark.parametrize("drives", [4, 8, 30])
def test_covers_the_truth_about_95_times_in_100_even_with_few_drives(drives: int) -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        low, high = interval(rng.binomial(100, rng.beta(7, 3, drives)), 300)
        hits += low <= 0.7 <= high
    assert 0.91 < hits / 300 <= 0.99


def test_seeds_widen_the_interval() -> None:
    counts = metrics.margins(np.random.default_rng(0).integers(50, 100, (8, 3, 3)))
    found = stats.estimate(counts, metrics.scores, metrics.units_of_scores(counts), 500)
    wider = stats.with_seeds(found, [found.score - 0.1, found.score + 0.1])
    assert (wider.standard_error > found.standard_error).all()
    assert stats.with_seeds(found, [found.score]) is found


def test_what_is_always_right_has_an_interval() -> None:
    """Rounding makes the score of a resample differ from 1 in its last digit."""
    right = np.random.default_rng(0).integers(1, 1000, (8, 11))
    margins = np.stack([right] * 3, axis=1)
    found = stats.estimate(margins, metrics.scores, metrics.units_of_scores(margins), 300)
    np.testing.assert_allclose(found.interval_of_shares(), 1)
