"""What random folds show more, on runs whose predictions are the labels with some blocks wrong."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roadseg.errors import RunError
from roadseg.report import write_report
from roadseg.report.comparison.arms import Comparison, Study
from roadseg.report.comparison.findings import Findings
from roadseg.report.comparison.gather import gather
from roadseg.report.comparison.leakage import Inflation, Leakage, interval_words, measure, sentences
from roadseg.report.figures.leakage import figure
from roadseg.runs.arms import read_arm
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow

MakeRun = Callable[..., RunDir]


def folds(make_run: MakeRun, scheme: str, **wrong: float) -> Comparison:
    arms = []
    for name, share in wrong.items():
        split = {"data__split__scheme": scheme, "data__split__folds": 2}
        runs = [make_run(f"{name}-{scheme}-{fold}", share, **split, data__split__fold=fold) for fold in range(2)]
        arms.append(read_arm(name, runs, "val"))
    return gather("streets", arms, resamples=200)


@pytest.fixture
def study(make_run: MakeRun) -> Study:
    return Study(folds(make_run, "grouped", a=0.4, b=0.5), folds(make_run, "random", a=0.3, b=0.1))


def test_measured_on_the_same_images(study: Study) -> None:
    leaked = Findings(study).leakage
    assert leaked
    assert study.random_folds
    assert [arm.name for arm in leaked.arms] == ["a", "b"]
    assert (leaked.images, leaked.groups, leaked.folds) == (8, 4, 2)
    for arm, grouped, random in zip(leaked.arms, study.main.arms, study.random_folds.arms, strict=True):
        assert arm.grouped == grouped.score("mean_iou").mean
        assert arm.random == random.score("mean_iou").mean
        assert arm.low is not None
        assert arm.high is not None
        assert arm.low < arm.points / 100 < arm.high
    first, second, order = sentences(leaked)
    assert "points more (95 % CI " in first  # 4 drives: 16 ways to swap them, and no p below 2 / 16
    assert second.endswith("for b, which chance alone may explain.")
    assert all(arm.p >= 0.125 for arm in leaked.arms)
    assert order == "The order of the arms changes: a, b on grouped folds, b, a on random ones."


def test_equal_predictions_leak_nothing(study: Study) -> None:
    leaked = measure(study.main, study.main)
    assert [(arm.points, arm.low, arm.high) for arm in leaked.arms] == [(0.0, 0.0, 0.0)] * 2
    assert "chance alone may explain" in sentences(leaked)[0]
    assert sentences(leaked)[-1] == "The order of the arms is the same on both: a, b."


def test_other_images_are_refused(study: Study) -> None:
    with pytest.raises(RunError, match="other images or labels"):
        measure(study.main, replace(study.main, ids=study.main.ids[:-1]))


def test_a_single_drive_has_no_interval(study: Study) -> None:
    assert study.random_folds
    leaked = measure(replace(study.main, group_of=("one",) * len(study.main.ids)), study.random_folds)
    assert [interval_words(arm) for arm in leaked.arms] == ["–", "–"]
    assert "points more for a, which" in sentences(leaked)[0]


def test_less_is_said_as_less() -> None:
    arm = Inflation("net", 0.50, 0.47, -0.05, -0.01, 0.02)
    leaked = Leakage((arm,), 8, 4, 2)
    assert sentences(leaked) == [
        "Random folds would have shown 3.0 points less (95 % CI −5.0 to −1.0, p = 0.020) for net."
    ]
    assert "−3.0" in figure(leaked)


def test_the_report_has_it_in_all_its_forms(study: Study, tmp_path: Path) -> None:
    write_report(Findings(study), tmp_path / "with", Display())
    page, text = ((tmp_path / "with" / name).read_text() for name in ("report.html", "report.md"))
    assert '<section id="leakage"' in page
    assert '<a href="#leakage">' in page
    assert "## Leakage" in text
    assert (tmp_path / "with/figures/leakage.svg").read_text().count("<circle") == 2
    scores = json.loads((tmp_path / "with/scores.json").read_text())["leakage"]
    assert [entry["name"] for entry in scores] == ["a", "b"]
    assert all(entry["ci95"][0] < entry["difference"] == entry["random"] - entry["grouped"] for entry in scores)
    write_report(Findings(Study(study.main)), tmp_path / "with", Display())
    page = (tmp_path / "with/report.html").read_text()
    assert 'href="#leakage"' not in page
    assert 'id="leakage"' not in page
    assert not (tmp_path / "with/figures/leakage.svg").exists()
    assert "leakage" not in json.loads((tmp_path / "with/scores.json").read_text())
