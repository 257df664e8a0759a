from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from roadseg.models.segnet import SegNet


def test_maxima_go_back_to_their_places() -> None:
    torch.manual_seed(0)
    net = SegNet(5, width=1 / 16).eval()
    seen: dict[str, Tensor] = {}
    net.trunk.blocks[0][-2].register_forward_hook(lambda _, __, output: seen.update(features=output))  # type: ignore[index]
    net.decoder[-1].register_forward_pre_hook(lambda _, inputs: seen.update(unpooled=inputs[0]))
    with torch.no_grad():
        net(torch.randn(1, 3, 37, 50))
    features, unpooled = seen["features"], seen["unpooled"]
    assert features.shape == unpooled.shape
    maxima = F.interpolate(F.max_pool2d(features, 2, ceil_mode=True), scale_factor=2)[..., :37, :50]
    assert unpooled.ne(0).any()
    assert (features[unpooled.ne(0)] == maxima[unpooled.ne(0)]).all()
    assert F.avg_pool2d(unpooled.ne(0).float() * 4, 2).max() == 1, "more than one of four pixels is filled"


def test_decoder_mirrors_the_trunk() -> None:
    with torch.device("meta"):
        net = SegNet(11)
    kernels = [p for name, p in net.named_parameters() if name.startswith("decoder") and p.ndim == 4]
    mirrored = [p for p in net.trunk.parameters() if p.ndim == 4][1:][::-1]
    assert [tuple(p.shape[:2]) for p in kernels] == [tuple(p.shape[1::-1]) for p in mirrored]
    assert 29.3e6 < sum(p.numel() for p in net.parameters()) < 29.6e6  # the paper's table 4 says 29.45 M
