"""What is set in columns."""

import pytest

from roadseg.report.page import balanced


@pytest.mark.parametrize(("columns", "side_by_side"), [(2, 2), (5, 5), (6, 3), (7, 4), (11, 4)])
def test_many_arms_are_set_in_even_rows(columns: int, side_by_side: int) -> None:
    assert balanced(columns) == side_by_side
