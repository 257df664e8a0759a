"""What is measured in an image that nobody labelled."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy as scipy_entropy

from roadseg.config import OPTIONS, Model
from roadseg.label_next.sight import Sight, entropy, sight, trunk_features
from roadseg.models import MODELS, build


def drawn(seed: int, classes: int = 5, size: tuple[int, int] = (16, 24)) -> torch.Tensor:
    return torch.randn(classes, *size, generator=torch.Generator().manual_seed(seed)).mul(2).softmax(0)


def seen(*probabilities: torch.Tensor) -> Sight:
    return sight(list(probabilities), [torch.ones(4)] * len(probabilities))


def test_entropy_is_scipy_s_and_defined_where_the_network_is_sure() -> None:
    probabilities = drawn(0)
    assert np.allclose(entropy(probabilities).numpy(), scipy_entropy(probabilities.numpy(), axis=0), atol=1e-5)
    assert entropy(torch.eye(3).reshape(3, 3, 1)).tolist() == [[0.0]] * 3


def test_doubt_is_a_share_of_the_most_there_can_be() -> None:
    assert np.isclose(seen(torch.full((4, 8, 8), 0.25)).doubt, 1)
    sure = seen(torch.zeros(4, 8, 8).index_fill_(0, torch.tensor([2]), 1.0))
    assert (sure.doubt, sure.unsure, sure.disagreement) == (0, 0, 0)


def test_disagreement_is_the_doubt_that_no_network_has_alone() -> None:
    one, other = torch.zeros(2, 2, 8, 8)
    one[0], other[1] = 1, 1
    apart = seen(one, other)
    assert np.isclose(apart.doubt, 1)  # of two classes
    assert np.isclose(apart.disagreement, 1)  # each is sure, of something else
    same = seen(drawn(1), drawn(1))
    assert np.isclose(same.disagreement, 0, atol=1e-6)
    assert np.isclose(same.doubt, seen(drawn(1)).doubt)
    both = seen(drawn(1), drawn(2))
    own = np.mean([seen(drawn(seed)).doubt for seed in (1, 2)])
    assert np.isclose(both.disagreement, both.doubt - own, atol=1e-6)


def test_unsure_pixels_and_the_classes_between_which_they_are() -> None:
    probabilities = torch.zeros(4, 8, 8)
    probabilities[0] = 1
    probabilities[:, :2] = torch.tensor([0.15, 0.45, 0.0, 0.4])[:, None, None]
    found = seen(probabilities)
    assert found.unsure == 0.25
    assert found.between.tolist() == [0, 1, 0, 1]


def test_the_doubts_about_the_classes_add_up() -> None:
    probabilities = torch.zeros(3, 8, 8)
    probabilities[0] = 1
    probabilities[:, :4] = torch.tensor([0.0, 0.5, 0.5])[:, None, None]  # a toss-up between two of three, in one half
    assert np.allclose(seen(probabilities).doubts, np.array([0, 0.25, 0.25]) * np.log(2) / np.log(3))


def test_features_have_length_1_and_those_of_several_networks_count_the_same() -> None:
    features = [torch.rand(7), 100 * torch.rand(5)]
    found = sight([drawn(0), drawn(1)], features).features
    assert np.isclose(np.linalg.norm(found), 1)
    assert np.isclose(np.linalg.norm(found[:7]), np.sqrt(0.5))
    assert np.allclose(found[7:], features[1] / features[1].norm() * np.sqrt(0.5))


@pytest.mark.parametrize("name", MODELS)
def test_every_network_s_trunk_is_heard(name: str) -> None:
    """What is kept are the last activations of the trunk, whichever way the network uses it."""
    options = {"head": "light"} if "head" in OPTIONS[name] else {}
    network = build(Model.model_validate({"name": name, "width": 0.1, **options}), 4).eval()
    image = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        alone = network(image)
        with trunk_features(network) as kept:
            assert torch.equal(network(image), alone)
        assert [features.shape for features in kept] == [(network.trunk.channels[-1],)]
        assert (kept[0] >= 0).all()
        assert kept[0].any()
        before = kept[0].clone()
        network(torch.rand(1, 3, 64, 96))
    assert torch.equal(kept[0], before)  # nothing is heard any more
