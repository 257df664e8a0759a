"""Groups that are found: stored, read by a roadseg.yaml, and never guessed anew."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image, ImageEnhance

from roadseg.cli.main import main
from roadseg.config.settings import Data, Split
from roadseg.data import load_records
from roadseg.data.layouts import folder
from roadseg.data.records import Record
from roadseg.data.similar import find_groups
from roadseg.data.splits import leaks
from roadseg.errors import DataError


@pytest.fixture
def unsorted(streets: Path, tmp_path: Path) -> Path:
    """One picture of each of 4 drives, and a brighter JPEG of another size of each, under names that tell nothing."""
    root = tmp_path / "unsorted"
    for number in range(0, 8, 2):
        with Image.open(streets / f"training/image_2/{number:06d}_10.png") as picture:
            copy = ImageEnhance.Brightness(picture).enhance(1.15).resize((90, 60))
            for name, image in ((f"a{number}.png", picture), (f"z{9 - number}.jpg", copy)):
                for place in (root / "photos", root / "masks"):
                    place.mkdir(parents=True, exist_ok=True)
                image.save(root / "photos" / name)
                Image.new("L", image.size, 1).save(root / "masks" / f"{name[:-4]}.png")
    labels = {"name": "mine", "classes": [{"name": n, "id": i, "color": [i, 0, 0]} for i, n in enumerate("ab")]}
    describe(root, {"images": "photos/{id}.*", "masks": "masks/{id}.png", "labels": labels})
    return root


def describe(root: Path, content: dict[str, object]) -> None:
    path = root / "roadseg.yaml"
    before = yaml.safe_load(path.read_text()) if path.exists() else {}
    path.write_text(yaml.safe_dump(before | content))


def test_found_stored_and_used(unsorted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "groups", "folder-fcn8s", "--data.root", str(unsorted), "--output", str(unsorted / "groups.json")]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "8 images in 4 groups of look-alikes; the largest has 2, 0 are of one image" in shown
    assert main(words) == 2
    assert "exists already" in capsys.readouterr().err
    expected = {f"a{n}": f"a{n}" for n in range(0, 8, 2)} | {f"z{9 - n}": f"a{n}" for n in range(0, 8, 2)}
    assert json.loads((unsorted / "groups.json").read_text()) == expected
    assert {record.group for record in folder.records(unsorted, "all")} == set(expected)
    describe(unsorted, {"groups": "groups.json"})
    assert {record.id: record.group for record in folder.records(unsorted, "all")} == expected
    divided = load_records(Data(name="folder", root=unsorted, split=Split(scheme="grouped", fractions=(0.5, 0.5, 0))))
    everything = [record for part in divided.records.values() for record in part]
    assert leaks(divided.splits, everything) == []
    (unsorted / "again.json").unlink(missing_ok=True)
    assert main([*words[:-1], str(unsorted / "again.json")]) == 2
    assert "already defines groups" in capsys.readouterr().err


def test_the_order_of_the_images_changes_nothing(unsorted: Path) -> None:
    records = folder.records(unsorted, "all")
    advanced: list[int] = []
    groups = find_groups(records, lambda: advanced.append(1))
    assert len(advanced) == len(records)
    assert find_groups(records[::-1], lambda: None, threads=2) == groups
    assert find_groups([Record("b", records[0].image, records[0].label, "b")], lambda: None) == {"b": "b"}


def test_an_image_without_a_group_and_a_bad_file(unsorted: Path) -> None:
    describe(unsorted, {"groups": "groups.json"})
    with pytest.raises(DataError, match=r"cannot read groups from .*groups\.json"):
        folder.records(unsorted, "all")
    (unsorted / "groups.json").write_text('{"a0": 3}')
    with pytest.raises(DataError, match="does not give a group for each id"):
        folder.records(unsorted, "all")
    (unsorted / "groups.json").write_text('{"a0": "x"}')
    with pytest.raises(DataError, match=r"a2\.png has no group in groups\.json; add 'a2' to that file"):
        folder.records(unsorted, "all")
    describe(unsorted, {"group": "^(a)"})
    with pytest.raises(ValueError, match="the group is given twice"):
        folder.records(unsorted, "all")


def test_known_groups_name_a_remedy_only_where_there_is_one(
    tmp_path: Path, write_pair: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    for part, number in (("train", 1), ("train", 2), ("val", 3)):
        name = f"0001TP_{number}.png"
        write_pair(tmp_path / part / name, tmp_path / f"{part}annot" / name)
    words = ["data", "groups", "camvid-fcn8s", "--data.root", str(tmp_path), "--output", str(tmp_path / "g.json")]
    assert main(words) == 2
    assert "are known already" in (error := capsys.readouterr().err)
    assert "roadseg.yaml" not in error
