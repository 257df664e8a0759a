import math
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy import ndimage

from roadseg.data.decode import read_target
from roadseg.data.layouts import camvid
from roadseg.labels import IGNORE, camvid as camvid_labels
from roadseg.models.upsample import Grid, upsample
from roadseg.scoring import anatomy
from roadseg.scoring.anatomy import edges, regions, scores, stride
from roadseg.scoring.boundary import distance_to_other_class
from roadseg.scoring.metrics import confusion_matrix, mean_iou

CLASSES = 3
Maps = tuple[np.ndarray, np.ndarray]


@st.composite
def maps(draw: st.DrawFn) -> Maps:
    """A prediction and a target, both `IGNORE` where the target is."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=14))
    index = st.integers(0, CLASSES - 1)
    prediction = draw(hnp.arrays(np.uint8, shape, elements=index))
    target = draw(hnp.arrays(np.uint8, shape, elements=index | st.just(IGNORE)))
    return np.where(target == IGNORE, IGNORE, prediction).astype(np.uint8), target


def counted(prediction: np.ndarray, target: np.ndarray) -> anatomy.Counts:
    return anatomy.count(prediction, target, CLASSES, Grid(8), target.shape)  # type: ignore[arg-type]


@pytest.mark.slow
@given(maps())
def test_parts_add_up_to_the_confusion_matrix(pair: Maps) -> None:
    counts = counted(*pair)
    whole = confusion_matrix(*map(torch.from_numpy, pair), CLASSES).numpy()
    assert np.array_equal(counts["band"].sum(0), whole)
    assert np.array_equal(counts["row"].sum(0), whole)
    assert np.array_equal(counts["stride"][0].sum(-1), whole.sum(-1))
    assert np.array_equal(counts["size"][..., 2].sum(0), whole.sum(-1))
    assert np.array_equal(counts["size"][..., 3].sum(0), np.diagonal(whole))


@pytest.mark.slow
@given(maps())
def test_counts_fit_the_zeros_that_they_are_put_into(pair: Maps) -> None:
    zeros = anatomy.empty(2, CLASSES)
    tensors = [torch.from_numpy(array) for array in pair]
    anatomy.add(zeros, 1, tensors[0], tensors[1], Grid(8), (pair[1].shape[0], pair[1].shape[1]))
    for name, counts in counted(*pair).items():
        assert np.array_equal(zeros[name][1], counts)
        assert not zeros[name][0].any()


def reference_mask_to_boundary(mask: np.ndarray, dilation: int) -> np.ndarray:
    """What the authors' `mask_to_boundary` does: the mask less its erosion by 3x3, `dilation` times, 0 outside."""
    eroded = ndimage.binary_erosion(mask, np.ones((3, 3)), dilation, border_value=0)
    return mask & ~eroded


@given(maps(), st.integers(1, 5))
def test_boundary_iou_equals_the_reference(pair: Maps, width: int) -> None:
    prediction, target = pair[0].copy(), pair[1].copy()
    prediction[prediction == IGNORE] = target[target == IGNORE] = 0  # the reference knows no ignored pixels
    distance = [distance_to_other_class(indices, width + 1) for indices in (prediction, target)]
    counts = edges.boundary_iou_counts(prediction, target, *distance, width, CLASSES)
    for index, iou in enumerate(scores.boundary_iou(counts)):
        predicted, true = (reference_mask_to_boundary(indices == index, width) for indices in (prediction, target))
        union = (predicted | true).sum()
        assert np.isnan(iou) if not union else iou == pytest.approx((predicted & true).sum() / union)


@given(maps(), st.integers(1, 4))
def test_boundary_f_equals_dilations_of_each_class(pair: Maps, tolerance: int) -> None:
    distance = [distance_to_other_class(indices) for indices in pair]
    counts = edges.boundary_f_counts(*pair, *distance, tolerance, CLASSES)
    for index in range(CLASSES):
        predicted, true = ((indices == index) & (each == 1) for indices, each in zip(pair, distance, strict=True))
        wide = [ndimage.binary_dilation(edge, np.ones((3, 3)), tolerance) for edge in (predicted, true)]
        expected = [true.sum(), (true & wide[0]).sum(), predicted.sum(), (predicted & wide[1]).sum()]
        assert counts[index].tolist() == expected


@given(maps(), st.integers(1, 4))
def test_pairs_equal_dilations_of_each_class(pair: Maps, near: int) -> None:
    prediction, target = pair
    counts = edges.pair_counts(prediction, target, distance_to_other_class(target), near, CLASSES)
    for b in range(CLASSES):
        close = ndimage.binary_dilation(target == b, np.ones((3, 3)), near) & (target != b)
        for a in set(range(CLASSES)) - {b}:
            assert counts[0, a, b] == (close & (target == a)).sum()
            assert counts[1, a, b] == (close & (target == a) & (prediction == b)).sum()


def test_more_classes_than_a_word_has_bits() -> None:
    target = np.arange(40, dtype=np.uint8).reshape(4, 10)
    counts = anatomy.count(target, target, 40, Grid(8), (4, 10))
    assert np.nanmin(scores.boundary_f(counts["boundary_f"])) == pytest.approx(1)
    assert counts["pair"][0, 39, 28] == 1
    assert counts["pair"][1].sum() == 0


def test_objects_by_size() -> None:
    target = np.zeros((40, 40), np.uint8)
    target[2:4, 2:4] = 1  # 2x2
    target[4:6, 4:6] = 1  # touches it at a corner: one object of 8 pixels
    target[10:30, 10:30] = 1
    prediction = target.copy()
    prediction[2:4, 2:4] = 0
    prediction[4, 4] = 0
    counts = regions.size_counts(prediction, target, 2)
    assert counts[:, 1].tolist() == [[1, 0, 8, 3], [0] * 4, [1, 1, 400, 400], [0] * 4, [0] * 4, [0] * 4]
    assert scores.size_recall(counts)[0] == pytest.approx(3 / 8)


def test_bands_are_powers_of_two() -> None:
    distance = np.array([[0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 255]], np.uint8)
    assert edges.band_of(distance).tolist() == [[IGNORE, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]]


@pytest.mark.parametrize("input_size", [(45, 70), (32, 48)])
def test_coarse_scores_become_classes_as_in_evaluation(input_size: tuple[int, int]) -> None:
    target = torch.from_numpy(np.random.default_rng(0).integers(0, 3, (45, 70), dtype=np.uint8))
    coarse = stride.coarse_scores(stride.one_hot(target, 3), 8, input_size)
    assert coarse.shape == (3, -(-input_size[0] // 8), -(-input_size[1] // 8))
    expected = upsample(coarse[None], Grid(8), input_size, (45, 70)).max(1).indices[0]
    assert torch.equal(stride.reached(coarse, 8, input_size, (45, 70)).long(), expected)


def test_coarse_scores_are_the_closest() -> None:
    maps = torch.rand(1, 20, 26)
    coarse = stride.coarse_scores(maps, 4, (20, 26))
    unit = torch.eye(coarse.numel()).reshape(-1, 1, *coarse.shape[1:])
    enlarging = upsample(unit, Grid(4), (20, 26)).flatten(1).T
    expected = torch.linalg.lstsq(enlarging, maps.reshape(-1, 1)).solution
    assert torch.allclose(coarse.reshape(-1, 1), expected, atol=1e-4)


def test_smaller_strides_reach_more_on_real_labels(shared_camvid: Path) -> None:
    record = camvid.records(shared_camvid, "val")[0]
    target = read_target(record.label, camvid_labels()).numpy()
    reached = mean_iou(stride.reached_confusions(target, 11, target.shape))  # type: ignore[arg-type]
    assert 0.99 > reached[0] > reached[1] > reached[2] > 0.5


def test_tolerances_follow_the_diagonal() -> None:
    from roadseg.scoring.anatomy.counting import tolerances

    assert tolerances((360, 480)) == ([3, 12], [2, math.ceil(4.5)])
    assert tolerances((1, 1)) == ([1, 1], [2, 1])
