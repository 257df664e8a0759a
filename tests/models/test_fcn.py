from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from roadseg.models.fcn import FCN, Head, Skip, Skips
from roadseg.models.upsample import Grid, upsample
from roadseg.models.upscore import Upscore, bilinear_kernel

WIDTH = 1 / 16


class TestBilinearKernel:
    @pytest.mark.parametrize("factor", [2, 8, 16, 32])
    def test_size_symmetry_and_peak(self, factor: int) -> None:
        kernel = bilinear_kernel(factor)
        assert kernel.shape == (2 * factor, 2 * factor)
        assert torch.equal(kernel, kernel.flip(0))
        assert torch.equal(kernel, kernel.T)
        assert kernel.argmax() == (factor - 1) * 2 * factor + factor - 1

    @pytest.mark.slow
    @pytest.mark.parametrize("factor", [2, 8, 16, 32])
    def test_weights_of_overlapping_cells_add_up_to_1(self, factor: int) -> None:
        kernel = bilinear_kernel(factor)
        torch.testing.assert_close(kernel.sum(), torch.tensor(float(factor**2)))
        phases = kernel.reshape(2, factor, 2, factor).sum((0, 2))
        torch.testing.assert_close(phases, torch.ones(factor, factor))

    def test_factor_2_is_the_kernel_of_the_paper_s_code(self) -> None:
        row = torch.tensor([0.25, 0.75, 0.75, 0.25])
        assert torch.equal(bilinear_kernel(2), row[:, None] * row)


class TestUpscore:
    @pytest.mark.parametrize("factor", [2, 8, 16, 32])
    def test_fixed_equals_a_transposed_bilinear_convolution_in_the_interior(self, factor: int) -> None:
        scores = torch.randn(2, 3, 4, 5)
        kernel = bilinear_kernel(factor).expand(3, 1, -1, -1)
        expected = F.conv_transpose2d(scores, kernel, stride=factor, groups=3)
        enlarged = Upscore(3, factor, learned=False)(scores)
        assert enlarged.shape == expected.shape == (2, 3, 5 * factor, 6 * factor)
        inside = (..., slice(factor, -factor), slice(factor, -factor))
        torch.testing.assert_close(enlarged[inside], expected[inside])

    def test_learned_begins_there_too(self) -> None:
        scores = torch.randn(2, 3, 4, 5)
        learned, fixed = Upscore(3, 8, learned=True)(scores), Upscore(3, 8, learned=False)(scores)
        assert learned.shape == fixed.shape
        torch.testing.assert_close(learned[..., 8:-8, 8:-8], fixed[..., 8:-8, 8:-8])

    def test_fixed_continues_the_border(self) -> None:
        assert Upscore(1, 2, learned=False)(torch.ones(1, 1, 1, 1)).eq(1).all()

    def test_only_learned_has_a_parameter(self) -> None:
        assert [p.shape for p in Upscore(3, 4, learned=True).parameters()] == [(3, 3, 8, 8)]
        assert not list(Upscore(3, 4, learned=False).parameters())


class TestHead:
    @pytest.mark.parametrize(("kind", "pad", "size"), [("vgg", True, 9), ("vgg", False, 3), ("light", True, 9)])
    def test_size(self, kind: str, pad: bool, size: int) -> None:
        head = Head(16, 5, WIDTH, kind, pad=pad, dropout=0.5)  # type: ignore[arg-type]
        assert head(torch.zeros(1, 16, 9, 9)).shape == (1, 5, size, size)

    def test_dropout_acts_in_training_only(self) -> None:
        head = Head(16, 5, WIDTH, "light", pad=True, dropout=0.5)
        features = torch.randn(1, 16, 4, 4)
        assert not torch.equal(head(features), head(features))
        head.eval()
        assert torch.equal(head(features), head(features))


class TestSkip:
    def test_plain_begins_at_zero(self) -> None:
        assert Skip(8, 5, "plain", 1e-2)(torch.randn(1, 8, 3, 3)).eq(0).all()

    def test_scaled_multiplies_the_features(self) -> None:
        skip = Skip(8, 5, "scaled", 1e-2)
        features = torch.randn(1, 8, 3, 3)
        torch.testing.assert_close(skip(features), skip.score(features * 1e-2))

    @pytest.mark.parametrize("training", [True, False])
    def test_normalised_brings_imagenet_sized_features_to_the_size_of_scores(self, training: bool) -> None:
        skip = Skip(256, 5, "normalised", 1e-2)
        features = 500 * torch.randn(2, 256, 8, 8).relu() * torch.rand(256, 1, 1)
        for _ in range(60):  # the running statistics settle
            scores = skip.train()(features)
        scores = skip.train(training)(features)
        assert scores.isfinite().all()
        assert scores.abs().max() < 2
        assert skip.score(features).abs().max() > 20, "the test's features are too small to tell"


@pytest.fixture
def images() -> Tensor:
    return torch.randn(1, 3, 160, 224, generator=torch.Generator().manual_seed(1))


def settled(net: FCN) -> FCN:
    """The net with scores of a size that a trained one has."""
    with torch.no_grad():
        net.head.get_parameter("score.weight").mul_(100)
    return net.eval()


def staged(coarse: FCN, fine: FCN) -> set[str]:
    """Start the finer net from the coarser one's weights; the names that it lacks."""
    return set(fine.load_state_dict(coarse.state_dict(), strict=False).missing_keys)


class TestStages:
    """PAMI 2017, sec. 4.2: a finer net starts from a trained coarser one and at first predicts the same."""

    def test_16s_starts_at_the_predictions_of_32s(self, images: Tensor) -> None:
        torch.manual_seed(0)
        coarse = settled(FCN(5, 32, width=WIDTH, skips="plain", head="light"))
        fine = FCN(5, 16, width=WIDTH, skips="plain", head="light").eval()
        assert staged(coarse, fine) == {"skips.0.score.weight", "skips.0.score.bias"}
        logits = coarse(images)
        torch.testing.assert_close(fine(images), upsample(logits, Grid(2), (10, 14)))
        before = upsample(logits, coarse.grid, (160, 224)).argmax(1)
        after = upsample(fine(images), fine.grid, (160, 224)).argmax(1)
        assert len(set(before.flatten().tolist())) > 2
        assert (before == after).float().mean() > 0.95

    def test_8s_starts_at_the_predictions_of_16s(self, images: Tensor) -> None:
        torch.manual_seed(0)
        coarse = settled(FCN(5, 16, width=WIDTH, skips="plain", head="light"))
        torch.nn.init.normal_(coarse.skips[0].get_parameter("score.weight"), std=0.1)
        fine = FCN(5, 8, width=WIDTH, skips="plain", head="light").eval()
        assert staged(coarse, fine) == {"skips.1.score.weight", "skips.1.score.bias"}
        torch.testing.assert_close(fine(images), upsample(coarse(images), Grid(2), (20, 28)))

    def test_learned_upsampling_starts_there_too(self, images: Tensor) -> None:
        torch.manual_seed(0)
        coarse = settled(FCN(5, 32, width=WIDTH, skips="plain", upsampling="learned"))
        fine = FCN(5, 16, width=WIDTH, skips="plain", upsampling="learned").eval()
        own = fine.final
        weights = {name: w for name, w in coarse.state_dict().items() if name != "final.weight"}
        fine.load_state_dict(weights, strict=False)
        assert fine.final is own
        inside = (..., slice(48, -48), slice(48, -48))
        before, after = coarse(images)[inside], fine(images)[inside]
        assert (before.argmax(1) == after.argmax(1)).float().mean() > 0.95


@pytest.mark.parametrize("skips", ["normalised", "scaled"])
def test_all_streams_at_once_begin_with_scores_of_one_size(skips: Skips, images: Tensor) -> None:
    torch.manual_seed(0)
    net = FCN(5, 8, width=WIDTH, skips=skips, head="light").train()
    assert net(500 * images).isfinite().all()


def test_frozen_offsets_of_caffe() -> None:
    strides: tuple[tuple[int, int], ...] = ((32, 3), (16, 19), (8, 27))
    grids = [FCN(5, stride, width=WIDTH, padding="caffe").grid for stride, _ in strides]  # type: ignore[arg-type]
    assert grids == [Grid(stride, margin) for stride, margin in strides]


def test_learned_logits_have_stride_1() -> None:
    assert FCN(5, 8, width=WIDTH, upsampling="learned").grid == Grid(1)
