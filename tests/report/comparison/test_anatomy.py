import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from roadseg.data.datasets import load_records
from roadseg.data.decode import read_target
from roadseg.labels import IGNORE
from roadseg.models.upsample import Grid
from roadseg.report.comparison.anatomy import Anatomy, gather_anatomy, oracle_iou, pairs, panels, stride_sentence
from roadseg.report.comparison.arms import Comparison, Study
from roadseg.report.comparison.findings import Findings
from roadseg.report.comparison.gather import gather
from roadseg.runs.arms import read_arm
from roadseg.runs.run_dir import RunDir
from roadseg.scoring import anatomy
from roadseg.scoring.metrics import per_class_iou
from roadseg.system.progress import percent

pytestmark = pytest.mark.slow

MakeRun = Callable[..., RunDir]
MakeDrives = Callable[[int, int], Path]


def count(run: RunDir, space_of: RunDir, stride: int = 8) -> None:
    """Store where the run's predictions are right, as evaluate does."""
    space, parts = space_of.labels(), []
    records = load_records(run.config().data).records["val"]
    for record in records:
        target = read_target(record.label, space)
        picture = read_target(run.prediction_file("val", record.id), space).numpy()
        prediction = np.where(picture == IGNORE, 0, picture)
        parts.append(anatomy.count(prediction, target.numpy(), len(space.classes), Grid(stride), tuple(target.shape)))
    stacked = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    run.save_counts("val", "anatomy", [record.id for record in records], stacked)


@pytest.fixture
def counted(make_run: MakeRun) -> list[RunDir]:
    runs = [make_run("a", 0.5), make_run("b", 0.1)]
    for run in runs:
        count(run, run)
    return runs


def compared(runs: list[RunDir]) -> Comparison:
    return gather("t", [read_arm(run.path.name, (run,), "val") for run in runs], resamples=200)


def test_bands_hold_the_pixels_that_are_scored(counted: list[RunDir]) -> None:
    comparison = compared(counted)
    anatomies, lacking = gather_anatomy(comparison)
    assert not lacking
    for own, arm in zip(anatomies, comparison.arms, strict=True):
        assert np.array_equal(own.bands.sum(0), arm.confusion)


def test_panels_have_each_arms_score_within_its_interval(counted: list[RunDir]) -> None:
    comparison = compared(counted)
    anatomies, _ = gather_anatomy(comparison)
    band = panels(comparison, anatomies)[0]
    assert len(band.values) == 2
    for own, values in zip(anatomies, band.values, strict=True):
        for counts, each in zip(own.bands, values, strict=True):
            rows = counts.sum(1)
            ious = per_class_iou(counts)[rows >= max(0.001 * rows.sum(), 1)]
            assert each.value == (pytest.approx(np.nanmean(ious)) if len(ious) else None)
            assert each.value is None or each.low is None or each.low <= each.high  # type: ignore[operator]
    assert all(0 <= (share or 0) <= 1 for pair in pairs(comparison, anatomies) for share in pair.shares)


def test_stride_is_named_by_what_is_known(counted: list[RunDir]) -> None:
    anatomies, _ = gather_anatomy(compared(counted))
    sentence = stride_sentence(anatomies[0])
    assert sentence is not None
    scores = (anatomies[0].arm.score("mean_iou").mean, oracle_iou(anatomies[0])[8])
    reached, possible = map(percent, scores)
    assert sentence.startswith(f"Best possible mIoU at stride 8: about {possible} %. a reaches {reached} %: ")
    other = Anatomy(anatomies[0].arm, anatomies[0].counts | {"strides": anatomies[0].counts["strides"] * 0 + 1})
    assert stride_sentence(other) is None


def test_page_and_files_have_the_section(counted: list[RunDir], page_of: Callable[..., str], tmp_path: Path) -> None:
    page = page_of({run.path.name: [run] for run in counted})
    assert "mIoU by distance to a boundary" in page
    assert "Boundary IoU, 0.5 %" in page
    text = (tmp_path / "report" / "report.md").read_text()
    assert all((tmp_path / "report" / name).exists() for name in re.findall(r"\((figures/[a-z]+\.svg)\)", text))
    stored = json.loads((tmp_path / "report" / "anatomy.json").read_text())
    assert [arm["name"] for arm in stored["arms"]] == ["a", "b"]
    assert stored["arms"][0]["where"] is None
    assert stored["arms"][1]["where"].startswith("Boundaries (")


def test_what_was_evaluated_before_says_what_adds_it(
    make_run: MakeRun, page_of: Callable[..., str], tmp_path: Path
) -> None:
    page = page_of({"old": [make_run("old", 0.3)]})
    assert "Not counted for old." in page
    assert not (tmp_path / "report" / "anatomy.json").exists()
    assert not (tmp_path / "report" / "figures" / "where.svg").exists()


def test_a_verdict_says_where_the_gain_lies(make_run: MakeRun, make_drives: MakeDrives) -> None:
    data = {"data.root": str(make_drives(16, 1))}
    runs = [make_run(name, wrong, **data) for name, wrong in (("a", 0.5), ("b", 0.1))]
    (without,) = [verdict.text for verdict in Findings(Study(compared(runs))).verdicts]
    assert "Boundaries" not in without
    for run in runs:
        count(run, run)
    findings = Findings(Study(compared(runs)))
    (sentence,) = [verdict.text for verdict in findings.verdicts]
    first, second = (own.bands for own in findings.anatomies)
    gained = np.trace(second - first, axis1=1, axis2=2)
    assert sentence.startswith(without.removesuffix("."))
    assert f" account for {100 * gained[:3].sum() / gained.sum():.0f} % of the net gain." in sentence
