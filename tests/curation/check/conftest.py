"""Twelve labelled street images without a description, for the doctor."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadseg.data.streets import synthesize
from roadseg.labels import camvid, cityscapes

SAME = {
    "wall": "building", "sidewalk": "pavement", "vegetation": "tree", "traffic sign": "sign", "traffic light": "sign",
    "truck": "car", "bus": "car", "person": "pedestrian", "rider": "bicyclist", "bicycle": "bicyclist",
}  # fmt: skip
"""CamVid's names of Cityscapes' classes, where they differ."""


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve built-in streets of 240x180 pixels, each of its own drive, with CamVid's ids; images/ and labels/."""
    streets, root = tmp_path_factory.mktemp("drawn") / "streets", tmp_path_factory.mktemp("plain")
    synthesize(streets, drives=12, frames=1, width=240, height=180)
    ids = {label.name: label.id for label in camvid().classes}
    table = np.full(256, camvid().ignored[0].id, np.uint8)
    for label in cityscapes().classes:
        table[label.id] = ids.get(SAME.get(label.name, label.name), table[255])
    for kind in ("images", "labels"):
        (root / kind).mkdir()
    for path in (streets / "training/image_2").iterdir():
        (root / "images" / path.name).write_bytes(path.read_bytes())
        with Image.open(streets / "training/semantic" / path.name) as label:
            Image.fromarray(table[np.asarray(label)]).save(root / "labels" / path.name)
    return root


@pytest.fixture
def plain(drawn: Path, tmp_path: Path) -> Path:
    """A copy of `drawn` that a test may spoil."""
    return Path(shutil.copytree(drawn, tmp_path / "plain"))
