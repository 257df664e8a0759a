import io
import math
from types import SimpleNamespace

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import sklearn.metrics
import torch
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
from hypothesis import given, strategies as st
from PIL import Image
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

from roadseg.labels import IGNORE, cityscapes, indices_from_ids
from roadseg.scoring import metrics

Pair = tuple[np.ndarray, np.ndarray, int]


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """Prediction and target int64 (N,), and the number of classes; often with absent classes and ignored pixels."""
    classes = draw(st.integers(2, 6))
    size = draw(st.integers(1, 40))
    index = st.integers(0, classes - 1)
    prediction = draw(hnp.arrays(np.int64, size, elements=index))
    target = draw(hnp.arrays(np.int64, size, elements=index | st.just(IGNORE)))
    return prediction, target, classes


def known_pairs() -> st.SearchStrategy[Pair]:
    return pairs().filter(lambda pair: bool((pair[1] != IGNORE).any()))


def score(name: str, confusion: np.ndarray) -> np.ndarray:
    return metrics.SCORES[name].of(metrics.margins(confusion))


def confusion_of(prediction: np.ndarray, target: np.ndarray, classes: int) -> np.ndarray:
    return metrics.confusion_matrix(torch.from_numpy(prediction), torch.from_numpy(target), classes).numpy()


confusions = hnp.arrays(np.int64, st.sampled_from([(2, 2), (5, 5)]), elements=st.integers(0, 9))


@pytest.mark.slow
@given(known_pairs())
def test_equals_scikit_learn(pair: Pair) -> None:
    prediction, target, classes = pair
    confusion = confusion_of(*pair)
    truth, guess = target[target != IGNORE], prediction[target != IGNORE]
    assert (confusion == sklearn.metrics.confusion_matrix(truth, guess, labels=range(classes))).all()
    assert score("pixel_accuracy", confusion) == pytest.approx(sklearn.metrics.accuracy_score(truth, guess))

    occurring = sorted({*truth, *guess})
    iou = metrics.per_class_iou(confusion)
    for average, ours in (
        (None, iou[occurring]),
        ("macro", metrics.mean_iou(confusion)),
        ("micro", score("micro_iou", confusion)),
        ("weighted", score("frequency_weighted_iou", confusion)),
    ):
        theirs = sklearn.metrics.jaccard_score(truth, guess, labels=occurring, average=average)
        np.testing.assert_allclose(ours, theirs, err_msg=str(average))
    assert set(np.flatnonzero(~np.isnan(iou))) == set(occurring)

    in_truth = sorted(set(truth))
    theirs = sklearn.metrics.recall_score(truth, guess, labels=in_truth, average="macro")
    assert score("mean_accuracy", confusion) == pytest.approx(theirs)


@given(known_pairs())
def test_equals_torchmetrics(pair: Pair) -> None:
    """Torchmetrics computes in float32, and gives 0 instead of NaN for a class that never occurs."""
    prediction, target, classes = pair
    confusion = confusion_of(*pair)
    inputs = torch.from_numpy(prediction), torch.from_numpy(target)
    assert (confusion == MulticlassConfusionMatrix(classes, ignore_index=IGNORE)(*inputs).numpy()).all()
    for average, ours in (
        ("none", np.nan_to_num(metrics.per_class_iou(confusion), nan=0.0)),
        ("macro", metrics.mean_iou(confusion)),
        ("micro", score("micro_iou", confusion)),
        ("weighted", score("frequency_weighted_iou", confusion)),
    ):
        theirs = MulticlassJaccardIndex(classes, average=average, ignore_index=IGNORE)(*inputs)
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, err_msg=average)


def official_confusion(prediction: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, SimpleNamespace]:
    """CityscapesScripts' own matrix of ids uint8 (H, W), which it reads from PNG files, and its settings."""
    args = SimpleNamespace(evalInstLevelScore=False, evalPixelAccuracy=False, evalLabels=[])
    confusion = official.generateMatrix(args)
    files = io.BytesIO(), io.BytesIO()
    for file, ids in zip(files, (prediction, target), strict=True):
        Image.fromarray(ids).save(file, "png")
    official.evaluatePair(*files, confusion, {}, {}, args)
    return confusion, args


SPACE = cityscapes()
EVALUATED = [label.id for label in SPACE.classes]
id_pictures = st.tuples(
    hnp.arrays(np.uint8, (3, 8), elements=st.sampled_from(EVALUATED)),
    hnp.arrays(np.uint8, (3, 8), elements=st.integers(0, 33)),
)


def own_confusion(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    indices = [indices_from_ids(ids, SPACE).astype(np.int64) for ids in (prediction, target)]
    return confusion_of(*indices, len(SPACE.classes))


@given(id_pictures)
def test_equals_cityscapes_scripts(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    theirs, args = official_confusion(*pictures)
    ours = own_confusion(*pictures)
    assert (theirs[np.ix_(EVALUATED, EVALUATED)] == ours).all()
    scores = {label: official.getIouScoreForLabel(label, theirs, args) for label in args.evalLabels}
    np.testing.assert_allclose(metrics.per_class_iou(ours), [scores[label] for label in EVALUATED])
    np.testing.assert_allclose(metrics.mean_iou(ours), official.getScoreAverage(scores, args))
    priors = [official.getPrior(label, theirs) * float(theirs.sum()) for label in EVALUATED]
    np.testing.assert_allclose(ours.sum(1), priors)


@given(id_pictures)
def test_categories_equal_cityscapes_scripts(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    theirs, args = official_confusion(*pictures)
    names = list(dict.fromkeys(label.category for label in SPACE.classes))
    group_of = [names.index(label.category) for label in SPACE.classes]
    ours = metrics.per_class_iou(metrics.merged(own_confusion(*pictures), group_of))
    np.testing.assert_allclose(ours, [official.getIouScoreForCategory(name, theirs, args) for name in names])
    assert math.isnan(official.getIouScoreForCategory("void", theirs, args))


def test_cityscapes_scripts_differ_where_an_ignored_label_is_predicted() -> None:
    """They count such a pixel as a miss of its class; a network's output has no such class, so here it is refused."""
    road, ignored_parking = EVALUATED[0], 9
    target = np.full((2, 2), road, np.uint8)
    prediction = np.array([[road, road], [road, ignored_parking]], np.uint8)
    theirs, args = official_confusion(prediction, target)
    assert official.getIouScoreForLabel(road, theirs, args) == 0.75
    with pytest.raises(AssertionError, match="prediction 255 is not a class index"):
        own_confusion(prediction, target)


@given(pairs(), st.data())
def test_confusions_of_parts_add_up(pair: Pair, data: st.DataObject) -> None:
    prediction, target, classes = pair
    cut = data.draw(st.integers(0, len(target)))
    parts = [confusion_of(prediction[part], target[part], classes) for part in (slice(cut), slice(cut, None))]
    assert (sum(parts) == confusion_of(*pair)).all()


@given(pairs())
def test_shape_and_type_of_the_pictures_do_not_matter(pair: Pair) -> None:
    prediction, target, classes = pair
    flat = torch.from_numpy(np.stack([prediction, target]))
    for kind in (torch.uint8, torch.int16, torch.int64):
        guess, truth = flat.to(kind).reshape(2, 1, -1, 1)
        assert (metrics.confusion_matrix(guess, truth, classes).numpy() == confusion_of(*pair)).all()


def test_an_empty_picture_counts_nothing() -> None:
    empty = torch.zeros(0, 4, dtype=torch.int64)
    assert not metrics.confusion_matrix(empty, empty, 3).any()


@given(hnp.arrays(np.int64, (2, 3, 4, 4), elements=st.integers(0, 9)))
def test_leading_dimensions_are_kept(stack: np.ndarray) -> None:
    of_stack = metrics.scores(metrics.margins(stack))
    single = np.array([[metrics.scores(metrics.margins(confusion)) for confusion in row] for row in stack])
    np.testing.assert_array_equal(of_stack, single)
    groups = np.array([[metrics.merged(confusion, [0, 1, 1, 0]) for confusion in row] for row in stack])
    assert (metrics.merged(stack, [0, 1, 1, 0]) == groups).all()


@given(confusions)
def test_micro_iou_is_a_function_of_pixel_accuracy(confusion: np.ndarray) -> None:
    accuracy = score("pixel_accuracy", confusion)
    np.testing.assert_allclose(score("micro_iou", confusion), accuracy / (2 - accuracy))


def test_micro_iou_of_the_assignment() -> None:
    """Its printed accuracy is 0.8457 and its printed micro IoU 0.7326034546: one says what the other does."""
    wrong = 10**8 - 84566776
    confusion = np.array([[80000000, wrong], [0, 4566776]])
    assert round(float(score("pixel_accuracy", confusion)), 4) == 0.8457
    assert float(score("micro_iou", confusion)) == pytest.approx(0.7326034546, abs=1e-7)


@given(confusions)
def test_scores_lie_between_0_and_1(confusion: np.ndarray) -> None:
    for name in metrics.SCORES:
        value = score(name, confusion)
        assert math.isnan(value) == (confusion.sum() == 0)
        assert math.isnan(value) or 0 <= value <= 1


def test_nothing_counted_gives_nan_without_a_warning() -> None:
    empty = np.zeros((2, 5, 5), np.int64)
    assert np.isnan(metrics.scores(metrics.margins(empty))).all()
    assert np.isnan(metrics.scores(metrics.margins(empty[0]))).all()


def test_a_class_that_never_occurs_is_left_out_of_the_means() -> None:
    confusion = np.array([[6, 2, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(metrics.per_class_iou(confusion), [0.75, 0, np.nan])
    assert metrics.mean_iou(confusion) == 0.375
    assert score("mean_accuracy", confusion) == 0.75


@given(confusions, st.data())
def test_merged_keeps_every_pixel(confusion: np.ndarray, data: st.DataObject) -> None:
    classes = len(confusion)
    group_of = data.draw(st.lists(st.integers(0, 3), min_size=classes, max_size=classes))
    groups = metrics.merged(confusion, group_of)
    expected = np.zeros_like(groups)
    for truth, prediction in np.ndindex(classes, classes):
        expected[group_of[truth], group_of[prediction]] += confusion[truth, prediction]
    assert groups.dtype == np.int64
    assert (groups == expected).all()


@pytest.mark.parametrize("wrong", [-1, 3, 7, IGNORE])
def test_a_prediction_that_is_no_class_is_refused(wrong: int) -> None:
    with pytest.raises(AssertionError, match=f"prediction {wrong} is not a class index"):
        confusion_of(np.array([0, wrong]), np.array([0, 1]), 3)


@pytest.mark.parametrize("wrong", [3, 4, 200, 256])
@pytest.mark.parametrize("prediction", [0, 2])
def test_a_target_that_is_no_class_is_refused(wrong: int, prediction: int) -> None:
    with pytest.raises(AssertionError, match="a target is not 0-2 or 255"):
        confusion_of(np.array([0, prediction]), np.array([0, wrong]), 3)


def test_any_prediction_will_do_on_ignored_pixels() -> None:
    assert confusion_of(np.array([1, 200, -1]), np.array([1, IGNORE, IGNORE]), 3).sum() == 1


@given(confusions)
def test_a_score_is_one_row_that_all_else_follows(confusion: np.ndarray) -> None:
    values = metrics.scores(metrics.margins(confusion))
    found = metrics.by_score(values)
    for name, value in found.headline.items():
        assert value == pytest.approx(score(name, confusion), nan_ok=True)
    assert found.per_class == pytest.approx(metrics.per_class_iou(confusion), nan_ok=True)
    assert list(found.headline) == list(metrics.SCORES)


def test_no_score_depends_on_its_place_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    margins = metrics.margins(np.array([[5, 1, 0], [2, 7, 0], [0, 0, 3]]))
    before = metrics.by_score(metrics.scores(margins))
    monkeypatch.setattr(metrics, "SCORES", dict(reversed(metrics.SCORES.items())))
    after = metrics.by_score(metrics.scores(margins))
    assert after.headline == before.headline
    assert (after.per_class == before.per_class).all()
    assert metrics.in_order(0, before.per_class).tolist() == [0] * len(metrics.SCORES) + before.per_class.tolist()
