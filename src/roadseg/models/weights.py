"""Published weights: find the file, read it safely, and load it into a network."""

import os
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from roadseg.errors import WeightsError
from roadseg.models.base import SegmentationModel, Trunk
from roadseg.models.fcn import FCN
from roadseg.models.fetch import fetch
from roadseg.models.vgg16 import VGG16

FC_INDEX = {"fc6": 0, "fc7": 3}
"""Where torchvision's `classifier` keeps the fully connected layers."""
REFUSED = ("GLOBAL", "Unsupported operand", "must be imported", "reduce", "Can only ")
"""Words in the errors of torch's safe unpickler for a file that holds more than tensors; others mean damage."""


def locate(weights: str, trunk: Trunk) -> Path:
    """The file that `weights` stands for: a path as given, or the word `imagenet`.

    `imagenet` is the trunk's published file (VGG16: 528 MB, ResNet-18: 45 MB), fetched once into
    `$ROADSEG_HOME/weights` (default `~/.cache/roadseg/weights`).

    Raises:
        WeightsError: the file is not in the cache and cannot be fetched; says what to put where.
        WorkFailed: the cache cannot be written.
    """
    if weights != "imagenet":
        return Path(weights)
    home = Path(os.environ.get("ROADSEG_HOME") or Path.home() / ".cache" / "roadseg")
    target = home.expanduser() / "weights" / trunk.published.rpartition("/")[2]
    if not target.is_file():
        fetch(trunk.published, target, sha256=target.stem.rpartition("-")[2], visible=sys.stderr.isatty())
    return target


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors on the CPU by name, from a `.safetensors`, `.pth` or `.pt` file. Nothing in the file is executed.

    Raises `WeightsError` where the file is missing, damaged, of another kind, holds more than tensors by name, asks to
    run code, or has a value that is not finite.
    """
    if not path.is_file():
        raise WeightsError(f"no weights file {path}; give a .safetensors or .pth file, or the word imagenet")
    if path.suffix not in (".safetensors", ".pth", ".pt"):
        raise WeightsError(f"{path} ends in {path.suffix!r}; weights are read from .safetensors, .pth or .pt files")
    tensors = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.float().isfinite().all():
            raise WeightsError(f"{path}: {name!r} holds NaN or infinite values; use weights from before training broke")
    return tensors


def load_imagenet(model: SegmentationModel, tensors: dict[str, Tensor]) -> list[str]:
    """Put weights of the trunk's kind with torchvision's names into the model, as float32; says what was filled.

    The trunk takes its `published_layers`; where there is batch normalisation on both sides its tensors too. A VGG head
    takes `classifier.0` and `classifier.3` as fc6 (4096, 512, 7, 7) and fc7 (4096, 4096, 1, 1) where the file has them
    (Long et al., CVPR 2015, sec. 3.1). Nothing is changed unless everything fits.

    Returns:
        "trunk", and "fc6" and "fc7" where they were filled too.

    Raises:
        WeightsError: a tensor is missing or has another shape, or only one side has batch normalisation.
    """
    kind = type(model.trunk).__name__
    if isinstance(model.trunk, VGG16):
        _check_normalisation(model.trunk, tensors)
    layers = model.trunk.published_layers()
    pairs = [pair for name, layer in layers for pair in _matches(layer, name, tensors, kind)]
    filled = ["trunk"]
    if isinstance(model, FCN) and _has_vgg_head(model) and "classifier.0.weight" in tensors:
        for name, index in FC_INDEX.items():
            pairs += _matches(model.head.get_submodule(name), f"classifier.{index}", tensors, kind)
            filled.append(name)
    with torch.no_grad():
        for parameter, tensor in pairs:
            parameter.copy_(tensor.reshape(parameter.shape))
    return filled


def _has_vgg_head(model: FCN) -> bool:
    fc6 = model.head.get_submodule("fc6")
    return isinstance(fc6, nn.Conv2d) and fc6.kernel_size == (7, 7)


def _check_normalisation(trunk: VGG16, tensors: dict[str, Tensor]) -> None:
    """Weights trained with batch normalisation are useless without it, and vice versa."""
    wanted = any(isinstance(module, nn.BatchNorm2d) for module in trunk.modules())
    given = "features.1.weight" in tensors
    if wanted and not given and "features.0.weight" in tensors:
        raise WeightsError(
            "the weights are of VGG16 without batch normalisation and the model has it; "
            "set model.batch_norm to false or give weights of vgg16_bn"
        )
    if given and not wanted:
        raise WeightsError(
            "the weights are of VGG16 with batch normalisation and the model has none; "
            "set model.batch_norm to true or give weights of vgg16"
        )


def _matches(layer: nn.Module, prefix: str, tensors: dict[str, Tensor], kind: str) -> list[tuple[Tensor, Tensor]]:
    """Pairs of a layer's tensor and the one to copy into it; `classifier` matrices match kernels of the same rows."""
    pairs = []
    for key, parameter in layer.state_dict(keep_vars=True).items():
        name = f"{prefix}.{key}"
        if key == "num_batches_tracked":  # a counter that some published files lack
            continue
        if name not in tensors:
            others = ", ".join(list(tensors)[:2]) or "nothing"
            raise WeightsError(
                f"the weights have no tensor {name!r} (they begin with {others}); "
                f"give {kind} weights with the names that torchvision gives them"
            )
        needed = parameter.flatten(1) if prefix.startswith("classifier") and parameter.ndim > 1 else parameter
        if tensors[name].shape != needed.shape or not tensors[name].is_floating_point():
            raise WeightsError(
                f"{name!r} in the weights is {_shape(tensors[name])} and the model needs {_shape(needed)}; "
                f"published {kind} weights fit model.width 1 only"
            )
        pairs.append((parameter, tensors[name]))
    return pairs


def _shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {'x'.join(map(str, tensor.shape))}"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except Exception as error:  # its reader promises no set of exceptions for damaged files
        raise WeightsError(f"{path} is damaged or no safetensors ({_reason(error)}); fetch it again") from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings(action="ignore"):  # about files that are refused below anyway
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle may raise anything
        if isinstance(error, pickle.UnpicklingError) and _asks_for_code(path, str(error)):
            raise WeightsError(
                f"{path} is refused: it holds more than tensors and could run code; nothing was executed. "
                "Save only the tensors: torch.save(model.state_dict(), FILE)"
            ) from error
        raise WeightsError(f"{path} is damaged or no torch file ({_reason(error)}); fetch it again") from error
    if not _is_tensors(content):
        raise WeightsError(
            f"{path} holds {_kind(content)}, not tensors by name; save them with torch.save(model.state_dict(), FILE)"
        )
    return dict(content)


def _is_tensors(content: Any) -> bool:
    return isinstance(content, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) and value.layout == torch.strided
        for name, value in content.items()
    )


def _kind(content: Any) -> str:
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    return f"a dict with the keys {', '.join(str(key) for key in list(content)[:3])}"


def _asks_for_code(path: Path, complaint: str) -> bool:
    """Whether a real pickle was refused; an error page in place of the weights is damage."""
    with path.open("rb") as file:
        is_pickle = file.read(1) in (b"\x80", b"P") or "GLOBAL" in complaint
    return is_pickle and any(word in complaint for word in REFUSED)


def _reason(error: Exception) -> str:
    """The first sentence of the reader's error, without torch's advice."""
    words = str(error).rpartition("WeightsUnpickler error: ")[2].split("\n")[0].split(". ")[0].strip()
    return f"{type(error).__name__}: {words[:120]}" if words else type(error).__name__
