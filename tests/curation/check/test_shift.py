"""Labels that lie beside their image."""

from pathlib import Path

import pytest
from faults import FAULTS, checked, spoil

from roadseg.curation.check.shift import direction

pytestmark = pytest.mark.slow


def test_the_shift_is_told_in_pixels(plain: Path) -> None:
    name = spoil(plain, FAULTS["shifted"][1])
    (found,) = (one for one in checked(plain) if one.subject == "shift")
    right, down = dict(found.details)["pixels_right_down"][name]
    assert abs(right + 6) <= 1
    assert abs(down - 4) <= 1


def test_directions() -> None:
    assert direction(-1, -3) == "1 pixel left and 3 above"
    assert direction(-6, 4) == "6 pixels left and 4 below"
    assert direction(0, -4, move=True) == "4 pixels up"
