from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from roadseg.data.layouts import folder
from roadseg.data.layouts.template import Template
from roadseg.errors import ConfigError, DataError

Write = Callable[[Path, Path], None]
LABELS = {
    "name": "mine",
    "classes": [{"name": "road", "id": 0, "color": [1, 2, 3]}, {"name": "car", "id": 1, "color": [4, 5, 6]}],
    "ignored": [{"name": "void", "id": 255, "color": [0, 0, 0]}],
}


def describe(root: Path, images: str, masks: str, **more: object) -> Path:
    (root / "roadseg.yaml").write_text(yaml.safe_dump({"images": images, "masks": masks, "labels": LABELS, **more}))
    return root


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def found(root: Path, split: str = "all") -> dict[str, str]:
    return {record.id: record.group for record in folder.records(root, split)}


def test_splits_groups_and_ids(tmp_path: Path) -> None:
    describe(tmp_path, "images/{split}/{group}/{id}.jpg", "labels/{split}/{group}/{id}_mask.png")
    for split, group, name in (("train", "a", "1"), ("train", "b", "1"), ("val", "c", "1")):
        touch(tmp_path, f"images/{split}/{group}/{name}.jpg", f"labels/{split}/{group}/{name}_mask.png")
    touch(tmp_path, "images/train/a/notes.txt", "images/train/a/.1.jpg")
    assert found(tmp_path, "train") == {"train/a/1": "a", "train/b/1": "b"}
    assert found(tmp_path, "val") == {"val/c/1": "c"}
    assert len(found(tmp_path)) == 3
    assert folder.splits(tmp_path) == ("train", "val")
    record = folder.records(tmp_path, "val")[0]
    assert record.image == tmp_path / "images/val/c/1.jpg"
    assert record.label == tmp_path / "labels/val/c/1_mask.png"


def test_ids_span_folders_and_every_image_is_its_own_group(tmp_path: Path) -> None:
    describe(tmp_path, "images/{id}.png", "masks/{id}.png")
    for name in ("a/b/1", "a/b/2", "3"):
        touch(tmp_path, f"images/{name}.png", f"masks/{name}.png")
    assert found(tmp_path) == {"3": "3", "a/b/1": "a/b/1", "a/b/2": "a/b/2"}
    assert folder.splits(tmp_path) == ("all",)


def test_group_by_pattern(tmp_path: Path) -> None:
    describe(tmp_path, "i/{id}.png", "m/{id}.png", group=r"^(drive\d+)_")
    for name in ("drive1_0", "drive1_1", "drive2_0"):
        touch(tmp_path, f"i/{name}.png", f"m/{name}.png")
    assert found(tmp_path) == {"drive1_0": "drive1", "drive1_1": "drive1", "drive2_0": "drive2"}


def test_pattern_that_fits_not_every_id(tmp_path: Path) -> None:
    describe(tmp_path, "i/{id}.png", "m/{id}.png", group=r"^(\d+)_")
    touch(tmp_path, "i/x.png", "m/x.png")
    with pytest.raises(DataError, match=r"group '\^\(\\\\d\+\)_' finds nothing in 'x' \(.*i/x\.png\); fix it in"):
        found(tmp_path)


def test_a_placeholder_may_stand_twice(tmp_path: Path) -> None:
    describe(tmp_path, "{group}/{group}_{id}.png", "m/{group}_{id}.png")
    touch(tmp_path, "a/a_1.png", "a/b_2.png", "m/a_1.png")
    assert found(tmp_path) == {"a/1": "a"}


def test_any_ending_in_any_case(tmp_path: Path) -> None:
    describe(tmp_path, "i/{id}.*", "m/{id}.*")
    touch(tmp_path, "i/a.JPG", "i/b.jpeg", "i/c.Png", "i/d.gif", "m/a.PNG", "m/b.png", "m/c.png")
    assert list(found(tmp_path)) == ["a", "b", "c"]


def test_two_images_of_one_id(tmp_path: Path) -> None:
    describe(tmp_path, "i/{id}.*", "m/{id}.png")
    touch(tmp_path, "i/a.jpg", "i/a.png", "m/a.png")
    with pytest.raises(DataError, match=r"i/a\.jpg and .*i/a\.png both have the id a"):
        found(tmp_path)


@pytest.mark.parametrize(
    ("images", "masks"), [("{id}.png", "{id}_mask.png"), ("{id}_image.png", "{id}.png"), ("{id}.*", "{id}.mask.png")]
)
def test_images_and_masks_in_one_folder(tmp_path: Path, images: str, masks: str) -> None:
    describe(tmp_path, f"all/{images}", f"all/{masks}")
    for name in ("a", "b"):
        for template in (images, masks):
            touch(tmp_path, f"all/{template.replace('{id}', name).replace('*', 'jpg')}")
    assert list(found(tmp_path)) == ["a", "b"]


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    describe(root, "images/{id}.png", "masks/{id}.png")
    touch(elsewhere, "images/a.png", "masks/a.png")
    for name in ("images", "masks"):
        (root / name).symlink_to(elsewhere / name)
    assert list(found(root)) == ["a"]


@pytest.mark.parametrize(
    ("missing", "message"), [("m/a.png", r"i/a\.png has no label"), ("i/a.png", "a.png has no image")]
)
def test_missing_partner(tmp_path: Path, missing: str, message: str) -> None:
    describe(tmp_path, "i/{id}.png", "m/{id}.png")
    touch(tmp_path, "i/a.png", "m/a.png", "i/b.png", "m/b.png")
    (tmp_path / missing).unlink()
    with pytest.raises(DataError, match=message):
        found(tmp_path)


def test_missing_split_lists_the_others(tmp_path: Path) -> None:
    describe(tmp_path, "{split}/i/{id}.png", "{split}/m/{id}.png")
    touch(tmp_path, "training/i/a.png", "training/m/a.png")
    with pytest.raises(DataError, match=r"no split 'train' in .*, only training; rename a folder or divide anew"):
        found(tmp_path, "train")


def test_split_of_a_folder_without_splits(tmp_path: Path) -> None:
    describe(tmp_path, "i/{id}.png", "m/{id}.png")
    touch(tmp_path, "i/a.png", "m/a.png")
    with pytest.raises(DataError, match=r"no split 'train' in .*, only all;"):
        found(tmp_path, "train")


def test_no_images(tmp_path: Path) -> None:
    describe(tmp_path, "i/{id}.png", "m/{id}.png")
    with pytest.raises(DataError, match=r"no files i/\{id\}\.png in .*; fix images in .*roadseg\.yaml"):
        found(tmp_path)


def test_label_space(tmp_path: Path) -> None:
    describe(tmp_path, "i/{id}.png", "m/{id}.png")
    assert folder.label_space(tmp_path).names == ["road", "car"]
    assert folder.label_space(tmp_path, "all").names == ["road", "car", "void"]


def test_no_description(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no roadseg\.yaml in .*; write one"):
        folder.load_layout(tmp_path)


BAD_LAYOUTS = {
    "unknown key": ({"image": "x"}, "image: extra inputs are not permitted"),
    "placeholder": ({"images": "{name}/{id}.png"}, r"images: \{name\} is not a placeholder"),
    "brace": ({"images": "{id.png"}, "images: a brace is left over"),
    "empty brace": ({"images": "{}/{id}.png"}, "images: a brace is left over"),
    "no id": ({"masks": "m/{split}.png"}, r"masks: \{id\} is missing"),
    "absolute": ({"images": "/data/{id}.png"}, "images: the path must lead down"),
    "upwards": ({"images": "../data/{id}.png"}, "images: the path must lead down"),
    "different": ({"images": "i/{split}/{id}.png"}, r"only one of images and masks has \{split\}"),
    "same": ({"images": "m/{id}.png"}, r"images and masks are both m/\{id\}\.png"),
    "regex": ({"group": "("}, "group: it is no regular expression"),
    "no brackets": ({"group": "a"}, "group: it has 0 pairs of round brackets"),
    "two brackets": ({"group": "(a)(b)"}, "group: it has 2 pairs of round brackets"),
    "two groups": (
        {"images": "i/{group}/{id}.png", "masks": "m/{group}/{id}.png", "group": "(a)"},
        r"the group is given by \{group\} and by the key group",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD_LAYOUTS.values(), ids=BAD_LAYOUTS)
def test_bad_layouts(tmp_path: Path, change: dict[str, str], message: str) -> None:
    describe(tmp_path, **{"images": "i/{id}.png", "masks": "m/{id}.png", **change})
    with pytest.raises(ConfigError, match=rf"^{tmp_path}/roadseg\.yaml: {message}") as caught:
        folder.load_layout(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[1]", "images: i/{id}.png"])
def test_incomplete_descriptions(tmp_path: Path, text: str) -> None:
    (tmp_path / "roadseg.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"roadseg\.yaml: "):
        folder.load_layout(tmp_path)


def test_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "roadseg.yaml").write_text("images: {id}: x")
    with pytest.raises(ConfigError, match=r"cannot read .*roadseg\.yaml: .*; fix the file") as caught:
        folder.load_layout(tmp_path)
    assert "\n" not in str(caught.value)


def test_bad_labels(tmp_path: Path) -> None:
    describe(tmp_path, "i/{id}.png", "m/{id}.png", labels={"name": "a", "classes": []})
    with pytest.raises(ConfigError, match=r"roadseg\.yaml: classes: Tuple should have at least 2 items"):
        folder.label_space(tmp_path)


def test_characters_that_mean_something_to_regular_expressions() -> None:
    template = Template("a+b/(1)/{id}.png")
    assert template.pattern.fullmatch("a+b/(1)/x.png")
    assert not template.pattern.fullmatch("aab/1/x.png")
    assert not template.pattern.fullmatch("a+b/(1)/xApng")
