from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roadseg.models.fcn_resnet18 import FCNResNet18
from roadseg.models.resnet18 import ResNet18

WIDTH = 1 / 16


def named(trunk: ResNet18) -> dict[str, Tensor]:
    """The trunk's tensors by torchvision's names, statistics unlike 0 and 1."""
    tensors: dict[str, Tensor] = {}
    for name, layer in trunk.published_layers():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.get_buffer("running_mean"), -0.2, 0.2)
            nn.init.uniform_(layer.get_buffer("running_var"), 0.5, 2)
        tensors |= {f"{name}.{key}": tensor for key, tensor in layer.state_dict().items()}
    return tensors


def normalised(features: Tensor, tensors: dict[str, Tensor], name: str) -> Tensor:
    keys = ("running_mean", "running_var", "weight", "bias")
    return F.batch_norm(features, *(tensors[f"{name}.{key}"] for key in keys))


def residual(features: Tensor, tensors: dict[str, Tensor], name: str, stride: int) -> Tensor:
    """A basic block, from He et al. (2016, fig. 2 and sec. 3.3) and torchvision's names."""
    inner = F.conv2d(features, tensors[f"{name}.conv1.weight"], stride=stride, padding=1)
    inner = F.conv2d(normalised(inner, tensors, f"{name}.bn1").relu(), tensors[f"{name}.conv2.weight"], padding=1)
    if stride == 2:
        features = F.conv2d(features, tensors[f"{name}.downsample.0.weight"], stride=2)
        features = normalised(features, tensors, f"{name}.downsample.1")
    return (normalised(inner, tensors, f"{name}.bn2") + features).relu()


@pytest.mark.parametrize("size", [(64, 96), (65, 97)])
def test_computes_what_the_paper_says(size: tuple[int, int]) -> None:
    trunk = ResNet18(WIDTH).eval()
    tensors = named(trunk)
    images = torch.randn(2, 3, *size)
    expected = normalised(F.conv2d(images, tensors["conv1.weight"], stride=2, padding=3), tensors, "bn1").relu()
    expected = F.max_pool2d(expected, 3, stride=2, padding=1)
    with torch.no_grad():
        features = trunk(images)
        torch.testing.assert_close(features[0], expected)
        for stage in range(1, 5):
            expected = residual(expected, tensors, f"layer{stage}.0", min(stage, 2))
            expected = residual(expected, tensors, f"layer{stage}.1", 1)
            torch.testing.assert_close(features[stage], expected, rtol=1e-4, atol=1e-4)
    assert features[-1].shape[-2:] == (-(-size[0] // 32), -(-size[1] // 32))


@pytest.mark.slow
def test_full_size_has_the_paper_s_parameters() -> None:
    with torch.device("meta"):
        trunk = ResNet18()
    assert sum(parameter.numel() for parameter in trunk.parameters()) == 11_689_512 - 512 * 1000 - 1000  # without fc


def test_scores_are_enlarged_as_in_the_book() -> None:
    net = FCNResNet18(5, width=WIDTH).eval()
    upscore = nn.ConvTranspose2d(5, 5, 64, stride=32, padding=16, bias=False)
    with torch.no_grad():
        upscore.weight.copy_(net.get_parameter("final.weight"))
        images = torch.randn(1, 3, 64, 96)
        torch.testing.assert_close(net(images), upscore(net.score(net.trunk(images)[-1])))
