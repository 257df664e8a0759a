"""Intervals of scores that follow from counts of images."""

import numpy as np
import pytest

from roadseg.scoring import metrics
from roadseg.scoring.scores import intervals
from roadseg.scoring.stats import resampling_units, share_interval


def right(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[:, 0] / sums.sum(-1))


def drives(count: int, seed: int) -> np.ndarray:
    """Right and wrong pixels of four images each of some drives, which have a rate of their own around 0.7."""
    rng = np.random.default_rng(seed)
    hits = rng.binomial(1000, rng.beta(14, 6, count).repeat(4))
    return np.stack([hits, 1000 - hits], 1)


def names(count: int) -> list[str]:
    return [f"drive {number // 4}" for number in range(4 * count)]


def test_it_is_the_interval_of_an_evaluation() -> None:
    rng = np.random.default_rng(0)
    confusions = rng.integers(1, 100, (12, 3, 3))
    groups = [f"drive {number // 2}" for number in range(12)]
    stated = intervals(metrics.margins(confusions), resampling_units(groups), ["a", "b", "c"])["ci95"]["mean_iou"]
    assert share_interval(confusions, groups, metrics.mean_iou) == pytest.approx(stated, abs=0.005)


@pytest.mark.slow
def test_the_truth_is_held_as_often_as_is_said() -> None:
    """With 5 drives the percentiles of a bootstrap hold it in about 83 %."""
    ends = [share_interval(drives(5, seed), names(5), right) for seed in range(200)]
    assert sum(low <= 0.7 <= high for low, high in ends) >= 0.91 * len(ends)


def test_the_images_of_a_drive_stay_together() -> None:
    counts = drives(8, 0).repeat(6, 0)
    low, high = share_interval(counts, [f"drive {number // 24}" for number in range(len(counts))], right)
    alone_low, alone_high = share_interval(counts, [str(number) for number in range(len(counts))], right)
    assert high - low > 2 * (alone_high - alone_low)


@pytest.mark.parametrize("counts", [np.zeros((8, 2), np.int64), np.array([[3, 1]])])
def test_without_a_score_or_with_one_unit_nothing_is_known(counts: np.ndarray) -> None:
    with np.errstate(invalid="ignore"):
        assert np.isnan(share_interval(counts, [str(number) for number in range(len(counts))], right)).all()
