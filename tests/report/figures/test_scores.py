"""Drawings as files: valid, complete, and readable without a browser's custom properties."""

import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

from roadseg.report.comparison.arms import Comparison
from roadseg.report.comparison.gather import gather
from roadseg.report.figures import pictures, scores as figures, svg, theme
from roadseg.report.figures.panel import percentage
from roadseg.runs.arms import read_arm
from roadseg.runs.run_dir import RunDir

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def comparison(make_run: Callable[..., RunDir]) -> Comparison:
    """Two arms, one of them with two seeds."""
    first = [make_run(f"a{seed}", wrong=0.2, seed=seed) for seed in (0, 1)]
    return gather(
        "x",
        [read_arm("first & <b>", first, "val"), read_arm("second", (make_run("b", wrong=0.5),), "val")],
        resamples=200,
    )


def test_the_files_are_drawings_of_their_own(comparison: Comparison) -> None:
    drawn = {name: svg.standalone(drawing) for name, drawing in figures.files(comparison).items()}
    assert set(drawn) == {"scores.svg", "curves.svg", "classes.svg", "confusion-1.svg", "confusion-2.svg"}
    for text in drawn.values():
        assert "var(--" not in text
        assert "href" not in text
        root = ElementTree.fromstring(text)
        assert root.tag == f"{SVG}svg"
        assert root.find(f"{SVG}title") is not None
    words = [node.text for node in ElementTree.fromstring(drawn["scores.svg"]).iter(f"{SVG}text")]
    assert "first & <b>" in words


def test_every_confusion_above_half_a_percent_is_drawn(comparison: Comparison) -> None:
    arm = comparison.arms[1]
    counts = arm.confusion
    shares = counts / np.maximum(counts.sum(1), 1)[:, None]
    root = ElementTree.fromstring(str(figures.confusion(comparison, arm)))
    cells = [node for node in root.iter(f"{SVG}rect") if "cell" in (node.get("class") or "")]
    assert len(cells) == (shares >= 0.005).sum()
    hints = {node.findtext(f"{SVG}title") for node in cells}
    names = comparison.space.names
    row, column = np.unravel_index(np.argmax(shares - 2 * np.eye(len(names))), shares.shape)
    told = f"{100 * shares[row, column]:.0f} % of {names[row]} pixels are called {names[column]}"
    assert told in hints
    absent = [node for node in root.iter(f"{SVG}rect") if node.get("class") == "absent"]
    predicted = sum(scored.confusion.sum(0) for scored in comparison.arms) > 0
    assert len(absent) == (predicted & (counts.sum(1) == 0)).sum()
    never = ~predicted & (counts.sum(1) == 0)
    assert never.any()
    shown = {node.text for node in root.iter(f"{SVG}text")}
    assert not shown & {names[index] for index in np.flatnonzero(never)}


def test_marks_stand_where_the_scores_are(comparison: Comparison) -> None:
    spreads = [arm.per_class[0] for arm in comparison.arms]
    track = str(figures.class_track(spreads, percentage([0.0, 1.0]), 10))
    places = [float(x) for x in re.findall(r'<svg x="([\d.]+)%"', track)]
    assert places == pytest.approx([100 * (spread.mean or 0.0) for spread in spreads], abs=0.006)


def luminance(color: str) -> float:
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colors", [theme.LIGHT, theme.DARK])
def test_text_and_marks_stand_out(colors: dict[str, str]) -> None:
    for ground in ("paper", "panel"):
        for name in ("ink", "muted", "accent"):
            assert contrast(colors[name], colors[ground]) >= 4.5
        for name in (name for name in colors if name.startswith("arm-")):
            assert contrast(colors[name], colors[ground]) >= 3
    for name in ("right", "wrong"):
        assert contrast(colors["ink"], colors[name]) >= 4.5


def test_errors_stand_out_in_the_dimmed_photo_by_their_brightness() -> None:
    def over(ground: int, kind: int) -> str:
        alpha = pictures.ERROR_ALPHA[kind] / 255
        mixed = [round(alpha * value + (1 - alpha) * ground) for value in pictures.ERROR_COLORS[kind]]
        return "#{:02x}{:02x}{:02x}".format(*mixed)

    for here in (over(grey, pictures.WRONG_HERE) for grey in (0, 255)):
        for in_all in (over(grey, pictures.WRONG_IN_ALL) for grey in (0, 255)):
            assert contrast(here, in_all) >= 1.4
            assert contrast(in_all, over(255, pictures.RIGHT)) >= 2
            assert contrast(in_all, over(255, pictures.UNLABELLED)) >= 3
