from collections.abc import Callable
from pathlib import Path

import pytest

from roadseg.data.layouts import camvid
from roadseg.errors import DataError


def test_layout_ids_and_films(tmp_path: Path, write_pair: Callable[[Path, Path], None]) -> None:
    for name in ("Seq05VD_f00000.png", "0001TP_006690.png", "0001TP_006720.png"):
        write_pair(tmp_path / "train" / name, tmp_path / "trainannot" / name)
    records = camvid.records(tmp_path, "train")
    assert [(record.id, record.group) for record in records] == [
        ("0001TP_006690", "0001TP"),
        ("0001TP_006720", "0001TP"),
        ("Seq05VD_f00000", "Seq05VD"),
    ]
    assert records[0].label == tmp_path / "trainannot" / "0001TP_006690.png"


def test_missing_label_folder(tmp_path: Path, write_pair: Callable[[Path, Path], None]) -> None:
    write_pair(tmp_path / "val" / "a.png", tmp_path / "elsewhere" / "a.png")
    with pytest.raises(DataError, match=r"no folder .*valannot"):
        camvid.records(tmp_path, "val")


def test_shared_frames(shared_camvid: Path) -> None:
    train, val = (camvid.records(shared_camvid, split) for split in ("train", "val"))
    assert (len(train), len(val)) == (367, 101)
    assert {record.group for record in val} == {"0016E5"} < {record.group for record in train}
