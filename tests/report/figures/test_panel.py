"""Scales, and what stands where on a panel, in rows and side by side."""

import re
from collections.abc import Mapping
from xml.etree import ElementTree

import pytest
from hypothesis import given, strategies as st
from markupsafe import Markup

from roadseg.report.figures import panel, svg
from roadseg.report.figures.panel import Panel, Place, Row, Scale, legend, percentage, percents, rows, side_by_side

SVG = "{http://www.w3.org/2000/svg}"


def places(drawn: Markup, tag: str, class_: str) -> list[Mapping[str, str]]:
    root = ElementTree.fromstring(f"<g>{drawn}</g>")
    return [node.attrib for node in root.iter(tag) if node.get("class") == class_]


@given(st.floats(-10, 10), st.floats(0.01, 10), st.floats(0, 1))
def test_a_scale_is_straight_between_its_ends(low: float, width: float, share: float) -> None:
    scale = Scale(low, low + width, 100, 20)
    assert scale(low + share * width) == pytest.approx(100 - 80 * share, abs=1e-6)


def test_a_logarithmic_scale_has_equal_steps_for_equal_factors() -> None:
    scale = Scale(10, 40, 0, 100, log=True)
    assert [scale(images) for images in (10, 20, 40)] == pytest.approx([0, 50, 100])


def test_values_beyond_a_scale_are_put_at_its_ends() -> None:
    scale = Scale(0, 1, 0, 50)
    assert (scale(-1), scale(2)) == (0, 50)
    assert [scale.holds(value) for value in (-0.1, 0, 1, 1.1)] == [False, True, True, False]
    assert Scale(3, 3, 5, 9)(3) == 5, "one value alone"


def test_ticks_are_written_in_percent() -> None:
    assert percents((-0.4, 0.07, 1)) == {-0.4: "\N{MINUS SIGN}40", 0.07: "7", 1: "100"}
    assert percentage([0, 2])(0.5) == "25.00%"


def test_a_point_of_a_panel_is_a_value_across_and_one_up() -> None:
    drawn = Panel.of((0, 1), (0, 1), size=(200, 100)).line([(0, 0), (1, 1)])
    (line,) = places(drawn, "polyline", "line")
    low, high = (tuple(map(float, point.split(","))) for point in line["points"].split())
    assert low == (panel.LEFT, 100 - panel.BOTTOM)
    assert high == (200 - panel.RIGHT, panel.TOP)


def test_the_lowest_row_is_the_base_line() -> None:
    axes = Panel.of((0, 1), (0, 1)).axes(percents([0, 0.5, 1]), {1: "one"}, "x", "y")
    (base,) = places(axes, "line", "base")
    assert float(base["y1"]) == panel.HEIGHT - panel.BOTTOM
    assert len(places(axes, "line", "grid")) == 2
    assert re.findall(r">([^<]+)</text>", axes) == ["y", "x", "0", "50", "100", "one"]


@pytest.mark.parametrize(("low", "high", "bars"), [(0.2, 0.4, 2), (0.2, 1.5, 1), (-1.0, 2.0, 0)])
def test_an_end_beyond_the_axis_has_no_bar(low: float, high: float, bars: int) -> None:
    drawn = Panel.of((0, 1), (0, 1)).interval(0.5, low, high)
    assert len(places(drawn, "line", "whisker")) == 1 + bars


def test_arms_stand_beside_each_other() -> None:
    still = Panel.of((0, 1), (0, 1))
    (here,) = places(still.circle((0.5, 0.5), 3, "seed"), "circle", "seed")
    (there,) = places(still.moved(7).circle((0.5, 0.5), 3, "seed"), "circle", "seed")
    assert float(there["cx"]) - float(here["cx"]) == pytest.approx(7)
    assert there["cy"] == here["cy"]


def test_rows_share_a_scale() -> None:
    def track(place: Place, y: float) -> Markup:
        return svg.element("circle", cx=place(1.0), cy=y, class_="seed")

    drawn = rows("t", ("head", "values"), [0, 1, 2], [Row("a", track, "1"), Row("long name", track, "22")], height=20)
    first, second = places(drawn, f"{SVG}circle", "seed")
    assert first["cx"] == second["cx"]
    assert float(second["cy"]) - float(first["cy"]) == 20
    grid = places(drawn, f"{SVG}line", "grid")
    assert grid[1]["x1"] == first["cx"]
    assert {"a", "long name", "1", "22", "head", "values"} <= set(re.findall(r">([^<]+)</text>", drawn))


def test_only_differences_have_a_line_of_none() -> None:
    lines = [Row("a", lambda place, y: Markup(""), "")]
    assert not places(rows("t", ("", ""), [0, 1], lines), f"{SVG}line", "zero")
    assert len(places(rows("t", ("", ""), [0, 1], lines, zero=True), f"{SVG}line", "zero")) == 1


def test_a_legend_breaks_where_the_drawing_ends() -> None:
    names = dict(enumerate(("a long name of an arm", "another one", "c")))
    wide, narrow = legend(names, 600, 0), legend(names, 200, 0)
    assert narrow[1] > wide[1]
    assert all(name in narrow[0] for name in names.values())


def test_panels_stand_side_by_side_with_their_titles() -> None:
    drawn = side_by_side("all", [("one", Markup("<g/>")), ("two", Markup("<g/>"))], {0: "arm"}, (100, 50))
    root = ElementTree.fromstring(str(drawn))
    assert root.get("width") == "240"
    assert [node.text for node in root.iter(f"{SVG}text")] == ["one", "two", "arm"]
