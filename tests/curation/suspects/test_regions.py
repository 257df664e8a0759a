"""Which regions are suspect, and in which order."""

from pathlib import Path

import numpy as np
import torch
from hypothesis import given, strategies as st

from roadseg.curation.suspects.held_out import HeldOutPrediction, held_out_prediction
from roadseg.curation.suspects.regions import Thresholds, ranked, wrong_regions
from roadseg.data.records import Record
from roadseg.inference.predictor import Answer, Logits
from roadseg.labels import IGNORE
from roadseg.models.upsample import Grid

HERE = Path()


def judged(target: np.ndarray, predicted: np.ndarray, sure: float = 0.9, classes: int = 3) -> HeldOutPrediction:
    """What a network says that gives `sure` to the predicted class and shares the rest among the others."""
    probabilities = torch.full((classes, *target.shape), (1 - sure) / (classes - 1))
    probabilities.scatter_(0, torch.from_numpy(predicted.astype(np.int64))[None], sure)
    answer = Answer((Logits(probabilities.log(), Grid(1), (target.shape[0], target.shape[1])),), (1.0,))
    return held_out_prediction(Record("a", HERE, HERE, "a"), torch.from_numpy(target.astype(np.uint8)), answer)


def test_it_has_the_probabilities_of_prediction_and_label() -> None:
    found = judged(np.array([[0, 1], [IGNORE, 2]]), np.array([[0, 2], [1, 2]]), sure=0.8)
    assert found.predicted.tolist() == [[0, 2], [1, 2]]
    assert np.allclose(np.exp(found.log_best), 0.8)
    assert np.allclose(np.exp(found.log_label), [[0.8, 0.1], [1.0, 0.8]])


def test_a_wrong_object_is_one_region_with_its_box() -> None:
    target, predicted = np.zeros((20, 30)), np.zeros((20, 30))
    target[4:10, 5:12] = 1
    target[15:17, 2:4] = 1  # too small to be shown
    predicted[4:10, 10:12] = 2  # two classes in place of the label's: one region all the same
    region = wrong_regions(judged(target, predicted), vague=0)[0]
    assert len(wrong_regions(judged(target, predicted), vague=0)) == 1
    assert (region.box, region.pixels, region.label, region.predicted) == ((5, 4, 12, 10), 42, 1, 0)
    assert region.mask.all()
    assert np.allclose(region.margins, np.log(0.9 / 0.05), atol=1e-3)


def test_what_lies_beside_its_predicted_class_is_about_a_border() -> None:
    target, predicted = np.zeros((20, 30)), np.zeros((20, 30))
    target[:, 15:], predicted[:, 12:] = 1, 1  # the border is 3 pixels away
    assert wrong_regions(judged(target, predicted), smallest=1)[0].box == (12, 0, 13, 20)
    target[5:10, 2:6] = 2  # an object that the networks take for what is around it: its rim may be vague
    assert wrong_regions(judged(target, predicted), smallest=1, vague=1)[-1].box == (3, 6, 5, 9)
    predicted[5:10, 2:6] = 1  # nothing around it is labelled so
    assert wrong_regions(judged(target, predicted))[-1].box == (2, 5, 6, 10)


def test_unlabelled_pixels_are_never_suspect() -> None:
    target = np.full((10, 10), IGNORE)
    assert wrong_regions(judged(target, np.ones((10, 10)))) == []


@given(st.integers(0, 1000))
def test_regions_are_the_wrong_pixels_once_each(seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = rng.choice([0, 1, 2, IGNORE], (2, 3, 4))
    target, predicted = (np.kron(block, np.ones((5, 5))) for block in (blocks[0], blocks[1] % 3))
    seen = np.zeros(target.shape, int)
    for region in wrong_regions(judged(target, predicted), vague=0):
        left, top, right, bottom = region.box
        seen[top:bottom, left:right] += region.mask
        assert (target[top:bottom, left:right][region.mask] == region.label).all()
    assert np.array_equal(seen, (target != IGNORE) & (predicted != target))


def test_thresholds_are_the_mean_probability_of_a_class_on_its_own_pixels() -> None:
    thresholds = Thresholds(3)
    thresholds.add(judged(np.array([[0, 0, 1, IGNORE]]), np.array([[0, 1, 1, 2]]), sure=0.8))
    assert np.allclose(thresholds.values(), [(0.8 + 0.1) / 2, 0.8, 1.0])  # no pixel of class 2: no label is doubted


def test_sure_contradictions_come_first_and_doubtful_ones_not_at_all() -> None:
    target, predicted = np.zeros((10, 10)), np.ones((10, 10))
    sure, less, unsure = (
        wrong_regions(judged(target, predicted, sure=value))[0] for value in (0.95, 0.85, 0.6)
    )  # fmt: skip
    order = ranked([less, unsure, sure], np.array([0.7, 0.7, 0.7]))
    assert [suspect.region is each for suspect, each in zip(order, (sure, less), strict=True)] == [True, True]
    assert np.isclose(order[0].score, np.log(0.95 / 0.025) * np.log(100), rtol=1e-3)


def test_of_equally_sure_regions_the_larger_comes_first() -> None:
    small = wrong_regions(judged(np.zeros((5, 5)), np.ones((5, 5))))[0]
    large = wrong_regions(judged(np.zeros((9, 9)), np.ones((9, 9))))[0]
    assert ranked([small, large], np.full(3, 0.5))[0].region is large
