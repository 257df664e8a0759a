"""Which images are chosen, and in which order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadseg.label_next.choice import Chosen, choose, distances, worth
from roadseg.label_next.sight import CELLS

CLASSES = 3
NONE = np.zeros((0, CLASSES * CELLS[0] * CELLS[1]))


def drawn(count: int, seed: int) -> np.ndarray:
    """Layouts of random scenes: probabilities of the classes in each cell, (n, d)."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet([0.3] * CLASSES, (count, *CELLS)).transpose(0, 3, 1, 2).reshape(count, NONE.shape[1])


def of_one_class(index: int) -> np.ndarray:
    layout = np.zeros((CLASSES, *CELLS))
    layout[index] = 1
    return layout.ravel()


def positions(chosen: list[Chosen]) -> list[int]:
    return [each.position for each in chosen]


def test_the_distance_is_the_share_of_the_image_that_would_have_to_change() -> None:
    road, sky = of_one_class(0), of_one_class(1)
    half = road.reshape(CLASSES, *CELLS).copy()
    half[:2, :, : CELLS[1] // 2] = [[[0.0]], [[1.0]]]
    assert distances(np.stack([road, half.ravel()]), np.stack([road, sky])).tolist() == [[0, 1], [0.5, 0.5]]


@given(st.integers(0, 1000))
def test_distances_are_those_of_a_metric_between_0_and_1(seed: int) -> None:
    layouts = drawn(6, seed)
    apart = distances(layouts, layouts)
    assert np.allclose(apart, apart.T)
    assert (np.diag(apart) == 0).all()
    assert (apart <= 1 + 1e-12).all()
    assert (apart[:, None] <= apart[:, :, None] + apart[None] + 1e-12).all()


@given(st.integers(1, 12), st.integers(0, 14), st.integers(0, 1000))
def test_each_image_once_as_many_as_asked_and_more_change_nothing_before(count: int, asked: int, seed: int) -> None:
    value, layouts = np.random.default_rng(seed).random(count), drawn(count, seed)
    every = choose(value, layouts, count, NONE)
    assert sorted(positions(every)) == list(range(count))
    assert choose(value, layouts, asked, NONE) == every[:asked]


@given(st.integers(0, 1000), st.integers(0, 3))
def test_the_next_one_has_the_most_value_times_distance(seed: int, labelled: int) -> None:
    """The rule, step by step and without any short cut."""
    rng = np.random.default_rng(seed)
    value, layouts, known = rng.random(7), drawn(7, seed), drawn(labelled, seed + 1)
    kept: list[int] = []
    for each in choose(value, layouts, 7, known):
        before = [*known, *layouts[kept]]
        gains = {}
        for other in sorted(set(range(7)) - set(kept)):
            apart = min((np.abs(layouts[other] - one).sum() / 2 / np.prod(CELLS) for one in before), default=1.0)
            gains[other] = value[other] * apart
        assert np.isclose(gains[each.position], max(gains.values()))
        assert np.isclose(gains[each.position], each.value * each.distance)
        assert each.value == value[each.position]
        kept.append(each.position)


@given(st.integers(2, 5), st.integers(1, 4), st.integers(0, 1000))
def test_no_copy_while_something_else_is_left(scenes: int, copies: int, seed: int) -> None:
    """Frames of a car that stands: all copies of a scene but one come after all other scenes."""
    rng = np.random.default_rng(seed)
    scene = rng.permutation(np.repeat(np.arange(scenes), copies))
    value = rng.uniform(0.1, 1, len(scene))
    chosen = choose(value, drawn(scenes, seed)[scene], len(scene), NONE)
    assert len({scene[position] for position in positions(chosen[:scenes])}) == scenes
    for index in range(scenes):  # of each scene the frame with the most value
        first = next(position for position in positions(chosen) if scene[position] == index)
        assert value[first] == value[scene == index].max()


def test_what_is_labelled_already_comes_last() -> None:
    layouts = drawn(5, 0)
    chosen = choose(np.array([0.1, 0.9, 0.1, 0.1, 0.1]), layouts, 5, layouts[[1]])
    assert positions(chosen)[-1] == 1
    assert chosen[-1].distance == 0


def test_equal_images_keep_their_order() -> None:
    layouts = np.stack([of_one_class(0)] * 4)
    assert positions(choose(np.ones(4), layouts, 4, NONE)) == [0, 1, 2, 3]
    assert positions(choose(np.array([0.2, 0.1, 0.3, 0.2]), layouts, 4, NONE)) == [2, 0, 3, 1]
    assert positions(choose(np.zeros(3), drawn(3, 0), 3, NONE)) == [0, 1, 2]  # sure of everything


@pytest.mark.parametrize("asked", [0, 1])
def test_nothing_to_choose_from(asked: int) -> None:
    assert choose(np.zeros(0), NONE, asked, NONE) == []


@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 1000))
def test_every_class_counts_the_same_and_the_average_image_is_worth_1(images: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    doubts = rng.uniform(0.01, 1, (images, classes))
    assert np.isclose(worth(doubts).mean(), 1)
    assert np.allclose(worth(doubts), worth(doubts * rng.uniform(0.01, 100, classes)))  # large classes and small ones


def test_an_image_is_worth_its_shares_of_the_doubts() -> None:
    doubts = np.array([[0.6, 0.0, 0.0], [0.2, 0.03, 0.0]])
    assert np.allclose(worth(doubts), [0.75, 0.25 + 1])  # all the doubt about a rare class; no doubt about the third
    assert worth(np.zeros((3, 2))).tolist() == [0, 0, 0]
