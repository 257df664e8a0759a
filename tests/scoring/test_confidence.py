"""Counts of confidence and what follows from them, beside direct computations over the pixels and torchmetrics."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from roadseg.inference.predictor import Logits
from roadseg.labels import IGNORE
from roadseg.models.upsample import Grid, upsample, upsampled_classes
from roadseg.scoring import confidence
from roadseg.scoring.confidence import AS_SAID, BINS, CALIBRATED, CONFIDENCE, LOWEST, RIGHT, UNIT, WRONG

GRIDS = [Grid(1), Grid(4), Grid(8, 3)]


def scene(seed: int, grid: Grid, classes: int = 4, size: tuple[int, int] = (37, 50)) -> tuple[Tensor, Tensor, Tensor]:
    """Coarse logits (C, h, w), a target that follows them at some pixels, with ignored ones, and a boundary mask."""
    rng = torch.Generator().manual_seed(seed)
    cells = [-(-(length + grid.margin) // grid.stride) for length in size]
    logits = 3 * torch.randn(classes, *cells, generator=rng)
    likely = upsampled_classes(logits[None], grid, size)[0]
    other = torch.randint(0, classes, size, generator=rng, dtype=torch.uint8)
    target = torch.where(torch.rand(size, generator=rng) < 0.7, likely, other)
    target[torch.rand(size, generator=rng) < 0.1] = IGNORE
    return logits, target, torch.rand(size, generator=rng) < 0.3


def counted(seed: int, grid: Grid, temperature: float = 1.7) -> np.ndarray:
    logits, target, near = scene(seed, grid)
    found, confidences = Logits(logits, grid, (37, 50)).decide((1.0, temperature))
    return confidence.count(confidences, found, target, near)


def pixels(seed: int, grid: Grid, temperature: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Softmax (n, C), target (n,) and boundary (n,) of the labelled pixels, at full size."""
    logits, target, near = scene(seed, grid)
    labelled = target != IGNORE
    probabilities = (upsample(logits[None], grid, (37, 50))[0] / temperature).softmax(0)
    return probabilities[:, labelled].T.numpy(), target[labelled].long().numpy(), near[labelled].numpy()


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_counts_equal_a_direct_computation(grid: Grid) -> None:
    counts = counted(3, grid)
    for calibration, temperature in ((AS_SAID, 1.0), (CALIBRATED, 1.7)):
        softmax, target, near = pixels(3, grid, temperature)
        sure, right = softmax.max(1), softmax.argmax(1) == target
        index = np.searchsorted(LOWEST, sure, side="right") - 1
        for place in (0, 1):
            for what, chosen in ((WRONG, ~right), (RIGHT, right)):
                expected = np.bincount(index[chosen & (near == place)], minlength=BINS)
                found = counts[calibration, place, what]
                assert abs(found - expected).sum() <= 4  # the last bit of a softmax at the edge of a bin
                assert found.sum() == expected.sum()
            summed = counts[calibration, place, CONFIDENCE].sum() / UNIT
            assert summed == pytest.approx(sure[near == place].sum(), abs=1e-5 * len(sure))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("place", ["all", "inside", "boundary"])
def test_calibration_error_is_that_of_torchmetrics(seed: int, place: str) -> None:
    counts = confidence.regions(counted(seed, Grid(4)))[place]
    for calibration, temperature in ((AS_SAID, 1.0), (CALIBRATED, 1.7)):
        softmax, target, near = pixels(seed, Grid(4), temperature)
        chosen = {"all": near >= 0, "inside": ~near, "boundary": near}[place]
        peer = multiclass_calibration_error(
            torch.from_numpy(softmax[chosen]), torch.from_numpy(target[chosen]), 4, n_bins=15, norm="l1"
        )
        ours = confidence.calibration_error(confidence.merged(counts[calibration]))
        assert ours == pytest.approx(peer.item(), abs=1e-3)
        sure = softmax[chosen].max(1)
        bins = np.minimum((15 * sure).astype(int), 14)
        right = softmax[chosen].argmax(1) == target[chosen]
        direct = sum(abs(right[bins == b].sum() - sure[bins == b].sum()) for b in range(15)) / len(sure)
        assert ours == pytest.approx(direct, abs=1e-4)


def test_counts_of_images_add_up_and_ignored_ones_count_nothing() -> None:
    logits, target, near = scene(0, Grid(4))
    found, confidences = Logits(logits, Grid(4), (37, 50)).decide((1.0, 2.0))
    whole = confidence.count(confidences, found, target, near)
    left, right = target.clone(), target.clone()
    left[:, 20:], right[:, :20] = IGNORE, IGNORE
    parts = [confidence.count(confidences, found, part, near) for part in (left, right)]
    assert np.array_equal(whole, parts[0] + parts[1])
    assert whole[:, :, :CONFIDENCE].sum() == 2 * (target != IGNORE).sum()
    nothing = confidence.count(confidences, found, torch.full_like(target, IGNORE), near)
    assert not nothing.any()
    assert np.isnan(confidence.calibration_error(nothing)).all()


def small_counts(draw: st.DrawFn) -> np.ndarray:
    """Counts int64 (3, BINS) of a few pixels."""
    counts = np.zeros((3, BINS), np.int64)
    for _ in range(draw(st.integers(1, 12))):
        place = draw(st.integers(0, BINS - 1))
        what = draw(st.sampled_from([WRONG, RIGHT]))
        many = draw(st.integers(1, 40))
        counts[what, place] += many
        counts[CONFIDENCE, place] += many * int(UNIT * (LOWEST[place] + 1e-4))
    return counts


@given(st.data())
def test_risk_and_coverage_of_every_threshold(data: st.DataObject) -> None:
    counts = small_counts(data.draw)
    coverage, risk = confidence.risk_coverage(counts)
    for start in range(BINS):
        wrong, right = counts[WRONG, start:].sum(), counts[RIGHT, start:].sum()
        assert coverage[start] == (wrong + right) / counts[:CONFIDENCE].sum()
        assert np.isnan(risk[start]) if wrong + right == 0 else risk[start] == wrong / (wrong + right)
        kept = confidence.kept(counts, float(LOWEST[start]))
        assert kept.tolist() == [wrong, right, counts[:CONFIDENCE].sum()]
    assert confidence.kept(counts, None).tolist() == [0, 0, counts[:CONFIDENCE].sum()]


@given(st.data(), st.sampled_from([0.5, 0.9, 0.95, 1.0]))
def test_the_threshold_is_the_lowest_that_is_right_so_often(data: st.DataObject, level: float) -> None:
    counts = small_counts(data.draw)
    found = confidence.threshold(counts, level)
    good = [
        start
        for start in range(BINS)
        if counts[:CONFIDENCE, start:].sum()
        and counts[RIGHT, start:].sum() >= level * counts[:CONFIDENCE, start:].sum()
    ]
    assert (found is None) == (not good)
    if found:
        assert found.confidence == LOWEST[good[0]]
        assert found.right >= level - 1e-9


@pytest.mark.slow
@given(st.data())
def test_the_area_under_risk_and_coverage_is_the_mean_risk(data: st.DataObject) -> None:
    """Of the i surest pixels, for each i, in the mean over many orders of a bin's pixels."""
    counts = small_counts(data.draw)
    rng = np.random.default_rng(0)
    areas = []
    for _ in range(60):
        order: list[int] = []
        for start in reversed(range(BINS)):
            own = [1] * counts[WRONG, start] + [0] * counts[RIGHT, start]
            order += rng.permutation(own).astype(int).tolist()
        errors = np.array(order)
        areas.append((errors.cumsum() / np.arange(1, len(errors) + 1)).mean())
    tolerance = 0.03 + 2 / np.sqrt(len(order))
    assert confidence.area_under_risk_coverage(counts) == pytest.approx(np.mean(areas), abs=tolerance)


def test_confidence_of_a_perfect_calibration_has_no_error() -> None:
    """Pixels that are right exactly as often as they claim."""
    counts = np.zeros((3, BINS), np.int64)
    for start in range(BINS):
        level = int(UNIT * LOWEST[start]) + 1
        counts[:, start] = UNIT - level, level, level * UNIT
    assert confidence.calibration_error(confidence.merged(counts)) == pytest.approx(0, abs=1e-12)
    assert confidence.accuracy(counts) == pytest.approx(float(confidence.mean_confidence(counts)))
    sure, right, share = confidence.reliability(confidence.merged(counts))
    assert sure == pytest.approx(right)
    assert share.sum() == pytest.approx(1)
