"""Pictures: colours, boundaries, legends."""

import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from roadseg.inference.visualize import boundaries, colorize, confidence_map, overlay, with_legend
from roadseg.labels import IGNORE, camvid

SPACE = camvid()
indices = arrays(
    np.uint8, st.tuples(st.integers(1, 8), st.integers(40, 60)), elements=st.sampled_from([0, 3, 8, IGNORE])
)


@given(indices)
def test_colours_are_the_label_space_s(values: np.ndarray) -> None:
    picture = colorize(values, SPACE)
    for index in (0, 3, 8):
        assert (picture[values == index] == SPACE.classes[index].color).all()
    assert (picture[values == IGNORE] == 0).all()


def test_boundaries_lie_where_the_class_changes() -> None:
    values = np.array([[0, 0, 1], [0, 0, 1], [2, 2, 2]], np.uint8)
    assert boundaries(values).tolist() == [[False, True, False], [True, True, True], [False, False, False]]


@given(indices)
def test_a_legend_is_added_below_and_changes_nothing_above(values: np.ndarray) -> None:
    image = np.full((*values.shape, 3), 100, np.uint8)
    picture = overlay(image, values, SPACE)
    legend = with_legend(picture, values, SPACE)
    assert legend.shape[0] > picture.shape[0]
    assert (legend[: picture.shape[0]] == picture).all()


def test_the_legend_shows_the_colours_of_what_is_in_the_picture() -> None:
    values = np.zeros((20, 400), np.uint8)
    values[:, 200:] = 3
    legend = with_legend(colorize(values, SPACE), values, SPACE)[20:]
    shown = {tuple(color) for color in legend.reshape(-1, 3).tolist()}
    assert {SPACE.classes[0].color, SPACE.classes[3].color} <= shown
    assert SPACE.classes[8].color not in shown


def test_confidence_spans_black_to_white() -> None:
    assert confidence_map(np.array([[0.0, 0.5, 1.0]], np.float32)).tolist() == [[0, 128, 255]]
