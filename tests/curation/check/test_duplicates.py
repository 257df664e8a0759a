"""Copies, near-duplicates and groups in several parts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from faults import checked, in_tours
from PIL import Image, ImageOps

from roadseg.cli.main import main

pytestmark = pytest.mark.slow


def test_damaged_missing_and_doubled_files(plain: Path) -> None:
    images, labels = (sorted((plain / kind).iterdir()) for kind in ("images", "labels"))
    images[0].write_bytes(images[0].read_bytes()[:5000])
    labels[1].unlink()
    images[2].unlink()
    images[3].write_bytes(images[4].read_bytes())
    labels[6].write_bytes(labels[5].read_bytes())
    found = {
        one.what.split(" ", 1)[1].split(":")[0]: one.files
        for one in checked(plain)
        if one.subject in ("files", "duplicates")
    }
    assert found == {
        "file cannot be read": (str(images[0]),),
        "image without label": (str(images[1]),),
        "label without image": (str(labels[2]),),
        "image is there twice": (str(images[3]), str(images[4])),
        "pair of different images with one and the same label": (str(images[5]), str(images[6])),
    }


def test_drives_and_near_duplicates_across_official_parts(plain: Path, tmp_path: Path) -> None:
    """Of CamVid's layout, whose names begin with the film; one image is there again, a little larger."""
    root, paths = tmp_path / "camvid", sorted((plain / "images").iterdir())
    for part, name, source, box in (
        ("train", "0016E5_07959", paths[0], None), ("train", "0006R0_f01260", paths[1], None),
        ("val", "0016E5_07961", paths[0], (3, 2, 237, 178)),
    ):  # fmt: skip
        for folder, kind in ((part, "images"), (f"{part}annot", "labels")):
            (root / folder).mkdir(parents=True, exist_ok=True)
            with Image.open(plain / kind / source.name) as picture:
                picture.resize(picture.size, box=box, resample=0).save(root / folder / f"{name}.png")
    assert main(["data", "check", "camvid-fcn8s", "--data.root", str(root), "--output", str(tmp_path / "out")]) == 0
    content = json.loads((tmp_path / "out/check.json").read_text())
    near = next(one for one in content["findings"] if one["what"].startswith("1 image nearly the same"))
    assert [Path(name).parts[-2:] for name in near["files"][0]] == [
        ("train", "0016E5_07959.png"), ("val", "0016E5_07961.png"),
    ]  # fmt: skip
    assert any("0016E5 (train, val)" in one["what"] for one in content["findings"])


@pytest.mark.parametrize(
    ("again", "words"),
    [(lambda image: image, "saved again"), (ImageOps.mirror, "turned left to right")],
    ids=["saved", "mirrored"],
)
def test_a_copy_saved_again_is_an_error(
    plain: Path, tmp_path: Path, again: Callable[[Image.Image], Image.Image], words: str
) -> None:
    root = in_tours(plain, tmp_path / "tours", again)
    (copy,) = (one for one in checked(root) if one.subject == "duplicates" and "pair" not in one.what)
    assert (copy.severity, copy.what) == ("error", f"1 image is in two parts, {words}")
    assert [Path(name).parent.parent.name for name in copy.files] == ["train", "test"]
    assert "scheme" not in copy.remedy


def test_near_images_of_known_groups_are_not_sent_to_grouping(plain: Path, tmp_path: Path) -> None:
    root = in_tours(plain, tmp_path / "tours", lambda image: image.resize(image.size, box=(3, 2, 237, 178), resample=0))
    (near,) = (one for one in checked(root) if one.subject == "duplicates" and one.severity == "warning")
    assert "scheme" not in near.remedy
    assert "one group" in near.remedy
