import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from roadseg.config.settings import Data, Split
from roadseg.data import dataset, load_records
from roadseg.data.datasets import split_records
from roadseg.data.splits import leaks
from roadseg.errors import ConfigError, DataError

Write = Callable[[Path, Path], None]
GROUPED = Split(scheme="grouped")


def camvid(root: Path, write_pair: Write, *parts: str) -> Path:
    for part in parts:
        for i in range(2):
            write_pair(root / part / f"{part}_{i}.png", root / f"{part}annot" / f"{part}_{i}.png")
    return root


def test_a_typo_lists_the_choices() -> None:
    with pytest.raises(
        ConfigError, match=r"no data set 'kiti'; did you mean kitti\? choices: camvid, kitti, cityscapes"
    ):
        dataset("kiti")
    with pytest.raises(ConfigError, match="no data set 'x'; choices: "):
        dataset("x")


def test_official(tmp_path: Path, write_pair: Write) -> None:
    root = camvid(tmp_path, write_pair, "train", "val")
    loaded = load_records(Data(name="camvid", root=root))
    assert {name: [r.id for r in part] for name, part in loaded.records.items()} == {
        "train": ["train_0", "train_1"],
        "val": ["val_0", "val_1"],
    }
    assert loaded.splits.train == ("train_0", "train_1")


def test_official_test_part_is_taken_where_it_is(tmp_path: Path, write_pair: Write) -> None:
    root = camvid(tmp_path, write_pair, "train", "val", "test")
    assert list(load_records(Data(name="camvid", root=root)).records) == ["train", "val", "test"]


def test_official_part_that_must_be_there(tmp_path: Path, write_pair: Write) -> None:
    root = camvid(tmp_path, write_pair, "train", "test")
    with pytest.raises(DataError, match=r"no folder .*val;"):
        load_records(Data(name="camvid", root=root))


def test_other_schemes_pool_the_parts(tmp_path: Path, write_pair: Write) -> None:
    root = camvid(tmp_path, write_pair, "train", "val", "test")
    loaded = load_records(Data(name="camvid", root=root, split=GROUPED))
    assert [len(part) for part in loaded.records.values()] == [2, 2, 2]
    folds = Split(scheme="random", folds=3, fold=1)
    assert {n: len(p) for n, p in load_records(Data(name="camvid", root=root, split=folds)).records.items()} == {
        "train": 4,
        "val": 2,
    }


def test_kitti_has_no_official_division(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"kitti in .* has no official division; use --data\.split\.scheme grouped"):
        load_records(Data(name="kitti", root=tmp_path, split=Split(scheme="official")))


def test_dummy_labels_of_cityscapes_are_never_used(tmp_path: Path, write_pair: Write) -> None:
    for split in ("train", "val", "test"):
        write_pair(
            tmp_path / "leftImg8bit" / split / split / f"{split}_000000_000019_leftImg8bit.png",
            tmp_path / "gtFine" / split / split / f"{split}_000000_000019_gtFine_labelIds.png",
        )
    assert list(load_records(Data(name="cityscapes", root=tmp_path)).records) == ["train", "val"]
    halves = Split(scheme="random", fractions=(0.5, 0.5, 0.0))
    pooled = load_records(Data(name="cityscapes", root=tmp_path, split=halves)).records
    assert sorted(record.group for part in pooled.values() for record in part) == ["train_000000", "val_000000"]


def test_no_root() -> None:
    with pytest.raises(ConfigError, match=r"no data; give .* --data\.root DIR"):
        load_records(Data(name="kitti"))


def test_stored_division(tmp_path: Path, write_pair: Write) -> None:
    root = camvid(tmp_path, write_pair, "train", "val", "test")
    loaded = load_records(Data(name="camvid", root=root, split=GROUPED))
    loaded.splits.save(tmp_path / "splits.json")
    again = load_records(Data(name="camvid", root=root, split=Split(scheme="file", file=tmp_path / "splits.json")))
    assert again == loaded


class TestSplitRecords:
    @staticmethod
    def ids(data: Data, split: str) -> list[str]:
        return [record.id for record in split_records(data, load_records(data).splits, split)]

    def test_part_of_the_run_and_not_the_official_one(self, tmp_path: Path, write_pair: Write) -> None:
        root = camvid(tmp_path, write_pair, "train", "val", "test")
        for seed in range(5):
            data = Data(name="camvid", root=root, split=Split(scheme="grouped", seed=seed))
            for part, records in load_records(data).records.items():
                assert self.ids(data, part) == [record.id for record in records]

    def test_all(self, tmp_path: Path, write_pair: Write) -> None:
        data = Data(name="camvid", root=camvid(tmp_path, write_pair, "train", "val"))
        assert self.ids(data, "all") == ["train_0", "train_1", "val_0", "val_1"]

    def test_a_split_that_arrived_after_training(self, tmp_path: Path, write_pair: Write) -> None:
        data = Data(name="camvid", root=camvid(tmp_path, write_pair, "train", "val"))
        splits = load_records(data).splits
        camvid(tmp_path, write_pair, "test")
        assert [record.id for record in split_records(data, splits, "test")] == ["test_0", "test_1"]

    def test_an_official_split_that_was_trained_on(self, tmp_path: Path, write_pair: Write) -> None:
        root = camvid(tmp_path, write_pair, "train", "val", "test")
        data = Data(name="camvid", root=root, split=Split(scheme="random", folds=6))
        with pytest.raises(
            ConfigError, match=r"trained on \d of the 2 images of camvid's test split \(test_\d\); evaluate"
        ):
            self.ids(data, "test")

    def test_unknown_name(self, tmp_path: Path, write_pair: Write) -> None:
        data = Data(name="camvid", root=camvid(tmp_path, write_pair, "train", "val"))
        with pytest.raises(
            ConfigError, match=r"no labelled images of a split 'tset' in .*; choose one of train, val, all"
        ):
            self.ids(data, "tset")


def test_torch_is_not_imported() -> None:
    code = "import roadseg.data, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_shared_kitti_by_drive(shared_kitti: Path) -> None:
    loaded = load_records(Data(name="kitti", root=shared_kitti, split=GROUPED))
    assert [len(part) for part in loaded.records.values()] == [22, 5, 5]
    assert leaks(loaded.splits, [record for part in loaded.records.values() for record in part]) == []


def test_the_official_split_of_camvid_leaks_a_film(shared_camvid: Path) -> None:
    loaded = load_records(Data(name="camvid", root=shared_camvid))
    assert leaks(loaded.splits, [record for part in loaded.records.values() for record in part]) == ["0016E5"]
