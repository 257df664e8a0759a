from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import ndimage

from roadseg.data.decode import read_target
from roadseg.data.layouts import camvid
from roadseg.labels import IGNORE, camvid as camvid_labels
from roadseg.scoring.boundary import distance_to_other_class

maps = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.sampled_from([0, 1, 2, IGNORE])
)


def by_scipy(indices: np.ndarray, cap: int) -> np.ndarray:
    """SciPy's chessboard distance to the other classes, one class after the other."""
    distance = np.zeros_like(indices)
    for index in np.unique(indices[indices != IGNORE]):
        others = (indices != index) & (indices != IGNORE)
        far = ndimage.distance_transform_cdt(~others, "chessboard") if others.any() else np.full(indices.shape, cap)
        distance[indices == index] = np.minimum(far, cap)[indices == index]
    return distance


@given(maps, st.integers(1, 14))
def test_equals_scipy_class_by_class(indices: np.ndarray, cap: int) -> None:
    before = indices.copy()
    assert np.array_equal(distance_to_other_class(indices, cap), by_scipy(indices, cap))
    assert np.array_equal(indices, before)


def test_equals_scipy_on_real_labels(shared_camvid: Path) -> None:
    record = camvid.records(shared_camvid, "val")[0]
    target = read_target(record.label, camvid_labels()).numpy()
    assert (target == IGNORE).any()
    assert np.array_equal(distance_to_other_class(target), by_scipy(target, 32))


def test_ignored_pixels_are_neither_a_class_nor_a_wall() -> None:
    row = np.array([[0, 0, IGNORE, IGNORE, 1, 1]], np.uint8)
    assert distance_to_other_class(row).tolist() == [[4, 3, 0, 0, 3, 4]]
    assert distance_to_other_class(np.array([[0, 0, IGNORE]], np.uint8)).tolist() == [[32, 32, 0]]


@pytest.mark.parametrize("cap", [0, 256])
def test_cap_is_a_byte(cap: int) -> None:
    with pytest.raises(AssertionError):
        distance_to_other_class(np.zeros((2, 2), np.uint8), cap)
