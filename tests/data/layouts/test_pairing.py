from pathlib import Path

import pytest

from roadseg.data.layouts.pairing import by_id, files_by_id, paired
from roadseg.data.records import Record
from roadseg.errors import DataError


def test_files_by_id(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "c.txt", "._a.png"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert files_by_id(tmp_path, "*.png") == {"a": tmp_path / "a.png", "b": tmp_path / "b.png"}


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no folder .*none; give .* --data\.root"):
        files_by_id(tmp_path / "none", "*.png")


def test_nothing_that_fits(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no files \*\.png in "):
        files_by_id(tmp_path, "*.png")


def test_two_files_of_one_id(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"a\.jpg and .*a\.png both have the id a; remove or rename one"):
        files_by_id(tmp_path, "*")


def test_by_id_of_nothing() -> None:
    assert by_id([]) == {}


def test_paired_sorts_and_groups() -> None:
    images = {"b1": Path("b1.jpg"), "a1": Path("a1.jpg")}
    labels = {"a1": Path("a1.png"), "b1": Path("b1.png")}
    assert paired(images, labels, group=lambda name: name[0]) == [
        Record("a1", Path("a1.jpg"), Path("a1.png"), "a"),
        Record("b1", Path("b1.jpg"), Path("b1.png"), "b"),
    ]


def test_image_without_labels() -> None:
    images = {name: Path(f"{name}.jpg") for name in "abc"}
    with pytest.raises(DataError, match=r"^a\.jpg has no label \(and 1 more like it\); add the missing file"):
        paired(images, {"b": Path("b.png")}, str)


def test_labels_without_image() -> None:
    with pytest.raises(DataError, match=r"^b\.png has no image; add"):
        paired({"a": Path("a.jpg")}, {"a": Path("a.png"), "b": Path("b.png")}, str)
