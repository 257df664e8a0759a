"""Lines over epochs, and the scales of drawings."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from roadseg.report.figures import svg
from roadseg.report.figures.curves import epoch_ticks, line, mean_line


@given(st.floats(0, 100), st.floats(1e-3, 1e4))
def test_ticks_are_round_and_enclose_the_range(low: float, width: float) -> None:
    ticks = svg.ticks(low, low + width)
    assert ticks[0] <= low + 1e-6 * width
    assert ticks[-1] >= low + width - 1e-6 * (width + abs(low))
    assert 2 <= len(ticks) <= 8
    steps = [b - a for a, b in pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps))
    mantissa = float(f"{steps[0]:e}".split("e")[0])
    assert min(abs(mantissa - choice) for choice in (1, 2, 5, 10)) < 1e-3


@pytest.mark.parametrize(("epochs", "ticks"), [(1, [1]), (3, [1, 2, 3]), (6, [1, 2, 4, 6]), (12, [1, 5, 10])])
def test_epochs_begin_at_one(epochs: int, ticks: list[int]) -> None:
    assert epoch_ticks(epochs) == ticks


def test_a_line_leaves_out_what_was_not_measured() -> None:
    history = [{"epoch": n, "val": {"mean_iou": value}} for n, value in ((1, None), (2, 0.25), (3, 0.5))]
    assert line(history, "val", "mean_iou") == [(2.0, 0.25), (3.0, 0.5)]


def test_the_mean_is_over_the_epochs_that_all_runs_have() -> None:
    assert mean_line([[(1.0, 2.0), (2.0, 4.0)], [(1.0, 4.0)]]) == [(1.0, 3.0)]
    assert mean_line([]) == []


def test_text_and_attributes_are_escaped() -> None:
    drawn = svg.element("text", "a<b>&", title='"x"', class_="name", text_anchor=None)
    assert drawn == '<text title="&#34;x&#34;" class="name">a&lt;b&gt;&amp;</text>'
