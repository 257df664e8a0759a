"""How values are written in pages and in Markdown, and where lines may end."""

import base64

import jinja2
import pytest

from roadseg.report.figures import theme
from roadseg.report.html import breakable, command, data_uri, environment, hex_color, markdown_text, score


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


def test_scores_are_percent() -> None:
    assert score(0.12345) == "12.3"
    assert score(0.12345, 0) == "12"
    assert score(None) == score(None, 0) == "–"


def test_a_file_inside_the_page_holds_its_bytes() -> None:
    kind, text = data_uri(b"\x00<>", "image/png").split(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(text) == b"\x00<>"


def test_colors_are_written_as_the_web_does() -> None:
    assert hex_color((0, 10, 255)) == "#000aff"


def test_a_command_is_not_broken_within_a_flag() -> None:
    assert command("a --b-c <d>") == 'a <span class="whole">--b-c</span> &lt;d&gt;'


def test_words_have_no_meaning_in_markdown() -> None:
    assert markdown_text("a_b | [c]") == r"a\_b \| \[c\]"


def test_templates_escape_what_they_show_and_know_both_themes() -> None:
    made = environment("roadseg.report")
    assert made.from_string("{{ words }}").render(words="<b>") == "&lt;b&gt;"
    assert made.from_string("{{ light }}").render() == theme.properties(theme.LIGHT)
    assert made.from_string("{{ dark }}").render() == theme.properties(theme.DARK)
    with pytest.raises(jinja2.UndefinedError):
        made.from_string("{{ unknown }}").render()
