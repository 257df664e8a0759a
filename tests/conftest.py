"""Fixtures that all tests share, and the checking of types and shapes.

The hook makes beartype check every annotation in roadseg, jaxtyping shapes such as `UInt8[Tensor, "3 h w"]` included,
in each call of every test. It works on modules that are imported after it, so it stands before the first import of
roadseg. As for mypy, an int may stand where a float is expected.
"""

import dataclasses
import gc
import inspect
import typing

import jaxtyping

jaxtyped = jaxtyping.jaxtyped


def _has_shapes(function: object) -> bool:
    try:
        return "jaxtyping." in repr(typing.get_type_hints(function, include_extras=True))
    except (NameError, TypeError):  # a class that is still being defined; a generic type for static checkers alone
        return True


def _checked(*, typechecker: typing.Any) -> typing.Any:
    """As jaxtyped, but for a function without shapes it is the type checker alone.

    jaxtyping's own part compares sizes between arguments. It costs some 20 microseconds a call, more than most of the
    functions that draw a street, and half of the time that the import takes.
    """

    def check(thing: typing.Any) -> typing.Any:
        if inspect.isfunction(thing) and not _has_shapes(thing):
            return typechecker(thing)
        if dataclasses.is_dataclass(thing) and "__init__" in vars(thing) and not _has_shapes(thing.__init__):
            thing.__init__ = typechecker(thing.__init__)
            return thing
        return jaxtyped(thing, typechecker=typechecker)

    return check


jaxtyping.jaxtyped = _checked
jaxtyping.install_import_hook("roadseg", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

from collections.abc import Callable, Sequence  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from accelerate import Accelerator  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from PIL import Image  # noqa: E402

from roadseg.config.overrides import overridden  # noqa: E402
from roadseg.config.recipes import recipe  # noqa: E402
from roadseg.config.settings import Config  # noqa: E402
from roadseg.runs.run_dir import RunDir  # noqa: E402

settings.register_profile(
    "roadseg",
    max_examples=30,
    deadline=None,  # the first example pays for imports, and the machines of CI are busy
    derandomize=True,  # the same examples in each run: a failure is seen by everyone
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("roadseg")

torch.set_num_threads(1)  # tiny tensors: threads cost more than they bring


def pytest_collection_finish() -> None:
    """What was imported stays: each collection of garbage need not look at it, of which every training makes one."""
    gc.freeze()


SHARED = Path(__file__).parents[2] / "shared"


def _shared(relative: str) -> Path:
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"{path} is not on this machine")
    return path


@pytest.fixture(scope="session")
def shared_kitti() -> Path:
    """32 images of the KITTI benchmark (../shared/data/README.md); the test is skipped where they are missing."""
    return _shared("data/kitti")


@pytest.fixture(scope="session")
def shared_camvid() -> Path:
    """CamVid's train and val; the test is skipped where they are missing."""
    return _shared("data/camvid")


@pytest.fixture(scope="session")
def shared_drive_list() -> Path:
    """KITTI's own list of raw drives."""
    return _shared("reference/kitti2015_index_to_drive.txt")


@pytest.fixture
def write_pair() -> Callable[[Path, Path, Sequence[int]], None]:
    """Write an image of 6x4 pixels and a label file of the same size that holds the given ids."""

    def write(image: Path, label: Path, ids: Sequence[int] = (0, 1)) -> None:
        rng = np.random.default_rng(len(image.name))
        for path in (image, label):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (4, 6, 3), dtype=np.uint8)).save(image)
        Image.fromarray(np.resize(np.array(ids, np.uint8), (4, 6))).save(label)

    return write


@pytest.fixture
def accelerator() -> Accelerator:
    """This machine's device, for one process."""
    return Accelerator()


@pytest.fixture(scope="session")
def streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built-in streets: 4 drives of 2 frames of 96x64 pixels, KITTI's layout."""
    from roadseg.data.streets import synthesize

    root = tmp_path_factory.mktemp("streets") / "data"
    synthesize(root, drives=4, frames=2, width=96, height=64)
    return root


TINY = {
    "model.width": 0.05,
    "transforms.crop": [64, 64],
    "train.epochs": 2,
    "train.batch_size": 2,
    "data.split.fractions": [0.5, 0.5, 0.0],
}
"""Settings that make a demo recipe train within a second or two."""


@pytest.fixture
def tiny(streets: Path) -> Callable[..., Config]:
    """A tiny configuration on the built-in streets; settings are changed by their flags' names."""

    def configure(name: str = "demo-fcn16s", **changes: object) -> Config:
        changed = {key.replace("__", "."): value for key, value in changes.items()}
        return overridden(recipe(name), {**TINY, "data.root": str(streets), **changed})

    return configure


@pytest.fixture(scope="session")
def trained(streets: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A complete run of a tiny FCN-16s on the built-in streets."""
    from roadseg.system.progress import Display
    from roadseg.training.train import train

    run = RunDir(tmp_path_factory.mktemp("runs") / "demo-fcn16s")
    train(run, overridden(recipe("demo-fcn16s"), {**TINY, "data.root": str(streets)}), Display())
    return run
