"""The roadseg.yaml that the doctor drafts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from faults import in_tours, painted, spoil

from roadseg.curation.check import draft, find_pairs, inspect_all
from roadseg.data.layouts import folder
from roadseg.labels import camvid, load
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow


def test_the_draft_has_groups_for_subfolders_and_known_names(plain: Path, tmp_path: Path) -> None:
    root = in_tours(plain, tmp_path / "tours", lambda image: image)
    found = find_pairs(root)
    (root / "roadseg.yaml").write_text(draft(found, inspect_all(found, Display())))
    text = (root / "roadseg.yaml").read_text()
    assert "images: images/{split}/{group}/{id}.*\nmasks: labels/{split}/{group}/{id}.png\n" in text
    assert load(root / "roadseg.yaml").names == camvid().names
    assert [label.id for label in load(root / "roadseg.yaml").ignored] == [11]
    described = sorted(one.group for one in folder.records(root, "all"))
    assert described == sorted(one.group for part in found.parts.values() for one in part)


def test_drafts_of_colours(plain: Path, tmp_path: Path) -> None:
    for number in range(12):
        spoil(plain, painted, number)
    found = find_pairs(plain)
    inspected = inspect_all(found, Display())
    (tmp_path / "a.yaml").write_text(draft(found, inspected))
    space = load(tmp_path / "a.yaml")
    assert (space.coding, space.names, space.ignored[0].color) == ("colors", camvid().names, (0, 0, 0))
    own = [replace(one, label=replace(one.label, values={0: 9, 0x010203: 9, 0x040506: 9})) for one in inspected]
    (tmp_path / "b.yaml").write_text(draft(found, own))
    space = load(tmp_path / "b.yaml")
    assert [label.color for label in space.classes] == [(1, 2, 3), (4, 5, 6)]
    assert [label.color for label in space.ignored] == [(0, 0, 0)]


@pytest.mark.parametrize(
    ("values", "name", "classes"),
    [
        (range(12), "CamVid", 11), ([*range(14), 255], "train ids", 19), (range(7, 34), "35 ids", 19),
        (range(3), "", 3), (range(40), "", 40), ([0, 255], "", 2),
    ],
)  # fmt: skip
def test_drafts_of_ids(plain: Path, tmp_path: Path, values: Sequence[int], name: str, classes: int) -> None:
    found = find_pairs(plain)
    (one,) = inspect_all(replace(found, parts={"all": found.parts["all"][:1]}), Display())
    assert not isinstance(one.label, str)
    text = draft(found, [replace(one, label=replace(one.label, values=dict.fromkeys(values, 9)))])
    (tmp_path / "a.yaml").write_text(text)
    assert len(load(tmp_path / "a.yaml").classes) == classes
    assert (name in text) == ("named after" in text or not name)
