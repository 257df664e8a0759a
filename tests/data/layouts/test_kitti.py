from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from roadseg.data.layouts import kitti, kitti_drives
from roadseg.data.layouts.kitti_drives import FRAMES, IMAGES, UNKNOWN_GROUPS
from roadseg.errors import DataError

Write = Callable[[Path, Path], None]


def build(root: Path, write_pair: Write, *stems: str) -> Path:
    for stem in stems:
        write_pair(root / "training" / "image_2" / f"{stem}.png", root / "training" / "semantic" / f"{stem}.png")
    return root


def groups(root: Path) -> dict[str, str]:
    return {record.id: record.group for record in kitti.records(root, "all")}


def test_layout_ids_and_drives(tmp_path: Path, write_pair: Write) -> None:
    build(tmp_path, write_pair, "000003_10", "000002_10", "000007_10")
    records = kitti.records(tmp_path, "all")
    assert [record.id for record in records] == ["000002_10", "000003_10", "000007_10"]
    assert records[0].image == tmp_path / "training" / "image_2" / "000002_10.png"
    assert records[0].label == tmp_path / "training" / "semantic" / "000002_10.png"
    assert [record.group for record in records] == [
        "2011_09_26_drive_0005_sync",
        "2011_09_26_drive_0005_sync",
        "2011_09_26_drive_0009_sync",
    ]


def test_second_frames_of_the_flow_benchmark_are_passed_over(tmp_path: Path, write_pair: Write) -> None:
    build(tmp_path, write_pair, "000000_10")
    (tmp_path / "training" / "image_2" / "000000_11.png").touch()
    assert list(groups(tmp_path)) == ["000000_10"]


def test_unknown_drives_in_a_row_are_one_group(tmp_path: Path, write_pair: Write) -> None:
    build(tmp_path, write_pair, "000004_10", "000006_10", "000082_10", "000200_10")
    assert groups(tmp_path) == {
        "000004_10": "unknown_000004-000006",
        "000006_10": "unknown_000004-000006",
        "000082_10": "unknown_000082",
        "000200_10": "unknown_000200",
    }


def test_a_list_of_drives_replaces_the_table(tmp_path: Path, write_pair: Write) -> None:
    build(tmp_path, write_pair, "000002_10", "000003_10", "000034_10")
    (tmp_path / "drives.txt").write_text("000002 drive_0001 0000000000\n\n000003 drive_0002 0000000005\n")
    assert groups(tmp_path) == {"000002_10": "drive_0001", "000003_10": "drive_0002", "000034_10": "unknown_000034"}


@pytest.mark.parametrize("line", ["000003 drive_0002", "000003 a b c", "000002 drive_0009 1"])
def test_a_bad_list_of_drives_is_named_with_its_line(tmp_path: Path, write_pair: Write, line: str) -> None:
    build(tmp_path, write_pair, "000002_10")
    (tmp_path / "drives.txt").write_text(f"000002 drive_0001 0000000000\n{line}\n")
    with pytest.raises(DataError, match=rf"drives\.txt:2: '{line}' is not a new index"):
        kitti.records(tmp_path, "all")


def test_a_list_of_drives_that_is_no_text(tmp_path: Path, write_pair: Write) -> None:
    build(tmp_path, write_pair, "000002_10")
    (tmp_path / "drives.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"cannot read .*drives\.txt"):
        kitti.records(tmp_path, "all")


def test_only_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"kitti has no split 'train'.* use 'all'"):
        kitti.records(tmp_path, "train")


def test_missing_labels(tmp_path: Path, write_pair: Write) -> None:
    build(tmp_path, write_pair, "000002_10", "000003_10")
    (tmp_path / "training" / "semantic" / "000003_10.png").unlink()
    with pytest.raises(DataError, match=r"image_2/000003_10\.png has no label;"):
        kitti.records(tmp_path, "all")


def test_table_equals_the_official_list(shared_drive_list: Path) -> None:
    lines = [line.split() for line in shared_drive_list.read_text().splitlines()]
    assert {index: (drive, int(number)) for index, drive, number in lines} == FRAMES


def test_table_is_complete() -> None:
    assert len(FRAMES) == 142
    assert len(FRAMES) + len(UNKNOWN_GROUPS) == IMAGES
    assert not FRAMES.keys() & UNKNOWN_GROUPS.keys()
    assert list(FRAMES) == sorted(FRAMES)


def test_indices_are_sorted_by_drive_and_frame_so_unknown_neighbours_may_share_a_drive() -> None:
    assert all(one < other for one, other in pairwise(FRAMES.values()))


def test_unknown_rows_lie_between_known_images() -> None:
    sizes = Counter(UNKNOWN_GROUPS.values())
    assert sizes["unknown_000170-000198"] == 29
    assert len(sizes) == 10
    assert kitti_drives.group("000133") == kitti_drives.group("000140") != kitti_drives.group("000141")


def test_shared_images(shared_kitti: Path) -> None:
    records = kitti.records(shared_kitti, "all")
    assert len(records) == 32
    assert len({record.group for record in records}) == 8
