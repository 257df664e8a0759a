from __future__ import annotations

import functools
import hashlib
import itertools
import os
import pickle
import re
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from roadseg.config.settings import Model
from roadseg.errors import WeightsError
from roadseg.models import SegmentationModel, build
from roadseg.models.fcn import FCN, Head
from roadseg.models.resnet18 import SIZES, ResNet18
from roadseg.models.vgg16 import BLOCKS, VGG16, scaled
from roadseg.models.weights import load_imagenet, locate, read_tensors

IMAGENET = Path(__file__).parents[3] / "shared/weights/vgg16_imagenet_features_fp16.safetensors"
PLAIN = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""torchvision's numbers of the convolutions of vgg16."""
NORMALISED = (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40)
"""The same of vgg16_bn; the batch normalisation follows at the next number."""
WIDTH = 1 / 32


def published(batch_norm: bool = False, width: float = WIDTH, classifier: bool = False) -> dict[str, Tensor]:
    """Random tensors with the names of torchvision's file, `width` times as wide."""
    sizes = [3] + [scaled(size, width) for block in BLOCKS for size in block]
    tensors: dict[str, Tensor] = {}
    for number, rows, columns in zip(NORMALISED if batch_norm else PLAIN, sizes[1:], sizes, strict=False):
        tensors[f"features.{number}.weight"] = torch.randn(rows, columns, 3, 3) / (3 * columns**0.5)
        tensors[f"features.{number}.bias"] = torch.randn(rows)
        if batch_norm:
            for name in ("weight", "bias", "running_mean", "running_var"):
                tensors[f"features.{number + 1}.{name}"] = torch.rand(rows) + 0.5
    if classifier:
        hidden = scaled(4096, width)
        for number, columns in ((0, sizes[-1] * 49), (3, hidden)):
            tensors[f"classifier.{number}.weight"] = torch.randn(hidden, columns)
            tensors[f"classifier.{number}.bias"] = torch.randn(hidden)
        tensors |= {"classifier.6.weight": torch.randn(1000, hidden), "classifier.6.bias": torch.randn(1000)}
    return tensors


def model(**settings: object) -> SegmentationModel:
    head = {} if "name" in settings else {"head": "light"}
    return build(Model.model_validate({"name": "fcn32s", "width": WIDTH} | head | settings), 5)


def published_resnet18() -> dict[str, Tensor]:
    """Random tensors with the names of torchvision's resnet18, at a 32nd of its width."""
    sizes = [scaled(size, WIDTH) for size in SIZES]
    shapes: dict[str, tuple[int, ...]] = {"conv1": (sizes[0], 3, 7, 7), "bn1": (sizes[0],)}
    for stage, (before, size) in enumerate(itertools.pairwise(sizes), start=1):
        for block, columns in enumerate((before, size)):
            name = f"layer{stage}.{block}"
            shapes |= {f"{name}.conv1": (size, columns, 3, 3), f"{name}.bn1": (size,)}
            shapes |= {f"{name}.conv2": (size, size, 3, 3), f"{name}.bn2": (size,)}
        if stage > 1:
            shapes |= {f"layer{stage}.0.downsample.0": (size, before, 1, 1), f"layer{stage}.0.downsample.1": (size,)}
    tensors: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        tensors |= {f"{name}.weight": torch.rand(shape) + 0.5}
        if len(shape) == 1:
            tensors |= {f"{name}.{key}": torch.rand(shape) + 0.5 for key in ("bias", "running_mean", "running_var")}
    return tensors | {"fc.weight": torch.randn(1000, sizes[-1]), "fc.bias": torch.randn(1000)}


def reference_features(tensors: dict[str, Tensor]) -> nn.Sequential:
    """torchvision's `vgg16().features`, as wide as the tensors."""
    layers: list[nn.Module] = []
    for number in range(31):
        if number in PLAIN:
            rows, columns = tensors[f"features.{number}.weight"].shape[:2]
            layers.append(nn.Conv2d(columns, rows, 3, padding=1))
        else:
            layers.append(nn.MaxPool2d(2, 2) if number in (4, 9, 16, 23, 30) else nn.ReLU())
    features = nn.Sequential(*layers)
    names = [name for name in tensors if name.startswith("features.")]
    features.load_state_dict({name.removeprefix("features."): tensors[name] for name in names})
    return features


class TestReadTensors:
    @pytest.mark.parametrize("save", [torch.save, functools.partial(torch.save, _use_new_zipfile_serialization=False)])
    @pytest.mark.parametrize("suffix", [".pth", ".pt"])
    def test_reads_what_torch_saved(self, tmp_path: Path, save: Callable[..., None], suffix: str) -> None:
        path = tmp_path / f"w{suffix}"
        save({"a": torch.ones(2, dtype=torch.float16), "n": torch.tensor(3)}, path)
        tensors = read_tensors(path)
        assert tensors["a"].dtype == torch.float16
        assert tensors["n"] == 3

    def test_reads_safetensors(self, tmp_path: Path) -> None:
        save_file({"a": torch.arange(3.0)}, tmp_path / "w.safetensors")
        assert read_tensors(tmp_path / "w.safetensors")["a"].tolist() == [0, 1, 2]

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match=r"no weights file .*w\.pth; give a \.safetensors or \.pth file"):
            read_tensors(tmp_path / "w.pth")

    def test_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="no weights file"):
            read_tensors(tmp_path)

    def test_unknown_ending(self, tmp_path: Path) -> None:
        (tmp_path / "w.h5").write_bytes(b"x")
        with pytest.raises(WeightsError, match=r"ends in '\.h5'; weights are read from"):
            read_tensors(tmp_path / "w.h5")

    @pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
    @pytest.mark.parametrize(
        "content", [b"", b"<!DOCTYPE html>\n<title>404</title>", b"version https://git-lfs\n", b"PK\x03\x04", b"hello"]
    )
    def test_damaged_file(self, tmp_path: Path, suffix: str, content: bytes) -> None:
        path = tmp_path / f"w{suffix}"
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"is damaged or no .*; fetch it again") as raised:
            read_tensors(path)
        assert "\n" not in str(raised.value)

    @pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
    def test_cut_file(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"w{suffix}"
        tensors = {"a": torch.ones(1000)}
        save_file(tensors, path) if suffix == ".safetensors" else torch.save(tensors, path)
        path.write_bytes(path.read_bytes()[:-700])
        with pytest.raises(WeightsError, match="is damaged"):
            read_tensors(path)

    @pytest.mark.parametrize("protocol", ["zip", "legacy", 1, 2, 3, 4, 5])
    def test_pickle_that_would_run_code_is_refused_unexecuted(self, tmp_path: Path, protocol: str | int) -> None:
        trap, path = tmp_path / "executed", tmp_path / "w.pth"
        content = {"a": Trap(trap)}
        if isinstance(protocol, int):
            path.write_bytes(pickle.dumps(content, protocol=protocol))
        else:
            torch.save(content, path, _use_new_zipfile_serialization=protocol == "zip")
        with pytest.raises(WeightsError, match=r"refused.*could run code; nothing was executed") as raised:
            read_tensors(path)
        assert not trap.exists()
        assert "\n" not in str(raised.value)

    def test_whole_module_is_refused(self, tmp_path: Path) -> None:
        torch.save(nn.Linear(2, 2), tmp_path / "w.pth")
        with pytest.raises(WeightsError, match=re.escape("torch.save(model.state_dict(), FILE)")):
            read_tensors(tmp_path / "w.pth")

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ([torch.ones(1)], "a list"),
            ({"state_dict": {"a": torch.ones(1)}, "epoch": 3}, "a dict with the keys state_dict, epoch"),
            ({0: torch.ones(1)}, "a dict with the keys 0"),
        ],
    )
    def test_other_than_tensors_by_name(self, tmp_path: Path, content: object, said: str) -> None:
        torch.save(content, tmp_path / "w.pth")
        with pytest.raises(WeightsError, match=f"holds {said}, not tensors by name"):
            read_tensors(tmp_path / "w.pth")

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    @pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.bfloat16])
    def test_value_that_is_not_finite_is_named(self, tmp_path: Path, value: float, dtype: torch.dtype) -> None:
        save_file({"a": torch.ones(2), "b": torch.tensor([1, value], dtype=dtype)}, tmp_path / "w.safetensors")
        with pytest.raises(WeightsError, match="'b' holds NaN or infinite"):
            read_tensors(tmp_path / "w.safetensors")


class Trap:
    """Leaves a file behind where it is unpickled by an unsafe reader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.path}",)


class TestLoadImagenet:
    @pytest.mark.parametrize("name", ["fcn32s", "fcn8s", "fcn16_decoder", "segnet", "unet"])
    def test_trunk_computes_what_torchvision_computes(self, name: str) -> None:
        tensors = published()
        net = model(name=name)
        assert load_imagenet(net, tensors) == ["trunk"]
        images = torch.randn(2, 3, 64, 96)
        assert isinstance(net.trunk, VGG16)
        torch.testing.assert_close(net.trunk(images)[-1], reference_features(tensors)(images))

    def test_batch_norm_fills_batch_norm(self) -> None:
        tensors = published(batch_norm=True)
        net = model(batch_norm=True)
        assert load_imagenet(net, tensors) == ["trunk"]
        loaded = net.get_submodule("trunk").state_dict()
        assert torch.equal(loaded["blocks.0.0.weight"], tensors["features.0.weight"])
        assert torch.equal(loaded["blocks.0.1.running_var"], tensors["features.1.running_var"])
        assert torch.equal(loaded["blocks.4.7.running_mean"], tensors["features.41.running_mean"])

    def test_half_precision_becomes_float32(self) -> None:
        tensors = {name: tensor.half() for name, tensor in published().items()}
        net = model()
        load_imagenet(net, tensors)
        assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}
        assert torch.equal(net.get_parameter("trunk.blocks.0.0.weight"), tensors["features.0.weight"].float())

    def test_fully_connected_layers_become_convolutions(self) -> None:
        tensors = published(classifier=True)
        net = model(head="vgg", padding="caffe")
        assert load_imagenet(net, tensors) == ["trunk", "fc6", "fc7"]
        assert isinstance(net, FCN)
        pool5 = torch.randn(2, 16, 7, 7)
        fc6 = pool5.flatten(1) @ tensors["classifier.0.weight"].T + tensors["classifier.0.bias"]
        fc7 = fc6.relu() @ tensors["classifier.3.weight"].T + tensors["classifier.3.bias"]
        ours = nn.Sequential(*list(net.head.children())[:-1]).eval()(pool5)
        torch.testing.assert_close(ours.flatten(1), fc7.relu(), rtol=1e-4, atol=1e-2)

    @pytest.mark.parametrize("settings", [{"head": "light"}, {"name": "fcn16_decoder"}, {"name": "pspnet"}])
    def test_fully_connected_layers_are_left_out_where_there_is_no_place(self, settings: dict[str, str]) -> None:
        assert load_imagenet(model(**settings), published(classifier=True)) == ["trunk"]

    def test_missing_tensor_is_named(self) -> None:
        tensors = published()
        del tensors["features.14.bias"]
        with pytest.raises(WeightsError, match=r"no tensor 'features\.14\.bias' .*VGG16 weights .*torchvision"):
            load_imagenet(model(), tensors)

    @pytest.mark.parametrize("tensors", [{}, {"conv1_1.weight": torch.ones(1)}])
    def test_foreign_names(self, tensors: dict[str, Tensor]) -> None:
        first = next(iter(tensors), "nothing")
        with pytest.raises(WeightsError, match=rf"no tensor 'features\.0\.weight' \(they begin with {first}\)"):
            load_imagenet(model(), tensors)

    def test_half_a_classifier(self) -> None:
        tensors = published(classifier=True)
        del tensors["classifier.3.weight"]
        with pytest.raises(WeightsError, match=r"no tensor 'classifier\.3\.weight'"):
            load_imagenet(model(head="vgg"), tensors)

    def test_other_width_names_both_shapes_and_changes_nothing(self) -> None:
        net = model()
        before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        said = r"'features\.2\.weight' .* float32 8x4x3x3 .* needs float32 4x4x3x3; .* model\.width 1"
        tensors = published() | {"features.2.weight": torch.zeros(8, 4, 3, 3)}
        with pytest.raises(WeightsError, match=said):
            load_imagenet(net, tensors)
        assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())

    def test_classifier_of_other_width(self) -> None:
        tensors = published(classifier=True) | {"classifier.0.weight": torch.zeros(4096, 784)}
        with pytest.raises(WeightsError, match=r"'classifier\.0\.weight' .* 4096x784 .* needs float32 128x784"):
            load_imagenet(model(head="vgg"), tensors)

    def test_whole_numbers_are_no_weights(self) -> None:
        tensors = published() | {"features.0.bias": torch.zeros(4, dtype=torch.int64)}
        with pytest.raises(WeightsError, match=r"'features\.0\.bias' in the weights is int64 4"):
            load_imagenet(model(), tensors)

    def test_resnet18_takes_torchvision_s_tensors_without_its_classifier(self) -> None:
        tensors = published_resnet18()
        net = model(name="fcn_resnet18")
        assert load_imagenet(net, tensors) == ["trunk"]
        names = {name.removeprefix("blocks.0.") for name in net.trunk.state_dict()}
        named = {re.sub(r"^blocks\.(\d)", r"layer\1", name) for name in names if "num_batches" not in name}
        assert named == set(tensors) - {"fc.weight", "fc.bias"}
        assert torch.equal(net.get_parameter("trunk.blocks.0.conv1.weight"), tensors["conv1.weight"])
        assert torch.equal(net.get_buffer("trunk.blocks.4.0.bn2.running_var"), tensors["layer4.0.bn2.running_var"])
        shortcut = net.get_parameter("trunk.blocks.3.0.downsample.0.weight")
        assert torch.equal(shortcut, tensors["layer3.0.downsample.0.weight"])

    def test_weights_of_another_trunk(self) -> None:
        with pytest.raises(WeightsError, match=r"'conv1\.weight' \(they begin with features\.0.*give ResNet18 weights"):
            load_imagenet(model(name="fcn_resnet18"), published())
        with pytest.raises(WeightsError, match=r"'features\.0\.weight' \(they begin with conv1.*give VGG16 weights"):
            load_imagenet(model(), published_resnet18())

    @pytest.mark.parametrize("wanted", [True, False])
    def test_batch_norm_on_one_side_only(self, wanted: bool) -> None:
        cure = f"set model.batch_norm to {str(not wanted).lower()} or give weights of vgg16{'_bn' if wanted else ''}"
        with pytest.raises(WeightsError, match=cure):
            load_imagenet(model(batch_norm=wanted), published(batch_norm=not wanted))


@pytest.fixture(scope="module")
def imagenet() -> dict[str, Tensor]:
    return read_tensors(IMAGENET)


@pytest.mark.slow
@pytest.mark.skipif(not IMAGENET.exists(), reason=f"ImageNet weights are not at {IMAGENET}")
class TestPublishedWeights:
    def test_fill_a_full_width_trunk(self, imagenet: dict[str, Tensor]) -> None:
        assert len(imagenet) == 26
        net = model(width=1.0, name="fcn8s").eval()
        assert load_imagenet(net, imagenet) == ["trunk"]
        assert torch.equal(net.get_parameter("trunk.blocks.0.0.weight"), imagenet["features.0.weight"].float())
        assert torch.equal(net.get_parameter("trunk.blocks.4.4.bias"), imagenet["features.28.bias"].float())
        with torch.no_grad():
            images = torch.randn(1, 3, 32, 64)
            assert isinstance(net.trunk, VGG16)
            pools = net.trunk(images)
            assert all(pool.isfinite().all() for pool in pools)
            assert all(pool.amax() > 1 for pool in pools), "ImageNet features fade or die"
            logits = net(images)
        assert logits.isfinite().all()

    def test_do_not_fit_another_width(self, imagenet: dict[str, Tensor]) -> None:
        with pytest.raises(WeightsError, match=r"model\.width 1"):
            load_imagenet(model(), imagenet)


class TestLocate:
    def test_path_is_taken_as_given(self) -> None:
        assert locate("some/where.pth", VGG16(WIDTH)) == Path("some/where.pth")

    @pytest.mark.parametrize("kind", [VGG16, ResNet18])
    def test_imagenet_is_fetched_once(
        self, kind: type[VGG16] | type[ResNet18], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = b"weights" * 1000
        name = f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / name).write_bytes(content)
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setenv("ROADSEG_HOME", str(tmp_path / "home"))
        trunk = kind(WIDTH)
        handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path / "site")
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            monkeypatch.setattr(kind, "published", f"http://127.0.0.1:{server.server_port}/{name}")
            path = locate("imagenet", trunk)
            server.shutdown()
            thread.join()
        assert path == tmp_path / "home/weights" / name
        assert path.read_bytes() == content
        assert locate("imagenet", trunk) == path

    @pytest.mark.parametrize(("kind", "name"), [(VGG16, "vgg16-397923af.pth"), (ResNet18, "resnet18-f37072fd.pth")])
    def test_offline_says_what_to_put_where(
        self, kind: type[VGG16] | type[ResNet18], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.delenv("ROADSEG_HOME", raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert kind.published == f"https://download.pytorch.org/models/{name}"
        monkeypatch.setattr(kind, "published", f"http://127.0.0.1:1/{name}")
        with pytest.raises(WeightsError) as raised:
            locate("imagenet", kind(WIDTH))
        message = str(raised.value)
        assert f"http://127.0.0.1:1/{name}" in message
        assert f"put it at {tmp_path}/.cache/roadseg/weights/{name}" in message
        assert "--model.weights FILE" in message
        assert message.count("\n") == 1


def test_head_exposes_the_names_that_weights_use() -> None:
    head = Head(16, 5, WIDTH, "vgg", pad=True, dropout=0.0)
    assert {name for name, _ in head.named_children()} >= {"fc6", "fc7", "score"}
