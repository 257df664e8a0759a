"""What is marked, escaped and set in columns."""

import pytest

from roadseg.report.page import balanced, highest


@pytest.mark.parametrize(
    ("values", "marked"),
    [
        ([0.5, 0.2, None], {0}),
        ([0.5001, 0.5], set()),  # shown as the same
        ([0.2, 0.5, 0.5002], {1, 2}),
        ([0.0, None], set()),
        ([None, None], set()),
        ([0.3], set()),
    ],
)
def test_only_a_score_that_is_seen_to_be_higher_is_marked(values: list[float | None], marked: set[int]) -> None:
    assert highest(values) == marked


@pytest.mark.parametrize(("columns", "side_by_side"), [(2, 2), (5, 5), (6, 3), (7, 4), (11, 4)])
def test_many_arms_are_set_in_even_rows(columns: int, side_by_side: int) -> None:
    assert balanced(columns) == side_by_side
