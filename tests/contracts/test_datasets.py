"""What every data set in `DATASETS` promises. A new one needs a tiny copy in `BUILDERS` and passes all of this."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
import yaml

from roadseg.config.registry import DATASETS
from roadseg.config.settings import Data, Split
from roadseg.data import dataset, load_records
from roadseg.data.decode import read_sample
from roadseg.errors import DataError
from roadseg.labels import IGNORE

GROUPS = ("a", "b", "c", "d")


class Write(Protocol):
    def __call__(self, image: Path, label: Path, ids: tuple[int, ...] = ...) -> None: ...


def kitti(root: Path, write: Write) -> None:
    for i in range(8):
        folder = root / "training"
        write(folder / "image_2" / f"{i:06d}_10.png", folder / "semantic" / f"{i:06d}_10.png", (0, 7, 26, 33))
    lines = [f"{i:06d} drive_{GROUPS[i // 2]} {i:010d}" for i in range(8)]
    (root / "drives.txt").write_text("\n".join(lines))


def cityscapes(root: Path, write: Write) -> None:
    for city, split in zip(GROUPS, ("train", "train", "val", "test"), strict=True):
        for frame in range(2):
            name = f"{city}_000000_{frame:06d}"
            write(
                root / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png",
                root / "gtFine" / split / city / f"{name}_gtFine_labelIds.png",
                (0, 7, 26, 33),
            )


def camvid(root: Path, write: Write) -> None:
    for film, split in zip(GROUPS, ("train", "train", "val", "test"), strict=True):
        for frame in range(2):
            name = f"{film}_{frame:06d}.png"
            write(root / split / name, root / f"{split}annot" / name, (0, 5, 10, 11))


def folder(root: Path, write: Write) -> None:
    for drive, split in zip(GROUPS, ("train", "train", "val", "test"), strict=True):
        for frame in range(2):
            write(root / f"images/{split}/{drive}/{frame}.png", root / f"masks/{split}/{drive}/{frame}.png", (0, 1, 9))
    rows = [{"name": name, "id": i, "color": [i, 0, 0]} for name, i in (("road", 0), ("car", 1), ("void", 9))]
    layout = {
        "images": "images/{split}/{group}/{id}.*",
        "masks": "masks/{split}/{group}/{id}.png",
        "labels": {"name": "mine", "classes": rows[:2], "ignored": rows[2:]},
    }
    (root / "roadseg.yaml").write_text(yaml.safe_dump(layout))


BUILDERS: dict[str, Callable[[Path, Write], None]] = {
    "kitti": kitti,
    "cityscapes": cityscapes,
    "camvid": camvid,
    "folder": folder,
}


@pytest.fixture(params=DATASETS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(name: str, tmp_path: Path, write_pair: Write) -> Path:
    BUILDERS[name](tmp_path, write_pair)
    return tmp_path


def test_every_data_set_is_tested() -> None:
    assert BUILDERS.keys() == DATASETS.keys()


def test_ids_are_sorted_and_unique(name: str, root: Path) -> None:
    for split in dataset(name).splits:
        ids = [record.id for record in dataset(name).records(root, split)]
        assert ids
        assert ids == sorted(set(ids))


def test_files_and_groups_exist(name: str, root: Path) -> None:
    for split in dataset(name).splits:
        for record in dataset(name).records(root, split):
            assert record.image.is_file()
            assert record.label.is_file()
            assert record.image != record.label
            assert record.group


@pytest.mark.parametrize("choice", ["evaluation", "all"])
def test_labels_decode_inside_the_space(name: str, root: Path, choice: str) -> None:
    space = dataset(name).labels(root, choice)  # type: ignore[arg-type]
    for split in dataset(name).splits:
        for record in dataset(name).records(root, split):
            values = set(read_sample(record, space).target.unique().tolist())
            assert values <= {*range(len(space.classes)), IGNORE}
            assert (IGNORE in values) == (choice == "evaluation")


def test_evaluated_classes_come_first_or_keep_their_ids(name: str, root: Path) -> None:
    evaluated, every = (dataset(name).labels(root, choice) for choice in ("evaluation", "all"))
    assert set(evaluated.names) < set(every.names)
    assert len(every.classes) == len(evaluated.classes) + len(evaluated.ignored)


def test_the_default_scheme_divides(name: str, root: Path) -> None:
    split = Split()
    loaded = load_records(Data(name=name, root=root, split=split))
    assert {"train", "val"} <= loaded.records.keys() <= {"train", "val", "test"}
    assert all(loaded.records.values())
    assert [r.id for part in loaded.records.values() for r in part] == [
        *loaded.splits.train,
        *loaded.splits.val,
        *loaded.splits.test,
    ]


def test_labelled_splits_are_among_its_splits(name: str, root: Path) -> None:
    assert set(dataset(name).labelled(root)) <= set(dataset(name).splits)


def test_nothing_is_written(name: str, root: Path) -> None:
    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in root.rglob("*")}

    before = state()
    for path in root.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    load_records(Data(name=name, root=root, split=Split(scheme="random")))
    assert state() == before


def test_an_image_without_labels_is_an_error(name: str, root: Path) -> None:
    split = dataset(name).splits[0]
    dataset(name).records(root, split)[0].label.unlink()
    with pytest.raises(DataError, match="has no label"):
        dataset(name).records(root, split)


def test_a_missing_folder_is_a_data_error(name: str, tmp_path: Path) -> None:
    for split in dataset(name).splits:
        with pytest.raises(DataError, match=str(tmp_path)):
            dataset(name).records(tmp_path / "nowhere", split)


def test_an_unknown_split_is_a_data_error(name: str, root: Path) -> None:
    with pytest.raises(DataError, match="trian"):
        dataset(name).records(root, "trian")


def test_its_folder_is_known_as_its_own_and_no_other(name: str, root: Path) -> None:
    assert [known for known in DATASETS if dataset(known).detect(root)] == [name]


def test_labels_alone_have_the_groups_of_the_records(name: str, root: Path) -> None:
    kind = dataset(name)
    group_of = kind.group_of(root)
    for record in [record for split in kind.splits for record in kind.records(root, split)]:
        assert group_of(record.label.stem) == (record.group if kind.tables else None)
    assert group_of("photo") in (None, "photo")
