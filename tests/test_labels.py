from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from cityscapesscripts.helpers.labels import labels as official_labels
from hypothesis import given, strategies as st

from roadseg import labels
from roadseg.errors import ConfigError
from roadseg.labels import IGNORE, Label, LabelSpace, indices_from_colors, indices_from_ids

BUILT_IN = [make(choice) for make in (labels.cityscapes, labels.camvid) for choice in ("evaluation", "all")]


@st.composite
def label_spaces(draw: st.DrawFn) -> LabelSpace:
    """Any valid table with 2 to 12 labels."""
    size = draw(st.integers(2, 12))
    ids = draw(st.lists(st.integers(0, 255), min_size=size, max_size=size, unique=True))
    byte = st.integers(0, 255)
    colors = draw(st.lists(st.tuples(byte, byte, byte), min_size=size, max_size=size, unique=True))
    rows = [Label(name=f"class {i}", id=i, color=color) for i, color in zip(ids, colors, strict=True)]
    classes = draw(st.integers(2, size))
    coding = draw(st.sampled_from(["ids", "colors"]))
    return LabelSpace(name="drawn", classes=tuple(rows[:classes]), ignored=tuple(rows[classes:]), coding=coding)


spaces = label_spaces() | st.sampled_from(BUILT_IN)


@given(spaces, st.data())
def test_ids_survive_the_way_to_indices_and_back(space: LabelSpace, data: st.DataObject) -> None:
    ids = [label.id for label in space.classes + space.ignored]
    values = np.array(data.draw(st.lists(st.lists(st.sampled_from(ids), min_size=3, max_size=3), min_size=1)), np.uint8)
    indices = indices_from_ids(values, space)
    back = space.index_to_id[indices]
    scored = indices != IGNORE
    assert (back[scored] == values[scored]).all()
    assert set(np.unique(indices[scored])) <= set(range(len(space.classes)))
    assert set(np.unique(values[~scored])) <= {label.id for label in space.ignored}
    assert (indices_from_ids(back, space) == indices).all()


@given(spaces)
def test_every_index_has_its_id_colour_and_name(space: LabelSpace) -> None:
    for index, label in enumerate(space.classes):
        assert space.id_to_index[label.id] == index
        assert space.index_to_id[index] == label.id
        assert tuple(space.palette[index]) == label.color
        assert space.names[index] == label.name
    assert not space.palette[len(space.classes) :].any()
    for label in space.ignored:
        assert space.id_to_index[label.id] == IGNORE


@given(label_spaces().filter(lambda space: space.coding == "colors"))
def test_colours_become_indices(space: LabelSpace) -> None:
    rows = space.classes + space.ignored
    pixels = np.array([[label.color for label in rows]], np.uint8)
    expected = [*range(len(space.classes)), *[IGNORE] * len(space.ignored)]
    assert indices_from_colors(pixels, space)[0].tolist() == expected


@given(spaces, st.integers(0, 255))
def test_an_id_outside_the_table_is_an_error_that_names_it(space: LabelSpace, value: int) -> None:
    values = np.full((2, 2), value, np.uint8)
    if value in {label.id for label in space.classes + space.ignored}:
        assert indices_from_ids(values, space).shape == (2, 2)
    else:
        with pytest.raises(ValueError, match=f"label {value} is not a class of"):
            indices_from_ids(values, space)


def test_error_lists_unknown_ids_and_the_known_ones() -> None:
    values = np.arange(12, 24, dtype=np.uint8).reshape(3, 4)
    with pytest.raises(ValueError, match=r"label 12, 13, 14, 15, 16 and 7 more is not .* \(0-10; ignored: 11\)"):
        indices_from_ids(values, labels.camvid())


@pytest.mark.parametrize("pixel", [(1, 2, 3), (0, 0, 0), (255, 255, 255)])
def test_unknown_colour_is_named(pixel: tuple[int, int, int]) -> None:
    rows = (Label(name="a", id=0, color=(9, 9, 9)), Label(name="b", id=1, color=(8, 8, 8)))
    space = LabelSpace(name="colours", classes=rows, coding="colors")
    with pytest.raises(ValueError, match=f"colour \\({pixel[0]}, {pixel[1]}, {pixel[2]}\\) is not a class of colours"):
        indices_from_colors(np.full((1, 2, 3), pixel, np.uint8), space)


def test_equal_after_the_lookups_were_used() -> None:
    one, other = labels.camvid(), labels.camvid()
    assert one.palette.any()
    assert other.palette.any()
    assert one == other
    assert hash(one) == hash(other)
    assert one != labels.camvid("all")


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_a_colour_survives_the_way_to_a_number_and_back(color: tuple[int, int, int]) -> None:
    value = labels.packed(color)
    assert f"{value:06x}" == bytes(color).hex()
    assert labels.unpacked(value) == color
    assert labels.packed_pixels(np.full((1, 2, 3), color, np.uint8)).tolist() == [[value, value]]


def test_ids_and_values_in_words() -> None:
    assert labels.ranges([255, 1, 0, 2, 7]) == "0-2, 7, 255"
    assert labels.listed([3, 1, 2], most=2) == "3, 1 and 1 more"
    assert labels.listed(["road"]) == "road"


@given(spaces)
def test_survives_json(space: LabelSpace) -> None:
    assert LabelSpace.model_validate_json(space.model_dump_json()) == space


class TestCityscapes:
    """Against the tables of cityscapesscripts, row by row."""

    @pytest.mark.parametrize("row", official_labels, ids=lambda row: row.name)
    def test_row(self, row: object) -> None:
        name, file_id, train_id, category, _, _, _, color = row  # type: ignore[misc]
        space, every = labels.cityscapes(), labels.cityscapes("all")
        byte = file_id if file_id >= 0 else 255
        index = 34 if file_id < 0 else file_id
        expected = Label(name=name, id=byte, color=color, category=category)
        assert every.classes[index] == expected
        if train_id in (255, -1):
            assert expected in space.ignored
            assert space.id_to_index[byte] == IGNORE
        else:
            assert space.classes[train_id] == expected
            assert space.id_to_index[byte] == train_id

    def test_no_row_is_missing_or_invented(self) -> None:
        space, every = labels.cityscapes(), labels.cityscapes("all")
        assert len(space.classes) == 19
        assert len(space.classes) + len(space.ignored) == len(every.classes) == len(official_labels) == 35


def test_camvid() -> None:
    space = labels.camvid()
    assert len(space.classes) == 11
    assert space.names[3] == "road"
    assert labels.camvid("all").names == [*space.names, "unlabelled"]
    assert space.id_to_index[11] == IGNORE


def table() -> dict[str, object]:
    return {
        "name": "mine",
        "classes": [{"name": "road", "id": 3, "color": [1, 2, 3]}, {"name": "car", "id": 7, "color": [4, 5, 6]}],
        "ignored": [{"name": "void", "id": 0, "color": [0, 0, 0]}],
    }


@pytest.mark.parametrize("wrap", [lambda content: content, lambda content: {"labels": content, "images": "x"}])
def test_load(tmp_path: Path, wrap: Callable[[object], object]) -> None:
    path = tmp_path / "labels.yaml"
    path.write_text(yaml.safe_dump(wrap(table())))
    assert labels.load(path) == LabelSpace.model_validate(table())
    everything = labels.load(path, "all")
    assert everything.names == ["road", "car", "void"]
    assert everything.ignored == ()


BAD_TABLES = {
    "no mapping": ("[1, 2", "cannot read labels from"),
    "list": ("[1, 2]", "labels: Input should be"),
    "empty": ("", "labels: Input should be"),
    "one class": ("name: a\nclasses: [{name: a, id: 0, color: [0, 0, 0]}]", "classes: Tuple should have at least 2"),
    "unknown key": ("name: a\nclases: []", "classes: Field required"),
    "id": (
        "name: a\nclasses: [{name: a, id: 256, color: [0, 0, 0]}, {name: b, id: 1, color: [0, 0, 0]}]",
        "classes.0.id",
    ),
    "colour": (
        "name: a\nclasses: [{name: a, id: 0, color: [0, 0]}, {name: b, id: 1, color: [0, 0, 0]}]",
        "classes.0.color",
    ),
    "same id": (
        "name: a\nclasses: [{name: a, id: 1, color: [0, 0, 0]}, {name: b, id: 1, color: [0, 0, 1]}]",
        "labels: id 1 stands twice; each label needs its own",
    ),
    "same name": (
        "name: a\nclasses: [{name: a, id: 0, color: [0, 0, 0]}, {name: a, id: 1, color: [0, 0, 1]}]",
        "labels: name a stands twice",
    ),
    "same colour": (
        "name: a\ncoding: colors\nclasses: [{name: a, id: 0, color: [5, 0, 0]}, {name: b, id: 1, color: [5, 0, 0]}]",
        r"labels: color \(5, 0, 0\) stands twice",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_load_names_the_file_and_the_first_fault(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labels.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        labels.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_load_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read labels from .*none\.yaml"):
        labels.load(tmp_path / "none.yaml")


def test_equal_colours_are_fine_where_ids_code_the_classes() -> None:
    rows = tuple(Label(name=name, id=i, color=(0, 0, 0)) for i, name in enumerate("ab"))
    assert LabelSpace(name="ids", classes=rows).coding == "ids"
