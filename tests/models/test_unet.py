from __future__ import annotations

import torch

from roadseg.models.unet import UNet


def test_every_pool_is_concatenated() -> None:
    with torch.device("meta"):
        net = UNet(11)
    kernels = [p for name, p in net.named_parameters() if name.startswith("stages") and p.ndim == 4]
    assert [(p.shape[1], p.shape[0]) for p in kernels] == [
        (512, 512), (512 + 512, 512), (512 + 256, 256), (256 + 128, 128), (128 + 64, 64)
    ]  # fmt: skip


def test_logits_have_stride_2_for_any_size() -> None:
    net = UNet(5, width=1 / 16).eval()
    with torch.no_grad():
        assert net(torch.randn(1, 3, 65, 97)).shape == (1, 5, 33, 49)
