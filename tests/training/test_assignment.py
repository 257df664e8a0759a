"""The recipes of the course assignment do what its notebook does, and docs/assignment.md states what is so."""

from __future__ import annotations

from pathlib import Path

import notebook
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import confusion_matrix, jaccard_score
from torch import nn

from roadseg.config.overrides import overridden
from roadseg.config.recipes import recipe
from roadseg.config.settings import Config, Optimizer, Split, Train, Transforms
from roadseg.data.layouts import kitti_drives
from roadseg.data.loading import epoch_order
from roadseg.data.records import Record
from roadseg.data.splits import make_splits
from roadseg.data.streets import synthesize
from roadseg.data.transforms import resize_image
from roadseg.inference.predictor import Predictor
from roadseg.labels import cityscapes
from roadseg.models import build
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.evaluate import evaluate_run
from roadseg.scoring.scores import headline
from roadseg.system.progress import Display
from roadseg.training.train import train

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "assignment.md"
SIZES = {"kitti-assignment-fcn32s": (58, 90), "kitti-assignment-fcn16": (64, 96)}
"""Inputs at which poolings that round up (ours) and down (the notebook's) give the same cells."""
EPOCHS = {"kitti-assignment-fcn32s": 2, "kitti-assignment-fcn16": 8}
"""Until the predictions hold several classes."""


@pytest.fixture(scope="module")
def odd_streets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sides are odd as KITTI's 375, so that no pixel of a resized label lies between two of the label."""
    root = tmp_path_factory.mktemp("streets") / "data"
    synthesize(root, drives=4, frames=2, width=117, height=75)
    return root


def tiny(name: str, root: Path) -> Config:
    """The recipe at a 32nd of the network's width, without dropout, on small streets for a few epochs."""
    changes = {
        "data.root": str(root), "data.split.fractions": [0.5, 0.25, 0.25], "transforms.resize": SIZES[name],
        "model.width": 1 / 32, "train.epochs": EPOCHS[name],
    }  # fmt: skip
    if name.endswith("fcn32s"):
        changes["model.dropout"] = 0
    return overridden(recipe(name), changes)


@pytest.fixture(scope="module", params=SIZES)
def run(request: pytest.FixtureRequest, odd_streets: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    made = RunDir(tmp_path_factory.mktemp("runs") / request.param)
    train(made, tiny(request.param, odd_streets), Display())
    return made


def peer_of(net: nn.Module, settings: Config) -> nn.Module:
    """The notebook's network with our weights."""
    convolutions = [m for m in net.get_submodule("trunk").modules() if isinstance(m, nn.Conv2d)]
    sizes = [layer.out_channels for layer in convolutions]
    peer: nn.Module
    if settings.model.name == "fcn32s":
        peer = notebook.FCN32(sizes, net.get_submodule("head.fc7").out_channels, 35, dropout=0)  # type: ignore[arg-type]
    else:
        peer = notebook.FCN16s(sizes, [m.out_channels for m in net.deconvs], 35)  # type: ignore[union-attr]
    ours, theirs = list(net.state_dict().values()), peer.state_dict()
    assert [t.shape for t in ours] == [t.shape for t in theirs.values()]
    peer.load_state_dict(dict(zip(theirs, ours, strict=True)))
    return peer


def test_the_notebook_s_loop_gives_the_same_losses_and_scores(run: RunDir) -> None:
    """From the same weights and on the same images in the same order; a pixel differs by 1/255 here and there."""
    settings, splits = run.config(), run.splits()
    root, size = settings.data.root, settings.transforms.resize
    assert root is not None
    assert size is not None
    torch.manual_seed(settings.seed)
    peer = peer_of(build(settings.model, 35), settings)
    order = epoch_order(len(splits.train), settings.seed, 0, shuffle=True)
    training = notebook.KittyDataset(root, [splits.train[i] for i in order], size)
    expected = notebook.train(
        peer, training, notebook.KittyDataset(root, list(splits.val), size), EPOCHS[settings.recipe]
    )
    for entry, reference in zip(run.metrics(), expected, strict=True):
        assert entry["train"]["loss"] == pytest.approx(reference["train loss"], rel=1e-3)
        assert entry["val"]["loss"] == pytest.approx(reference["val loss"], rel=1e-3)
        assert entry["val"]["micro_iou"] == pytest.approx(reference["micro"], abs=1e-3)
        assert entry["val"]["mean_iou"] == pytest.approx(reference["macro"], abs=1e-3)


def test_micro_and_macro_are_scikit_learn_s_on_the_resized_labels(run: RunDir) -> None:
    settings, splits = run.config(), run.splits()
    root, size = settings.data.root, settings.transforms.resize
    assert root is not None
    assert size is not None
    found = evaluate_run(run, root, "test", Display())
    predictor, truth, prediction = Predictor(run), [], []
    for name in splits.test:
        image = Image.open(root / "training/image_2" / f"{name}.png")
        pixels = resize_image(torch.from_numpy(np.array(image)).permute(2, 0, 1), size)
        prediction.append(predictor.classes(pixels.permute(1, 2, 0).numpy()).ravel())
        label = Image.open(root / "training/semantic" / f"{name}.png")
        truth.append(np.array(label.resize((size[1], size[0]), Image.Resampling.NEAREST)).ravel())
    labels, predictions = np.concatenate(truth), np.concatenate(prediction)
    assert len(np.unique(predictions)) > 1
    assert found["pixels"] == len(splits.test) * size[0] * size[1]  # id 0, "unlabeled", is a class too
    assert found["micro_iou"] == pytest.approx(jaccard_score(labels, predictions, average="micro"), rel=1e-12)
    assert found["mean_iou"] == pytest.approx(jaccard_score(labels, predictions, average="macro"), rel=1e-12)
    assert found["mean_iou"] == pytest.approx(
        notebook.get_mean_iou(confusion_matrix(labels, predictions, labels=range(35))), rel=1e-12
    )
    assert found["pixel_accuracy"] == pytest.approx((labels == predictions).mean(), rel=1e-12)


@pytest.mark.parametrize("name", SIZES)
def test_settings(name: str) -> None:
    settings = recipe(name)
    assert settings.data.classes == "all"
    assert settings.data.split == Split(scheme="random", fractions=(0.7, 0.15, 0.15))
    assert settings.transforms == Transforms(resize=(256, 1024), score_at="input", flip=0, normalise=False)
    assert settings.optimizer == Optimizer(name="sgd", lr=0.001, momentum=0.99, weight_decay=0, schedule="constant")
    assert settings.train == Train(epochs=100, batch_size=1, shuffle=False, precision="fp32")
    assert settings.model.dropout == 0.5
    assert settings.model.width == 1


def test_the_division_has_the_assignment_s_sizes() -> None:
    """int(0.7 * 200), int(0.15 * 200), and the rest."""
    splits = make_splits(kitti_images(), recipe("kitti-assignment-fcn16").data.split)
    assert [len(part) for part in splits.parts.values()] == [140, 30, 30]


def kitti_images() -> list[Record]:
    """The 200 images of the benchmark by their indices, without files."""
    indices = [f"{number:06d}" for number in range(kitti_drives.IMAGES)]
    return [Record(f"{index}_10", Path(), Path(), kitti_drives.group(index)) for index in indices]


def within_a_second(one: kitti_drives.Frame, other: kitti_drives.Frame) -> bool:
    return one.drive == other.drive and abs(one.number - other.number) <= 10


class TestPage:
    """What docs/assignment.md states is so."""

    def states(self, sentence: str) -> bool:
        return sentence in " ".join(PAGE.read_text().split())

    def test_printed_accuracy_and_micro_iou_are_one_number(self) -> None:
        pixels, right = 30 * 256 * 1024, 6_650_602
        confusion = np.array([[right, pixels - right], [0, 0]])
        scores = headline(confusion)
        assert scores["micro_iou"] == 0.7326034546231245
        assert f"{scores['pixel_accuracy']:.4f}" == "0.8457"
        assert self.states(f"{right:,} of {pixels:,} pixels")

    def test_neighbours_in_a_random_division(self) -> None:
        images = kitti_images()
        splits = make_splits(images, recipe("kitti-assignment-fcn32s").data.split)
        drive = {image.id: image.group for image in images if not image.group.startswith("unknown")}
        trained_on = {drive[name] for name in splits.train if name in drive}
        known = [name for name in (*splits.val, *splits.test) if name in drive]
        shared = sum(drive[name] in trained_on for name in known)
        together = sum(list(drive.values()).count(group) > 1 for group in drive.values())
        assert self.states(f"{len(drive)} of the 200 images")
        assert self.states(f"{together} of them share it with another")
        assert self.states(f"{shared} of these {len(known)}")
        frames = {name: kitti_drives.FRAMES[name.removesuffix("_10")] for name in drive}
        times = [frames[name] for name in splits.train if name in drive]
        near = [name for name in known if any(within_a_second(frames[name], other) for other in times)]
        assert self.states(f"{len(near)} of them one that was taken within a second")

    def test_numbers_of_the_shown_images(self) -> None:
        train = make_splits(kitti_images(), recipe("kitti-assignment-fcn32s").data.split).train
        assert self.states(f"{sum(f'{number:06d}_10' in train for number in range(170, 200))} of the last 30")

    def test_colours_that_its_table_lacks(self) -> None:
        colors = {label.id: label.color for label in cityscapes("all").classes}
        for index in (31, 32, 33):
            assert self.states(f"{colors[index]}")

    def test_every_id_survives_the_way_through_floats(self) -> None:
        ids = torch.arange(256, dtype=torch.uint8)
        assert torch.equal((ids.float() / 255 * 255).type(torch.LongTensor), ids.long())
