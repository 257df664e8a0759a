"""Labels that smoothing or JPEG changed along their borders."""

from pathlib import Path

import pytest
from faults import against_table, checked, painted, spoil, through_jpeg
from PIL import Image

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("method", [Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
def test_colours_mixed_along_borders_are_found_in_their_file_alone(plain: Path, method: Image.Resampling) -> None:
    for number in range(12):
        spoil(plain, painted, number)
    assert [(one.subject, one.severity) for one in checked(plain)] == [("coding", "hint")]
    path = sorted((plain / "labels").iterdir())[3]
    with Image.open(path) as picture:
        picture.resize((480, 360), method).resize((240, 180), method).save(path)
    (alarm,) = (one for one in checked(plain) if one.severity != "hint")
    assert (alarm.subject, alarm.files) == ("borders", (str(path),))
    assert "nearest neighbour" in alarm.remedy


def test_ids_that_jpeg_made_are_not_to_be_added(plain: Path) -> None:
    """JPEG makes ids up to 20, which neither the table lacks nor the 35 ids explain."""
    names = {spoil(plain, through_jpeg, number) for number in range(12)}
    assert [(one.subject, set(one.files)) for one in against_table(plain)] == [("borders", names)]


def test_colours_that_smoothing_made_are_not_to_be_added(plain: Path) -> None:
    smoothing = [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC]
    for number in range(12):
        colored = spoil(plain, painted, number)
        if number > 1:
            continue
        with Image.open(colored) as picture:
            small = picture.resize((160, 120), smoothing[number])
        small.resize((240, 180), smoothing[number]).save(colored)
    (alarm,) = against_table(plain, "colors")
    assert (alarm.subject, alarm.count) == ("borders", 2)
