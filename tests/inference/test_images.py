"""Which images are found."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadseg.errors import DataError
from roadseg.inference.images import find_images


def picture(path: Path, size: tuple[int, int] = (20, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(path)))
    Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(path)
    return path


def test_files_folders_and_patterns(tmp_path: Path) -> None:
    a, b = picture(tmp_path / "in/a.png"), picture(tmp_path / "in/deep/b.JPG")
    (tmp_path / "in/notes.txt").write_text("x")
    out = tmp_path / "out"
    assert find_images([str(a)], out) == {"a": a}
    assert find_images([str(tmp_path / "in")], out) == {"a": a, "deep/b": b}
    assert find_images([str(tmp_path / "in" / "*.png"), str(a)], out) == {"a": a}
    assert find_images([str(tmp_path / "in/**/*")], out) == {"a": a, "deep/b": b}


def test_pictures_of_an_earlier_call_are_not_inputs(tmp_path: Path) -> None:
    a = picture(tmp_path / "a.png")
    picture(tmp_path / "out/overlay/a.png")
    assert find_images([str(tmp_path)], tmp_path / "out") == {"a": a}


def test_what_matches_nothing_or_twice(tmp_path: Path) -> None:
    picture(tmp_path / "x/a.png")
    picture(tmp_path / "y/a.jpg")
    for missing in ("/no/such", str(tmp_path / "*.bmp"), ""):
        with pytest.raises(DataError, match="no image in"):
            find_images([missing], tmp_path / "out")
    with pytest.raises(DataError, match="both be written as a"):
        find_images([str(tmp_path / "x"), str(tmp_path / "y")], tmp_path / "out")
