"""Paired tests against scipy, and how often they are wrong."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats as scipy_stats

from roadseg.scoring import stats


def mean(sums: np.ndarray) -> np.ndarray:
    """The sums themselves (R, 1)."""
    return sums.reshape(*sums.shape[:-1], -1) / 10_000


def compare(first: np.ndarray, second: np.ndarray, resamples: int = 1000) -> stats.PairedResult:
    """One score, one seed, a number for each unit."""
    return stats.paired(first[:, None, None], second[:, None, None], mean, np.array([len(first)]), resamples)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_all_swaps_are_scipys_permutation_test(seed: int, units: int) -> None:
    first, second = np.random.default_rng(seed).integers(0, 30, (2, units))
    expected = scipy_stats.permutation_test(
        (first, second), lambda a, b: np.abs(np.sum(a - b)), permutation_type="samples", alternative="greater"
    )
    assert compare(first, second).swapped[0] == pytest.approx(expected.pvalue)


def test_random_swaps_come_close_to_all() -> None:
    first, second = np.random.default_rng(0).integers(0, 60, (2, 14))
    expected = scipy_stats.permutation_test(
        (first, second), lambda a, b: np.abs(np.sum(a - b)), permutation_type="samples", alternative="greater",
        n_resamples=20_000,
    )  # fmt: skip
    found = compare(first, second, 10_000)
    assert not found.exact
    assert found.swapped[0] == pytest.approx(expected.pvalue, abs=0.02)


def test_five_drives_never_tell_and_six_may() -> None:
    for units, p in ((5, 2 / 2**5), (6, 2 / 2**6)):
        first = np.arange(units) % 2 + 200
        assert compare(first, np.full(units, 100)).p[0] == pytest.approx(p)


def test_the_order_of_the_systems_changes_the_sign_alone() -> None:
    first, second = np.random.default_rng(0).integers(0, 60, (2, 8))
    one, other = compare(first, second), compare(second, first)
    assert one.p[0] == pytest.approx(other.p[0])
    assert one.difference.score[0] == pytest.approx(-other.difference.score[0])
    np.testing.assert_allclose(
        one.difference.interval_of_differences()[0], -other.difference.interval_of_differences()[0][::-1], rtol=0.1
    )


@settings(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_step_by_step(p: list[float]) -> None:
    adjusted = stats.holm(np.array(p))
    rejected, going = set(), True
    for place, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        going = going and p[index] * (len(p) - place) <= 0.05
        if going:
            rejected.add(index)
    assert set(np.flatnonzero(adjusted <= 0.05)) == rejected
    assert np.isnan(stats.holm(np.array([np.nan]))[0])


@pytest.mark.slow
def test_systems_that_are_alike_are_told_apart_at_most_5_times_in_100() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(400):
        drive = rng.integers(0, 200, 8)
        first, second = (drive + rng.integers(0, 100, 8) for _ in range(2))
        alarms += compare(first, second, 200).p[0] <= 0.05
    assert alarms / 400 <= 0.06


def test_more_units_are_as_many_as_scipy_would_want() -> None:
    """A true difference of one deviation is found four times in five with 10 pairs (Cohen 1988)."""
    assert stats.more_units(1.0, 1 / 6**0.5, 6) in (4, 5)
    assert stats.more_units(0.0, 1.0, 6) is None
    assert stats.more_units(0.001, 1.0, 6) is None


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(6, 9), st.integers(2, 6))
def test_classes_are_corrected_step_by_step(seed: int, units: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 30, (2, units, 1, classes)) + rng.integers(0, 30, classes) * np.array(
        [[[[1]]], [[[0]]]]
    )

    def sums(counts: np.ndarray) -> np.ndarray:
        return counts / 10_000

    found = stats.paired(first, second, sums, np.full(classes, units), 200)
    family = rng.random(classes) < 0.8
    measured = found.swaps / np.sqrt((found.swaps**2).mean(0))
    left, largest = [int(i) for i in np.argsort(-measured[0]) if family[i]], 0.0
    expected = np.full(classes, np.nan)
    by_t = stats.holm(np.where(family, found.difference.p(), np.nan))
    while left:
        as_large = (measured[:, left].max(1) >= measured[0, left[0]] - 1e-12).mean()
        largest = max(largest, float(as_large))
        expected[left[0]] = max(largest, by_t[left[0]], found.swapped[left[0]])
        left.pop(0)
    np.testing.assert_allclose(found.holm(family), expected)
