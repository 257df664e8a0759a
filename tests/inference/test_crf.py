"""The fully connected CRF, against mean-field inference with every pair of pixels written out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from PIL import Image
from torch import Tensor

from roadseg.config.settings import Config, Crf
from roadseg.inference.crf import SMOOTH_POSITION, SMOOTH_WEIGHT, GaussianFilter, lattice_corners, refine
from roadseg.inference.predict import predict
from roadseg.inference.predictor import Predictor
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.evaluate import evaluate_run
from roadseg.system.progress import Display
from roadseg.training.train import train

pytestmark = pytest.mark.slow


def distances(points: Tensor) -> Tensor:
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")


def gaussian_kernel(features: Tensor) -> Tensor:
    """exp(-|f_i - f_j|^2 / 2) of all pairs, normalised symmetrically."""
    kernel = torch.exp(-0.5 * distances(features) ** 2)
    scale = kernel.sum(1).rsqrt()
    return scale[:, None] * kernel * scale


def dense_mean_field(logits: Tensor, image: Tensor, settings: Crf) -> Tensor:
    """Class probabilities (N, C): algorithm 1 of the paper, O(N^2)."""
    classes, height, width = logits.shape[1:]
    places = torch.cartesian_prod(torch.arange(height), torch.arange(width)).double()
    colours = image.reshape(3, -1).T.double()
    near_and_alike = gaussian_kernel(torch.cat([places / settings.position, colours / settings.color], 1))
    near = gaussian_kernel(places / SMOOTH_POSITION)
    unary = logits.double().reshape(classes, -1).T.log_softmax(1)
    probabilities = unary.exp()
    for _ in range(settings.iterations):
        message = settings.weight * near_and_alike + SMOOTH_WEIGHT * near
        probabilities = (unary + message @ probabilities).softmax(1)
    return probabilities


def scene(height: int = 30, width: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (1, 3, H, W) of a network that is unsure near borders, the image, and the truth (H, W)."""
    random = torch.Generator().manual_seed(0)
    columns, rows = torch.meshgrid(torch.arange(width), torch.arange(height), indexing="xy")
    truth = (rows > 0.6 * height).long() + 2 * ((columns - 0.7 * width).abs() < 5).long() * (rows < 0.8 * height)
    truth = truth.clamp(max=2)
    colours = torch.tensor([[180, 200, 230], [90, 90, 95], [60, 110, 50]])
    image = (colours[truth].permute(2, 0, 1) + 6 * torch.randn(3, height, width, generator=random)).clamp(0, 255)
    blurred = torch.nn.functional.one_hot(truth, 3).permute(2, 0, 1)[None].float()
    blurred = torch.nn.functional.avg_pool2d(blurred, 9, stride=1, padding=4, count_include_pad=False)
    logits = 4 * blurred + 0.7 * torch.randn(1, 3, height, width, generator=random)
    return logits, image.to(torch.uint8), truth


SETTINGS = [
    Crf(iterations=5, weight=4, position=10, color=15),
    Crf(iterations=10, weight=8, position=30, color=10),
    Crf(iterations=5, weight=0),
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_agrees_with_dense_inference_over_all_pairs(settings: Crf) -> None:
    logits, image, truth = scene()
    refined = refine(logits, image, settings)
    probabilities = refined.exp()[0].reshape(3, -1).T
    exact = dense_mean_field(logits, image, settings)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(truth.numel()))
    assert (probabilities - exact).abs().mean() < 0.005
    same = (probabilities.argmax(1) == exact.argmax(1)).float().mean()
    assert same > 0.99
    before = (logits.argmax(1)[0] == truth).float().mean()
    after = (refined.argmax(1)[0] == truth).float().mean()
    assert 1 - same < 0.1 * (after - before), "the test's scene is too easy to tell"


def test_borders_move_to_where_colours_change() -> None:
    logits, image, truth = scene()
    accuracy = [
        (scores.argmax(1)[0] == truth).float().mean() for scores in (logits, refine(logits, image, SETTINGS[0]))
    ]
    assert accuracy[0] < 0.93
    assert accuracy[1] > 0.98


def test_no_iterations_change_nothing() -> None:
    logits, image, _ = scene()
    assert torch.equal(refine(logits, image, Crf()), logits)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (33, 2)])
def test_any_size(height: int, width: int) -> None:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 4, height, width, generator=random)
    image = torch.randint(0, 256, (3, height, width), generator=random, dtype=torch.uint8)
    refined = refine(logits, image, Crf(iterations=3))
    assert refined.shape == logits.shape
    torch.testing.assert_close(refined.exp().sum(1), torch.ones(1, height, width))


@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 10**6), st.floats(0.01, 100))
def test_corners_surround_their_point(dimensions: int, count: int, seed: int, spread: float) -> None:
    """Weights are barycentric: none is negative, they add up to 1, and the weighted corners give back the point."""
    random = torch.Generator().manual_seed(seed)
    features = spread * torch.randn(count, dimensions, generator=random, dtype=torch.float64)
    keys, weights = lattice_corners(features)
    assert weights.min() > -1e-9
    torch.testing.assert_close(weights.sum(1), torch.ones(count, dtype=torch.float64))
    points = (keys * weights[..., None]).sum(1)
    whole = torch.cat([points, -points.sum(1, keepdim=True)], 1)
    between = (distances(whole), (dimensions + 1) * (2 / 3) ** 0.5 * distances(features))
    torch.testing.assert_close(*between, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dimensions", [2, 5])
def test_sums_over_many_points_are_those_of_all_pairs(dimensions: int) -> None:
    random = torch.Generator().manual_seed(0)
    features = torch.rand(1500, dimensions, generator=random) * torch.tensor([3.0] * 2 + [1.0] * (dimensions - 2))
    values = torch.stack([features[:, 0], features.sum(1).sin()], 1)
    exact = gaussian_kernel(features) @ values
    error = (GaussianFilter(features)(values) - exact).abs()
    assert exact.std() > 0.5
    assert error.mean() < 0.05 * exact.std()
    assert error.max() < 0.2 * exact.std()


def test_distant_points_do_not_know_each_other() -> None:
    features = torch.tensor([[0.0, 0.0], [0.3, 0.0], [20.0, 20.0]])
    filtered = GaussianFilter(features)(torch.tensor([[1.0], [0.0], [0.0]]))[:, 0]
    assert filtered[1] > 0.1
    assert filtered[2] == 0


def test_order_of_points_does_not_matter() -> None:
    random = torch.Generator().manual_seed(0)
    features, values = torch.randn(50, 5, generator=random), torch.randn(50, 3, generator=random)
    order = torch.randperm(50, generator=random)
    torch.testing.assert_close(GaussianFilter(features[order])(values[order]), GaussianFilter(features)(values)[order])


def test_it_acts_on_final_predictions_and_not_on_training(
    streets: Path, tmp_path: Path, tiny: Callable[..., Config]
) -> None:
    runs = {name: RunDir(tmp_path / name) for name in ("demo-fcn8s", "demo-fcn8s_crf")}
    scores = {name: train(run, tiny(name, train__epochs=1), Display()) for name, run in runs.items()}
    plain, refined = runs.values()
    for run in runs.values():
        cost = {"seconds": 0, "memory_gib": 0}
        assert run.metrics()[0] | cost == plain.metrics()[0] | cost
    assert plain.metrics()[0]["val"]["mean_iou"] == scores["demo-fcn8s"]["mean_iou"]
    assert scores["demo-fcn8s_crf"]["mean_iou"] != scores["demo-fcn8s"]["mean_iou"]
    again = evaluate_run(refined, streets, "val", Display())
    assert again["per_class"] == scores["demo-fcn8s_crf"]["per_class"]

    picture = sorted((streets / "training/image_2").iterdir())[0]
    predict(refined, [str(picture)], tmp_path / "labelled", Display())
    labels = np.asarray(Image.open(tmp_path / "labelled/labels" / picture.name))
    space, pixels = refined.labels(), np.asarray(Image.open(picture))
    assert (labels == space.index_to_id[Predictor(refined).classes(pixels)]).all()
    assert (labels != space.index_to_id[Predictor(plain).classes(pixels)]).any()
