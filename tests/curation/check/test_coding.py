"""How labels are coded, and whether the table says so."""

from pathlib import Path

import numpy as np
import pytest
from faults import FAULTS, checked, painted, spoil
from PIL import Image

from roadseg.cli.main import main
from roadseg.curation.check import Inputs, diagnose, find_pairs, inspect_all
from roadseg.labels import camvid
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow


def test_a_folder_of_masks_is_told_to_be_one(plain: Path) -> None:
    for number in range(12):
        spoil(plain, FAULTS["mask of one class"][1], number)
    (found,) = (one for one in checked(plain) if one.subject == "coding")
    assert found.severity == "warning"
    assert found.what == "labels are masks of 0 and 255: one class and the rest"


def test_train_ids_that_pass_for_the_35_ids(streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for source in streets.rglob("*.png"):
        path = tmp_path / "data" / source.relative_to(streets)
        path.parent.mkdir(parents=True, exist_ok=True)
        ids = np.asarray(Image.open(source))
        Image.fromarray(ids if ids.ndim == 3 else (ids % 19).astype(np.uint8)).save(path)
    assert main(["data", "check", "kitti-fcn8s", "--data.root", str(tmp_path / "data")]) == 1
    assert "train ids" in capsys.readouterr().out
    assert main(["data", "check", "kitti-fcn8s", "--data.root", str(streets)]) == 0
    assert main(["data", "stats", "kitti-fcn8s", "--data.root", str(streets)]) == 0
    assert "unlabelled" in capsys.readouterr().out


def test_a_grey_label_among_colours_is_a_colour(plain: Path) -> None:
    for number in range(3):
        spoil(plain, painted, number)
    sky = spoil(plain, lambda ids: painted(np.where(ids == 0, 0, 11).astype(np.uint8)))
    space = camvid().model_copy(update={"coding": "colors"})
    for table in (None, space):
        found = Inputs({"all": find_pairs(plain).parts["all"][:4]}, (), (), table)
        alarms = [one for one in diagnose(found, inspect_all(found, Display())) if sky in one.files]
        assert [one.subject for one in alarms if one.subject == "coding"] == []
