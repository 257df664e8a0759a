"""Which images are chosen, and in which order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from roadseg.label_next import choice
from roadseg.label_next.choice import Chosen, choose, distances, worth

SIZE = 6
NONE = np.zeros((0, SIZE))


def drawn(count: int, seed: int) -> np.ndarray:
    """Features of random scenes, not negative and of length 1, (n, d)."""
    features = np.random.default_rng(seed).exponential(size=(count, SIZE)) ** 2
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def positions(chosen: list[Chosen]) -> list[int]:
    return [each.position for each in chosen]


@given(st.integers(0, 1000))
def test_distances_are_in_proportion_to_euclid_s(seed: int) -> None:
    some, others = drawn(6, seed), drawn(4, seed + 1)
    assert np.allclose(distances(some, others), cdist(some, others) / np.sqrt(2), atol=1e-4)
    assert (np.diag(distances(some, some)) == 0).all()
    assert distances(np.eye(SIZE)[:1], np.eye(SIZE)[1:2]).tolist() == [[1]]


@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 1000))
def test_every_class_counts_the_same_and_the_average_image_weighs_1(images: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    doubts = rng.uniform(0.01, 1, (images, classes))
    assert np.isclose(worth(doubts).mean(), 1)
    assert np.allclose(worth(doubts), worth(doubts * rng.uniform(0.01, 100, classes)))  # large classes and small ones


def test_an_image_weighs_its_shares_of_the_doubts() -> None:
    doubts = np.array([[0.6, 0.0, 0.0], [0.2, 0.03, 0.0]])
    assert np.allclose(worth(doubts), [0.75, 0.25 + 1])  # all the doubt about a rare class; no doubt about the third
    assert worth(np.zeros((3, 2))).tolist() == [0, 0, 0]


@given(st.integers(1, 12), st.integers(0, 14), st.integers(0, 1000))
def test_each_image_once_as_many_as_asked_and_more_change_nothing_before(count: int, asked: int, seed: int) -> None:
    weights, features = np.random.default_rng(seed).random(count), drawn(count, seed)
    every = choose(weights, features, count, NONE)
    assert sorted(positions(every)) == list(range(count))
    assert choose(weights, features, asked, NONE) == every[:asked]


@given(st.integers(0, 1000), st.integers(0, 3), st.integers(1, 9))
def test_the_next_one_leaves_the_least_doubt(seed: int, labelled: int, rows: int) -> None:
    """The rule, step by step and without any short cut; a few rows at a time give the same."""
    weights, features, known = np.random.default_rng(seed).random(9), drawn(9, seed), drawn(labelled, seed + 1)

    def left(chosen: list[int]) -> float:
        centres = np.concatenate([known, features[chosen]])
        return float(weights @ (cdist(features, centres) / np.sqrt(2)).min(1)) if len(centres) else float(weights.sum())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "ROWS", rows)
        chosen = choose(weights, features, 9, known)
    kept: list[int] = []
    for each in chosen:
        after = {other: left([*kept, other]) for other in sorted(set(range(9)) - set(kept))}
        assert after[each.position] <= min(after.values()) + 1e-3  # distances of copies are rounded
        assert np.isclose(each.share, (left(kept) - after[each.position]) / left([]), atol=1e-3)
        assert each.weight == weights[each.position]
        kept.append(each.position)
    assert sum(each.share for each in chosen) == pytest.approx(1)


@given(st.integers(2, 5), st.integers(1, 4), st.integers(0, 1000))
def test_no_copy_while_something_else_is_left(scenes: int, copies: int, seed: int) -> None:
    """Frames of a car that stands: all copies of a scene but one come after all other scenes."""
    rng = np.random.default_rng(seed)
    scene = rng.permutation(np.repeat(np.arange(scenes), copies))
    chosen = choose(rng.uniform(0.1, 1, len(scene)), drawn(scenes, seed)[scene], len(scene), NONE)
    assert len({scene[position] for position in positions(chosen[:scenes])}) == scenes
    assert all(each.share == 0 for each in chosen[scenes:])


def test_what_is_labelled_already_comes_last() -> None:
    features, weights = drawn(5, 0), np.array([0.1, 9.0, 0.1, 0.1, 0.1])
    assert positions(choose(weights, features, 5, NONE))[0] == 1
    last = choose(weights, features, 5, features[[1]])[-1]
    assert (last.position, last.share) == (1, 0)
    assert positions(choose(weights, features, 5, features)) == [0, 1, 2, 3, 4]  # nothing to gain: in their order


def test_doubt_decides_between_scenes_and_how_many_are_alike_too() -> None:
    features = np.eye(SIZE)[[0, 1, 1, 1, 2]]
    assert positions(choose(np.ones(5), features, 3, NONE)) == [1, 0, 4]  # three images of one scene
    assert positions(choose(np.array([1.0, 1, 1, 1, 5]), features, 3, NONE)) == [4, 1, 0]


def test_equal_images_keep_their_order() -> None:
    assert positions(choose(np.ones(4), np.eye(SIZE)[[0] * 4], 4, NONE)) == [0, 1, 2, 3]
    assert positions(choose(np.zeros(3), drawn(3, 0), 3, NONE)) == [0, 1, 2]  # sure of everything


@pytest.mark.parametrize("asked", [0, 1])
def test_nothing_to_choose_from(asked: int) -> None:
    assert choose(np.zeros(0), NONE, asked, NONE) == []
