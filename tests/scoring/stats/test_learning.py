"""Learning curves carried on: known curves are found again, and the intervals hold what they should."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from roadseg.scoring import stats

SIZES = np.array([12.0, 24.0, 48.0, 96.0])
AHEAD = np.array([96.0, 192.0, 384.0])


def exact(curve: np.ndarray, seeds: int = 3) -> list[np.ndarray]:
    return [np.full(seeds, mean) for mean in curve]


def power(sizes: np.ndarray, exponent: float = 0.5) -> np.ndarray:
    return 0.7 - 1.2 * sizes**-exponent


@pytest.mark.parametrize("exponent", [0.2, 0.5, 1.0])
def test_a_power_law_is_found_again(exponent: float) -> None:
    found = stats.learning_curve(SIZES, exact(power(SIZES, exponent)), AHEAD)
    truth = power(AHEAD, exponent)
    assert found.score == pytest.approx(truth, abs=0.015)
    assert found.gain == pytest.approx(truth - truth[0], abs=0.015)
    assert (found.gain_interval[1:, 0] <= truth[1:] - truth[0]).all()
    assert (truth[1:] - truth[0] <= found.gain_interval[1:, 1]).all()
    assert found.gain_interval[0] == pytest.approx(0, abs=1e-6)


def test_the_form_stays_unknown_however_exact_the_scores_are() -> None:
    found = stats.learning_curve(SIZES, exact(power(SIZES), 8), AHEAD)
    widths = np.diff(found.gain_interval, axis=1)[:, 0]
    assert widths[2] > widths[1] > 0.005


def test_where_nothing_is_gained_nothing_is_promised() -> None:
    found = stats.learning_curve(SIZES, exact(np.full(4, 0.5)), AHEAD)
    assert found.gain == pytest.approx(0, abs=1e-3)
    assert (found.gain_interval[1:, 0] < 0).all()
    assert (found.gain_interval[1:, 1] > 0).all()
    assert (found.gain_interval[1:, 1] < 0.02).all()


def test_a_straight_line_over_the_doublings_may_go_on_but_not_rise_faster() -> None:
    line = 0.3 + 0.05 * np.log2(SIZES / SIZES[0])
    found = stats.learning_curve(SIZES, exact(line, 5), AHEAD)
    assert 0.03 < found.gain[1] < 0.06
    assert found.gain_interval[1, 1] < 0.08
    assert found.gain_interval[2, 0] > 0.03


def test_seeds_that_differ_widen_the_interval() -> None:
    steady = stats.learning_curve(SIZES, exact(power(SIZES)), AHEAD)
    noisy = [own + np.array([-0.03, 0.0, 0.03]) for own in exact(power(SIZES))]
    wide = stats.learning_curve(SIZES, noisy, AHEAD)
    assert (np.diff(wide.gain_interval)[1:] > 1.5 * np.diff(steady.gain_interval)[1:]).all()


def test_drives_that_are_harder_for_all_sizes_widen_the_score_and_not_the_gain() -> None:
    alone = stats.learning_curve(SIZES, exact(power(SIZES)), AHEAD)
    world = stats.learning_curve(SIZES, exact(power(SIZES)), AHEAD, np.full((4, 4), 0.04**2), 8)
    np.testing.assert_allclose(world.gain_interval, alone.gain_interval, atol=1e-6)
    assert (np.diff(world.score_interval) > 2 * np.diff(alone.score_interval)).all()
    paired = stats.learning_curve(SIZES, exact(power(SIZES)), AHEAD, 0.02**2 * np.eye(4), 8)
    assert (np.diff(paired.gain_interval)[1:] > np.diff(alone.gain_interval)[1:]).all()


@pytest.mark.slow
@settings(max_examples=10)
@given(st.lists(st.floats(0.2, 0.6), min_size=3, max_size=6), st.floats(-0.1, 0.1))
def test_the_level_does_not_matter_and_the_ends_are_in_order(scores: list[float], shift: float) -> None:
    sizes = 10.0 * 2.0 ** np.arange(len(scores))
    at = np.array([sizes[-1], 2 * sizes[-1]])
    found = stats.learning_curve(sizes, exact(np.array(scores), 1), at)
    moved = stats.learning_curve(sizes, exact(np.array(scores) + shift, 1), at)
    unclipped = np.abs(found.gain_interval) < 0.09
    np.testing.assert_allclose(moved.gain_interval[unclipped], found.gain_interval[unclipped], atol=1e-6)
    for middle, ends in ((found.score, found.score_interval), (found.gain, found.gain_interval)):
        assert (ends[:, 0] <= middle).all()
        assert (middle <= ends[:, 1]).all()


@pytest.mark.slow
def test_noisy_studies_hold_the_truth_at_least_nine_times_in_ten() -> None:
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(40):
        exponent = rng.uniform(0.1, 1.2)
        curve, truth = power(SIZES, exponent), power(AHEAD[1:], exponent) - power(AHEAD[:1], exponent)
        scores = [mean + 0.01 * rng.standard_normal(2) for mean in curve]
        ends = stats.learning_curve(SIZES, scores, AHEAD[1:]).gain_interval
        hits.append((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
    assert np.mean(hits) >= 0.9


def test_covariance_has_the_variances_of_estimate_and_tells_what_moves_together() -> None:
    rng = np.random.default_rng(0)
    common = rng.integers(100, 900, 9)
    counts = np.stack([common, common + rng.integers(-20, 20, 9), rng.integers(100, 900, 9)], axis=1)

    def shares(sums: np.ndarray) -> np.ndarray:
        return sums / 9000

    found = stats.covariance(counts, shares)
    errors = stats.estimate(counts, shares, np.full(3, 9)).standard_error
    assert np.sqrt(np.diag(found)) == pytest.approx(errors)
    correlation = found / np.outer(errors, errors)
    assert correlation[0, 1] > 0.99
    assert abs(correlation[0, 2]) < 0.8
