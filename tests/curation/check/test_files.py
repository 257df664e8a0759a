"""Damaged files, and labels of another size or turned."""

from pathlib import Path

import numpy as np
import pytest
from faults import checked, spoil
from PIL import Image

pytestmark = pytest.mark.slow


def test_each_damaged_file_has_its_reason(plain: Path) -> None:
    images = sorted((plain / "images").iterdir())
    images[0].write_bytes(images[0].read_bytes()[:5000])
    for path in images[1:3]:
        path.write_text("<html>404</html>")
    (found,) = (one for one in checked(plain) if one.subject == "files")
    assert found.what == "3 files cannot be read: cannot identify image file (2); image file is truncated"
    assert dict(found.details)["reasons"].keys() == set(map(str, images[:3]))


def test_labels_on_their_side(plain: Path) -> None:
    name = spoil(plain, lambda ids: Image.fromarray(np.ascontiguousarray(ids.T)))
    (alarm,) = (one for one in checked(plain) if one.subject == "sizes")
    assert alarm.files == (name,)
    assert "turned by 90 degrees" in alarm.what
    assert "nearest" not in alarm.remedy


TURNS = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


@pytest.mark.parametrize("orientation", TURNS)
def test_labels_drawn_on_a_photo_that_exif_turns(plain: Path, orientation: int) -> None:
    turn, image = TURNS[orientation], sorted((plain / "images").iterdir())[3]
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(image) as picture:
        picture.convert("RGB").transpose(turn).save(image.with_suffix(".jpg"), exif=exif, quality=95)
    image.unlink()
    upright = [(one.subject, one.severity) for one in checked(plain)]
    assert upright == [("sizes", "hint"), ("coding", "hint")]
    name = spoil(plain, lambda ids: Image.fromarray(ids).transpose(turn))
    (alarm,) = (one for one in checked(plain) if one.severity != "hint")
    assert alarm.files == (name,)
    assert ("as stored" in alarm.what) if orientation > 4 else ("turned" in alarm.what)
