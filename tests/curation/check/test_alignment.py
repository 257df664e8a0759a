"""Where a label fits its image."""

import pytest

from roadseg.curation.check.alignment import REACH, Fit

pytestmark = pytest.mark.slow


def test_a_place_at_the_end_of_the_search_is_no_shift() -> None:
    at_the_end = Fit((REACH, 0), peak=9.0, gain=5.0, mirrored=0.0, borders=9000)
    assert (at_the_end.shifted, at_the_end.nowhere) == (False, True)
    assert at_the_end._replace(shift=(REACH - 1, 0)).shifted
