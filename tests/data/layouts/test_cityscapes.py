from collections.abc import Callable
from pathlib import Path

import pytest

from roadseg.data.layouts import cityscapes
from roadseg.errors import DataError

Write = Callable[[Path, Path], None]


def build(root: Path, write_pair: Write, split: str, *names: str) -> Path:
    for name in names:
        city = name.split("_")[0]
        write_pair(
            root / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png",
            root / "gtFine" / split / city / f"{name}_gtFine_labelIds.png",
        )
    return root


def test_layout_ids_and_sequences(tmp_path: Path, write_pair: Write) -> None:
    build(tmp_path, write_pair, "train", "ulm_000001_000019", "aachen_000000_000019", "aachen_000000_000049")
    for ending in ("gtFine_color.png", "gtFine_instanceIds.png", "gtFine_labelTrainIds.png", "gtFine_polygons.json"):
        (tmp_path / "gtFine" / "train" / "aachen" / f"aachen_000000_000019_{ending}").touch()
    records = cityscapes.records(tmp_path, "train")
    assert [(record.id, record.group) for record in records] == [
        ("aachen_000000_000019", "aachen_000000"),
        ("aachen_000000_000049", "aachen_000000"),
        ("ulm_000001_000019", "ulm_000001"),
    ]
    assert records[2].image == tmp_path / "leftImg8bit/train/ulm/ulm_000001_000019_leftImg8bit.png"
    assert records[2].label == tmp_path / "gtFine/train/ulm/ulm_000001_000019_gtFine_labelIds.png"


@pytest.mark.parametrize("split", cityscapes.SPLITS)
def test_every_split(tmp_path: Path, write_pair: Write, split: str) -> None:
    build(tmp_path, write_pair, split, "bonn_000000_000019")
    assert len(cityscapes.records(tmp_path, split)) == 1


def test_missing_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder .*leftImg8bit/val"):
        cityscapes.records(tmp_path, "val")


def test_missing_labels(tmp_path: Path, write_pair: Write) -> None:
    build(tmp_path, write_pair, "val", "lindau_000000_000019", "lindau_000001_000019")
    (tmp_path / "gtFine/val/lindau/lindau_000001_000019_gtFine_labelIds.png").unlink()
    with pytest.raises(DataError, match=r"lindau_000001_000019_leftImg8bit\.png has no label"):
        cityscapes.records(tmp_path, "val")


def test_other_names(tmp_path: Path, write_pair: Write) -> None:
    build(tmp_path, write_pair, "val", "lindau")
    with pytest.raises(DataError, match=r"lindau_leftImg8bit\.png is not named city_sequence_frame"):
        cityscapes.records(tmp_path, "val")
