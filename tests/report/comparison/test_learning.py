"""The learning curve of runs whose predictions are the labels with fewer blocks wrong the more images they had."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from roadseg.config.overrides import overridden
from roadseg.errors import RunError
from roadseg.report import write_report
from roadseg.report.comparison.arms import Interval, Study
from roadseg.report.comparison.findings import Findings
from roadseg.report.comparison.gather import gather_study
from roadseg.report.comparison.learning import (
    Curve,
    Gain,
    Point,
    curves,
    divided,
    notes,
    rows,
    sentences,
)
from roadseg.report.figures.learning import figure
from roadseg.report.scores_json import scores_file
from roadseg.runs.arms import Arm, read_arm
from roadseg.runs.run_dir import RunDir
from roadseg.scoring import stats
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow

MakeRun = Callable[..., RunDir]
WRONG = {0.25: 0.8, 0.5: 0.6, 1.0: 0.4}


def arms(make_run: MakeRun, recipe: str, seeds: int = 2, shares: dict[float, float] | None = None) -> list[Arm]:
    made = []
    for share, wrong in (shares or WRONG).items():
        changes = {"data__split__share": share, "model__name": recipe.removeprefix("demo-")}
        runs = [
            make_run(f"{recipe}-{share}-{seed}", wrong, seed=seed, data__split__share_seed=seed, **changes)
            for seed in range(seeds)
        ]
        made.append(read_arm(recipe, runs, "val", share))
    return made


@pytest.fixture
def study(make_run: MakeRun) -> Study:
    steeper = {0.25: 0.9, 0.5: 0.6, 1.0: 0.3}
    return gather_study(
        "shares", [*arms(make_run, "demo-fcn16s"), *arms(make_run, "demo-fcn32s", shares=steeper)], resamples=200
    )


def test_arms_that_differ_in_the_share_alone_are_one_curve(make_run: MakeRun) -> None:
    made = [*arms(make_run, "demo-fcn16s", 1), *arms(make_run, "demo-fcn32s", 1, {0.5: 0.5, 1.0: 0.4})]
    whole, smaller = divided(made)
    # two shares are no curve: they are compared as any two arms
    names = ["demo-fcn16s", "demo-fcn32s data.split.share=0.5", "demo-fcn32s data.split.share=1"]
    assert [arm.name for arm in whole] == names
    assert [arm.name for arm in smaller] == ["demo-fcn16s data.split.share=0.25", "demo-fcn16s data.split.share=0.5"]
    assert divided(made[:2]) == (made[:2], [])
    same = arms(make_run, "demo-fcn8s", 1, {0.2: 0.5, 0.25: 0.5, 1.0: 0.4})
    assert divided(same) == (same, [])  # 1, 1 and 4 images
    elsewhere = replace(made[0].runs[0], settings=overridden(made[0].runs[0].settings, {"data.workers": 1}))
    assert divided([replace(made[0], runs=(elsewhere,)), *made[1:3]])[0] == [replace(made[2], share=None)]
    other = read_arm("again", (make_run("again", 0.3),), "val")
    assert divided([*made[:3], other]) == ([*made[:3], other], [])  # one number of images twice


def test_a_curve_has_its_points_and_goes_on(study: Study) -> None:
    assert study.smaller_shares
    assert len(study.main.contrasts) == 1
    assert study.smaller_shares.contrasts == ()
    found = Findings(study).curves
    assert [(curve.number, curve.name) for curve in found] == [(0, "demo-fcn16s"), (1, "demo-fcn32s")]
    for curve, arm in zip(found, study.main.arms, strict=True):
        assert [point.images for point in curve.points] == [1, 2, 4]
        assert curve.points[-1].arm is arm
        scores = [point.arm.score("mean_iou").mean or 0 for point in curve.points]
        assert scores == sorted(scores)
        assert [gain.images for gain in curve.ahead] == [8, 16]
        for gain in curve.ahead:
            assert gain.gain_interval.low <= gain.gain <= gain.gain_interval.high
            assert gain.score_interval
            assert gain.score_interval.low <= gain.score <= gain.score_interval.high
    assert found[1].ahead[0].gain > found[0].ahead[0].gain


def test_other_images_are_refused(study: Study) -> None:
    assert study.smaller_shares
    with pytest.raises(RunError, match="smaller shares scored other images"):
        curves(study.main, replace(study.smaller_shares, ids=study.main.ids[:-1]))


def test_with_a_single_drive_the_interval_is_about_these_images(study: Study) -> None:
    assert study.smaller_shares
    alone = replace(study.main, group_of=("one",) * len(study.main.ids))
    found = curves(alone, study.smaller_shares)
    assert found[0].ahead[0].score_interval is None
    assert any("about these images alone" in note for note in notes(alone, found))
    assert rows(found)[3]["interval"] == ""


def curve(study: Study, gain: float, low: float, high: float) -> Curve:
    points = tuple(Point(images, study.main.arms[0]) for images in (50.0, 100.0, 200.0))
    at = np.array([200.0, 400.0, 800.0])
    flat = stats.LearningCurve(at, np.full(3, 0.6), np.full((3, 2), 0.6), np.zeros(3), np.zeros((3, 2)))
    further = Gain(4, 800, 0.66, None, 2 * gain, Interval(2 * low, 2 * high))
    return Curve(0, "net", points, flat, (Gain(2, 400, 0.63, None, gain, Interval(low, high)), further))


def test_the_sentence_claims_no_more_than_the_interval(study: Study) -> None:
    (said,) = sentences([curve(study, 0.021, 0.005, 0.034)])
    assert said.text == (
        "Twice as many training images (400) would bring net about 2.1 points of mIoU more (95 % interval 0.5 to 3.4), "
        "to about 63.0\N{NO-BREAK SPACE}%; four times as many (800) about 4.2 (1.0 to 6.8)."
    )
    (said,) = sentences([curve(study, 0.01, -0.008, 0.03)])
    assert said.text == (
        "These data cannot tell whether more training images would help net: twice as many (400) would change its mIoU "
        "by −0.8 to 3.0 points, four times as many (800) by −1.6 to 6.0."
    )
    (said,) = sentences([curve(study, 0.002, 0.0001, 0.009)])
    assert said.text == (
        "More training images like these would hardly help net: twice as many (400) would change its mIoU by about 0.2 "
        "points (95 % interval 0.0 to 0.9)."
    )


def test_one_seed_is_told(make_run: MakeRun) -> None:
    alone = gather_study("shares", arms(make_run, "demo-fcn16s", 1), resamples=200)
    found = Findings(alone).curves
    assert any("its luck cannot be seen" in note for note in notes(alone.main, found))


def test_the_figure_has_every_seed_point_and_expectation(study: Study) -> None:
    drawn = figure(Findings(study).curves)
    assert drawn.count('class="seed"') == 12
    assert drawn.count('class="mark arm-0"') == 3
    assert drawn.count('class="mark ahead arm-1"') == 2
    assert drawn.count('class="band"') == 2


def test_the_report_has_it_in_all_its_forms(study: Study, tmp_path: Path) -> None:
    write_report(Findings(study), tmp_path / "with", Display())
    page, text = ((tmp_path / "with" / name).read_text() for name in ("report.html", "report.md"))
    assert '<section id="learning"' in page
    assert '<a href="#learning">' in page
    assert "## Would more labels help?" in text
    assert "| demo-fcn16s | 1 |" in text
    assert "| 8, expected |" in text
    assert "demo-fcn32s" in (tmp_path / "with/figures/learning.svg").read_text()
    content = json.loads((tmp_path / "with/scores.json").read_text())
    assert [entry["name"] for entry in content["learning"]] == ["demo-fcn16s", "demo-fcn32s"]
    assert [point["images"] for point in content["learning"][0]["points"]] == [1, 2, 4]
    assert content["learning"][0]["ahead"][0]["gain_ci95"][0] <= content["learning"][0]["ahead"][0]["gain"]
    assert any("training images" in sentence for sentence in content["sentences"])
    assert [arm["name"] for arm in content["arms"]] == ["demo-fcn16s", "demo-fcn32s"]
    write_report(Findings(Study(study.main)), tmp_path / "with", Display())
    page = (tmp_path / "with/report.html").read_text()
    assert "learning-title" not in page
    assert not (tmp_path / "with/figures/learning.svg").exists()
    assert "learning" not in json.loads(scores_file(Findings(Study(study.main))))
