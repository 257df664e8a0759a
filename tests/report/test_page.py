"""What is set in columns, and where lines may end."""

import pytest

from roadseg.report.page import balanced, breakable


@pytest.mark.parametrize(("columns", "side_by_side"), [(2, 2), (5, 5), (6, 3), (7, 4), (11, 4)])
def test_many_arms_are_set_in_even_rows(columns: int, side_by_side: int) -> None:
    assert balanced(columns) == side_by_side


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("kitti-fcn8s of", '<span class="whole">kitti-fcn8s</span> of'),
        ("lr=1e-4", '<span class="word">lr=<wbr><span class="whole">1e-4</span></span>'),
        ("a optimizer.name=sgd", 'a <span class="word">optimizer.<wbr>name=<wbr>sgd</span>'),
        (
            "transforms.crop=64,96 b",
            '<span class="word">transforms.<wbr>crop=<wbr><span class="whole">64,96</span></span> b',
        ),
        ("30.7 % <b>=1 & =", "30.7\N{NO-BREAK SPACE}% &lt;b&gt;=1 &amp; ="),
    ],
)
def test_lines_end_between_the_parts_of_a_setting_and_never_in_a_number(name: str, shown: str) -> None:
    assert str(breakable(name)) == shown
