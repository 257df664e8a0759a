"""Values that the table lacks, and their causes."""

from pathlib import Path

import numpy as np
import pytest
from faults import FAULTS, against_table, checked, painted, spoil
from PIL import Image

pytestmark = pytest.mark.slow


def test_exchanged_channels_are_told_as_such(plain: Path) -> None:
    def exchanged(ids: np.ndarray) -> Image.Image:
        return Image.fromarray(np.ascontiguousarray(np.asarray(painted(ids))[..., ::-1]))

    names = {spoil(plain, exchanged, number) for number in range(12)}
    (alarm,) = against_table(plain, "colors")
    assert "red and blue exchanged" in alarm.what
    assert set(alarm.files) == names
    assert any("red and blue exchanged" in one.what for one in checked(plain))


def test_masks_against_a_table(plain: Path) -> None:
    for number in range(12):
        spoil(plain, FAULTS["mask of one class"][1], number)
    (alarm,) = (one for one in against_table(plain) if one.subject == "coding")
    assert alarm.what == "labels are masks of 0 and 255, one class and the rest, where camvid has 11 classes"


def test_one_new_id_is_no_other_coding(plain: Path) -> None:
    name = spoil(plain, lambda ids: Image.fromarray(np.where(ids == 3, 20, ids)))
    (alarm,) = against_table(plain)
    assert (alarm.files, alarm.what) == ((name,), "1 label with values that camvid does not have: 20")
    assert "35" not in alarm.remedy
