from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from roadseg.models.pspnet import PSPNet
from roadseg.models.vgg16 import VGG16

WIDTH = 1 / 16


def test_logits_see_the_whole_image_through_the_pyramid_alone() -> None:
    torch.manual_seed(0)
    net = PSPNet(5, width=WIDTH).eval()
    images = torch.randn(1, 3, 16, 512, requires_grad=True)

    def sight() -> int:
        (gradient,) = torch.autograd.grad(net(images)[..., 0].sum(), images)
        return int(gradient.abs().sum((0, 1, 2)).nonzero().max())

    assert sight() > 400
    for parameter in net.pyramid.parameters():
        nn.init.zeros_(parameter)
    assert sight() < 150


def test_levels_average_over_parts_of_the_image() -> None:
    net = PSPNet(5, width=WIDTH)
    features = torch.randn(2, net.trunk.channels[-1], 12, 18)
    for bins, level in zip((1, 2, 3, 6), net.pyramid, strict=True):
        expected = F.avg_pool2d(features, (12 // bins, 18 // bins))
        torch.testing.assert_close(level[0](features), expected)  # type: ignore[index]


def test_a_batch_of_one_trains() -> None:
    net = PSPNet(5, width=WIDTH).train()
    assert net(torch.randn(1, 3, 32, 32)).isfinite().all()


def test_a_dilated_trunk_takes_the_same_weights_and_keeps_stride_8() -> None:
    plain, dilated = VGG16(WIDTH), VGG16(WIDTH, dilated=True)
    dilated.load_state_dict(plain.state_dict())
    images = torch.randn(1, 3, 64, 96)
    assert [pool.shape[-1] for pool in plain(images)] == [48, 24, 12, 6, 3]
    assert [pool.shape[-1] for pool in dilated(images)] == [48, 24, 12, 12, 12]
    assert [name for name, _ in plain.published_layers()] == [name for name, _ in dilated.published_layers()]


def test_dilation_makes_up_for_the_missing_pooling() -> None:
    """Where pooling is picking every second cell, block 5 sees the same cells with and without it."""
    plain, dilated = VGG16(WIDTH), VGG16(WIDTH, dilated=True)
    dilated.load_state_dict(plain.state_dict())
    features = torch.randn(1, plain.channels[3], 16, 24)
    with torch.no_grad():
        coarse = list(plain.blocks[4].children())[:-1]
        expected = nn.Sequential(*coarse)(features[..., ::2, ::2])
        torch.testing.assert_close(dilated.blocks[4](features)[..., ::2, ::2], expected)
