"""What a report of confusion matrices says."""

import json
from pathlib import Path

import numpy as np
import pytest

from roadseg.data.records import Record
from roadseg.labels import Label, LabelSpace
from roadseg.scoring import metrics
from roadseg.scoring.scores import report

SPACE = LabelSpace(
    name="three",
    classes=tuple(Label(name=name, id=i, color=(i, 0, 0)) for i, name in enumerate(["road", "car", "sky"])),
    ignored=(Label(name="void", id=9, color=(0, 0, 0)),),
)


@pytest.fixture
def records() -> list[Record]:
    """Four images from two drives."""
    return [Record(str(number), Path("x.png"), Path("y.png"), f"drive {number % 2}") for number in range(4)]


CONTRACT = {
    "pixel_accuracy",
    "mean_accuracy",
    "mean_iou",
    "micro_iou",
    "frequency_weighted_iou",
    "per_class",
    "images",
    "pixels",
    "ci95",
}


def four_confusions() -> np.ndarray:
    confusions = np.random.default_rng(0).integers(0, 50, (4, 3, 3))
    confusions[:, 2, :] = confusions[:, :, 2] = 0  # "sky" never occurs
    return confusions


def test_report_keeps_the_contract(records: list[Record]) -> None:
    confusions = four_confusions()
    total = confusions.sum(0)
    result = report(confusions, records, SPACE)
    assert set(result) >= CONTRACT
    for name in ("pixel_accuracy", "mean_accuracy", "mean_iou", "micro_iou", "frequency_weighted_iou"):
        assert result[name] == pytest.approx(float(metrics.SCORES[name].of(metrics.margins(total))))
        assert type(result[name]) is float
    iou = metrics.per_class_iou(total)
    assert result["per_class"] == {"road": pytest.approx(iou[0]), "car": pytest.approx(iou[1]), "sky": None}
    assert (result["images"], result["groups"], result["pixels"]) == (4, 2, int(total.sum()))
    for name in ("pixel_accuracy", "mean_accuracy", "mean_iou", "micro_iou", "frequency_weighted_iou"):
        low, high = result["ci95"][name]
        assert low <= result[name] <= high
    low, high = result["ci95"]["per_class"]["road"]
    assert low < result["per_class"]["road"] < high
    assert result["ci95"]["per_class"]["sky"] == [None, None]
    assert (result["ci95_resampled"], result["ci95_units"]) == ("group", 2)
    assert (result["ci95_resamples"], result["ci95_seed"]) == (10_000, 0)
    assert result["units_of_class"] == {"road": 2, "car": 2, "sky": 0}
    assert result["too_few_units"] == ["road", "car", "sky"]
    assert "per_category" not in result  # the table names no categories
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_report_has_no_intervals_where_a_single_drive_has_few_images(records: list[Record]) -> None:
    one_drive = [Record(record.id, record.image, record.label, "drive") for record in records]
    result = report(four_confusions(), one_drive, SPACE)
    assert result["ci95_resampled"] == "none"
    assert result["ci95"]["mean_iou"] == [None, None]


def test_report_cuts_a_long_drive_into_stretches(records: list[Record]) -> None:
    confusions = np.random.default_rng(0).integers(1, 50, (60, 3, 3))
    drive = [Record(f"{index:02}", records[0].image, records[0].label, "drive") for index in range(60)]
    result = report(confusions, drive, SPACE)
    assert (result["ci95_resampled"], result["ci95_units"], result["groups"]) == ("block", 6, 1)
    assert result["ci95"]["mean_iou"][0] < result["mean_iou"] < result["ci95"]["mean_iou"][1]


def test_report_names_categories(records: list[Record]) -> None:
    categories = ("flat", "thing", "flat")
    classes = tuple(
        Label.model_validate({**label.model_dump(), "category": category})
        for label, category in zip(SPACE.classes, categories, strict=True)
    )
    space = LabelSpace(name="three", classes=classes)
    confusions = np.random.default_rng(0).integers(1, 50, (4, 3, 3))
    iou = metrics.per_class_iou(metrics.merged(confusions.sum(0), [0, 1, 0]))
    result = report(confusions, records, space)
    assert result["per_category"] == {"flat": pytest.approx(iou[0]), "thing": pytest.approx(iou[1])}


def test_report_of_nothing_is_null_throughout(records: list[Record]) -> None:
    result = report(np.zeros((4, 3, 3), np.int64), records, SPACE)
    assert [result[name] for name in ("pixel_accuracy", "mean_accuracy", "mean_iou", "micro_iou")] == [None] * 4
    assert result["frequency_weighted_iou"] is None
    assert result["per_class"] == {"road": None, "car": None, "sky": None}
    assert result["ci95"]["mean_iou"] == result["ci95"]["per_class"]["road"] == [None, None]
    assert result["pixels"] == 0
    json.dumps(result, allow_nan=False)
