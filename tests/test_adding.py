"""What CONTRIBUTING says to add, made up and added by its own diffs: network, data set, score, loss, recipe."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn

from roadseg.cli.main import main
from roadseg.config import recipes, registry
from roadseg.curation.check import layout_of
from roadseg.curation.check.values import fitting
from roadseg.data.layouts.dataset import Dataset, Table
from roadseg.data.layouts.pairing import files_by_id, paired
from roadseg.data.records import Record
from roadseg.labels import ClassChoice, Label, LabelSpace
from roadseg.models.base import SegmentationModel
from roadseg.models.upsample import Grid, upsample
from roadseg.models.vgg16 import VGG16
from roadseg.scoring import metrics
from roadseg.training.losses import target_weight

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"
CLASSES = LabelSpace(
    name="bdd",
    classes=tuple(Label(name=name, id=20 + i, color=(0, 0, 60 * i)) for i, name in enumerate(("road", "car", "sky"))),
)
SETTINGS = ("--model.width", "0.02", "--transforms.crop", "32", "32", "--train.epochs", "1", "--train.batch_size", "2")


class LinkNet(SegmentationModel):
    """Scores of the trunk's last features."""

    def __init__(self, classes: int, *, width: float = 1.0, batch_norm: bool = False) -> None:
        super().__init__()
        self.trunk = VGG16(width, batch_norm)
        self.score = nn.Conv2d(self.trunk.channels[-1], classes, 1)
        self.grid = Grid(32)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c _ _"]:
        scores: Tensor = self.score(self.trunk(images)[-1])
        return scores


def records(root: Path, split: str) -> list[Record]:
    images, masks = (files_by_id(root / kind / split, "*.png") for kind in ("pictures", "classes"))
    return paired(images, masks, lambda name: name[0])


def labels(root: Path, choice: ClassChoice) -> LabelSpace:
    return CLASSES


DATASET = Dataset(
    records=records,
    labels=labels,
    splits=("train", "val"),
    labelled=lambda root: ("train", "val"),
    detect=lambda root: (root / "pictures").is_dir(),
    tables=(Table("BDD's three classes", CLASSES),),
    group_of=lambda top: lambda stem: stem[0],
)


def dice_sum(logits: Tensor, targets: Tensor, grid: Grid, class_weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """1 - the soft Dice of the first class, an image at a time."""
    pixels = upsample(logits, grid, (targets.shape[1], targets.shape[2]))
    known, truth, found = targets != 255, (targets == 0).float(), pixels.softmax(1)[:, 0]
    overlap, both = (truth * found * known).sum((1, 2)), ((truth + found) * known).sum((1, 2))
    weight = torch.stack([target_weight(target[None], class_weights) for target in targets])
    return (weight * (1 - (2 * overlap + 1) / (both + 1))).sum(), pixels.argmax(1).to(torch.uint8)


def worst_iou(margins: metrics.Margins) -> np.ndarray:
    correct, true, predicted = np.moveaxis(margins, -2, 0)
    return np.asarray(np.fmin.reduce(metrics.ratio(correct, true + predicted - correct), -1))


def half(network: str) -> Any:
    """BDD100K, two epochs."""
    settings = recipes.fine_tuned("bdd100k", network)
    train = settings.train.model_copy(update={"epochs": 2})
    return settings.model_copy(update={"recipe": f"bdd100k-half-{network}", "train": train})


@pytest.fixture(autouse=True)
def _added(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines that CONTRIBUTING adds, and modules of the names that they say."""
    names = vars(registry) | vars(recipes) | vars(metrics) | {"bdd100k_half": half, "_worst_iou": worst_iou}
    tables: dict[str, dict[str, Any]] = {
        "NETWORKS": registry.NETWORKS,
        "DATASETS": registry.DATASETS,
        "SCORES": metrics.SCORES,
        "LOSSES": registry.LOSSES,
        "OTHERS": recipes.OTHERS,
    }
    diffs = re.findall(r"^ +(\w+)\b.* = \{\n *\+ +(.*)", CONTRIBUTING.read_text(), re.MULTILINE)
    added = {table: eval(f"{{{line}}}", names) for table, line in diffs if table in tables}
    assert added.keys() == tables.keys()
    for table, lines in added.items():
        for name, line in lines.items():
            monkeypatch.setitem(tables[table], name, line)
    (network,), (data,), (loss,) = (added[table].values() for table in ("NETWORKS", "DATASETS", "LOSSES"))
    for made_by, what in ((network.made_by, LinkNet), (data.made_by, DATASET), (loss, dice_sum)):
        module, _, name = made_by.partition(":")
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
        setattr(sys.modules[module], name, what)


@pytest.fixture
def root(tmp_path: Path, write_pair: Callable[[Path, Path, Sequence[int]], None]) -> Path:
    """Three drives of two frames for training, and one for validation."""
    data = tmp_path / "data"
    for split, drives in (("train", "abc"), ("val", "d")):
        for name in (f"{drive}{frame}.png" for drive in drives for frame in range(2)):
            write_pair(data / "pictures" / split / name, data / "classes" / split / name, (20, 21, 22))
    return data


def call(*argv: object) -> int:
    return main([str(word) for word in argv])


def test_every_recipe_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("recipes", "--all") == 0
    shown = capsys.readouterr().out
    assert "bdd100k-linknet" in shown
    assert "LinkNet on BDD100K, 7000 + 1000 frames" in shown
    assert {"bdd100k-fcn8s", "kitti-linknet", "demo-linknet", "bdd100k-half-linknet"} <= set(recipes.names())


def test_what_was_added_trains(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    words = ("--data.root", root, "--run", run, *SETTINGS, "--train.loss", "dice", "--model.batch_norm", "true")
    assert call("train", "bdd100k-linknet", *words) == 0
    assert "bdd100k-linknet on 6 training and 2 validation images, 3 classes" in " ".join(
        capsys.readouterr().out.split()
    )
    assert json.loads((run / "config.json").read_text())["train"]["loss"] == "dice"
    scores = json.loads((run / "evaluation/val.json").read_text())
    assert scores["worst_iou"] == min(iou for iou in scores["per_class"].values() if iou is not None)
    assert "worst_iou" in scores["ci95"]
    assert call("train", "bdd100k-linknet", "--data.root", root, "--model.head", "light") == 2
    assert "linknet has no setting head, only width, batch_norm" in capsys.readouterr().err


def test_data_check_knows_the_data_set(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert layout_of(root) == "bdd100k"
    call("data", "check", root)
    assert "8 images (6 in train, 2 in val)" in " ".join(capsys.readouterr().out.split())
    assert fitting({20, 21, 22}, "ids")[0] == "BDD's three classes"


def test_score_knows_the_data_set(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("score", root / "classes/train", root / "classes/train", "--labels", "bdd100k") == 0
    assert "3 groups" in " ".join(capsys.readouterr().out.split())
