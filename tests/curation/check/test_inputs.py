"""Which images and labels are checked."""

from pathlib import Path

import pytest
from PIL import Image

from roadseg.cli.main import main
from roadseg.curation.check import find_pairs
from roadseg.errors import DataError

pytestmark = pytest.mark.slow


def test_folder_without_pairs(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="no two folders in"):
        find_pairs(tmp_path)


def test_pairs_with_parts_in_either_order(tmp_path: Path) -> None:
    for images, masks in (("images/{}", "masks/{}"), ("{}/a", "{}/b_gt")):
        root = tmp_path / images.replace("/", "").replace("{}", "x")
        for part in ("train", "valid"):
            for place, ending in ((images, "jpg"), (masks, "png")):
                (root / place.format(part)).mkdir(parents=True)
                Image.new("L", (4, 4)).save(root / place.format(part) / f"1.{ending}")
        found = find_pairs(root)
        assert {part: len(records) for part, records in found.parts.items()} == {"train": 1, "val": 1}
        assert found.paths == (f"{images.format('{split}')}/{{id}}.jpg", f"{masks.format('{split}')}/{{id}}.png")


@pytest.mark.parametrize("word", ["camvid-fcn9s", "no/such/folder", "nothere"])
def test_neither_recipe_nor_folder(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", word]) == 2
    assert f"neither a folder nor a recipe {word!r}" in capsys.readouterr().err
