"""The numbers of a report as a file for other programs."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from roadseg.report.comparison.arms import Study
from roadseg.report.comparison.findings import Findings
from roadseg.report.comparison.gather import gather
from roadseg.report.scores_json import scores_file
from roadseg.runs.arms import read_arm
from roadseg.runs.run_dir import RunDir

pytestmark = pytest.mark.slow

MakeRun = Callable[..., RunDir]
NAMES = ("mean_iou", "micro_iou", "frequency_weighted_iou", "pixel_accuracy", "mean_accuracy", "per_class")


def test_each_seed_has_the_scores_of_its_evaluation(make_run: MakeRun) -> None:
    runs = [make_run(f"s{seed}", wrong=0.1 + 0.3 * seed, seed=seed) for seed in (0, 1)]
    reports = [run.evaluations()["val"] for run in runs]
    single = make_run("b").evaluations()["val"]
    comparison = gather("x", [read_arm("a", runs, "val"), read_arm("b", (make_run("c"),), "val")])
    content = json.loads(scores_file(Findings(Study(comparison))))
    assert [content[key] for key in ("title", "split", "images", "groups")] == ["x", "val", 4, single["groups"]]
    first, second = content["arms"]
    for seed, entry in enumerate(first["seeds"]):
        assert entry == {"seed": seed, **{name: reports[seed][name] for name in NAMES}}
    for name in NAMES[:-1]:
        values = [report[name] for report in reports]
        assert first["mean"][name] == pytest.approx(np.mean(values))
        assert first["sd"][name] == pytest.approx(np.std(values, ddof=1))
    ious = [report["per_class"] for report in reports]
    assert None in ious[0].values()
    for label, mean in first["mean"]["per_class"].items():
        known = [iou[label] for iou in ious if iou[label] is not None]
        assert mean == (pytest.approx(np.mean(known)) if known else None)
        sd = first["sd"]["per_class"][label]
        assert sd == (pytest.approx(np.std(known, ddof=1)) if len(known) > 1 else None)
    low, high = first["ci95"]["mean_iou"]
    assert low <= first["mean"]["mean_iou"] <= high
    assert (second["name"], second["sd"], second["ci95"]) == ("b", None, single["ci95"])
    (pair,) = content["comparisons"]
    assert (pair["a"], pair["b"], pair["units"], pair["verdict"]) == ("a", "b", 2, "cannot tell")
    assert pair["difference"] == pytest.approx(first["mean"]["mean_iou"] - second["mean"]["mean_iou"])
    assert pair["ci95"][0] <= pair["difference"] <= pair["ci95"][1]
    assert pair["p"] >= 0.5
    assert not any(entry["holds"] or entry["p_holm"] for entry in pair["per_class"].values())
    assert content["sentences"][0].startswith("No significant difference between ")
    assert {name: second["mean"][name] for name in NAMES} == {name: single[name] for name in NAMES}


def test_the_page_holds_the_file(make_run: MakeRun, page_of: Callable[..., str], tmp_path: Path) -> None:
    text = page_of({"a": [make_run("a")]})
    link = re.search(r'download="scores.json" href="data:application/json;base64,([^"]*)"', text)
    assert link
    assert base64.b64decode(link[1]) == (tmp_path / "report/scores.json").read_bytes()
