"""What is measured in an image that nobody labelled."""

import numpy as np
import torch
from scipy.stats import entropy as scipy_entropy

from roadseg.label_next.sight import CELLS, entropy, sight


def drawn(seed: int, classes: int = 5, size: tuple[int, int] = (16, 24)) -> torch.Tensor:
    return torch.randn(classes, *size, generator=torch.Generator().manual_seed(seed)).mul(2).softmax(0)


def test_entropy_is_scipy_s_and_defined_where_the_network_is_sure() -> None:
    probabilities = drawn(0)
    assert np.allclose(entropy(probabilities).numpy(), scipy_entropy(probabilities.numpy(), axis=0), atol=1e-5)
    assert entropy(torch.eye(3).reshape(3, 3, 1)).tolist() == [[0.0]] * 3


def test_doubt_is_a_share_of_the_most_there_can_be() -> None:
    assert np.isclose(sight([torch.full((4, 8, 8), 0.25)]).doubt, 1)
    sure = sight([torch.zeros(4, 8, 8).index_fill_(0, torch.tensor([2]), 1.0)])
    assert (sure.doubt, sure.unsure, sure.disagreement) == (0, 0, 0)


def test_disagreement_is_the_doubt_that_no_network_has_alone() -> None:
    one, other = torch.zeros(2, 2, 8, 8)
    one[0], other[1] = 1, 1
    apart = sight([one, other])
    assert np.isclose(apart.doubt, 1)  # of two classes
    assert np.isclose(apart.disagreement, 1)  # each is sure, of something else
    same = sight([drawn(1), drawn(1)])
    assert np.isclose(same.disagreement, 0, atol=1e-6)
    assert np.isclose(same.doubt, sight([drawn(1)]).doubt)
    both = sight([drawn(1), drawn(2)])
    own = np.mean([sight([drawn(seed)]).doubt for seed in (1, 2)])
    assert np.isclose(both.disagreement, both.doubt - own, atol=1e-6)


def test_unsure_pixels_and_the_classes_between_which_they_are() -> None:
    probabilities = torch.zeros(4, 8, 8)
    probabilities[0] = 1
    probabilities[:, :2] = torch.tensor([0.15, 0.45, 0.0, 0.4])[:, None, None]
    seen = sight([probabilities])
    assert seen.unsure == 0.25
    assert seen.between.tolist() == [0, 1, 0, 1]


def test_the_layout_says_which_classes_are_where() -> None:
    probabilities = torch.zeros(3, 16, 32)
    probabilities[0, :8], probabilities[2, 8:] = 1, 1
    layout = sight([probabilities]).layout.reshape(3, *CELLS)
    assert np.allclose(layout.sum(0), 1)
    assert (layout[0, :2] == 1).all()
    assert (layout[2, 2:] == 1).all()
    assert np.allclose(sight([drawn(3, size=(13, 21))]).layout.reshape(5, *CELLS).sum(0), 1, atol=1e-5)  # uneven cells
