"""Rank the labels of images by what networks that were not trained on them say."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from roadseg.curation.suspects.held_out import held_out_images, held_out_predictions
from roadseg.curation.suspects.regions import Region, Suspect, Thresholds, ranked, wrong_regions
from roadseg.data.records import Record
from roadseg.inference.visualize import png
from roadseg.labels import LabelSpace
from roadseg.runs.run_dir import RunDir
from roadseg.runs.same_data import check_same
from roadseg.system.progress import Display


@dataclass(frozen=True)
class Findings:
    """All suspects, the most suspect first, and the images that were searched.

    `records`: the images that were searched, by id. `trained_on`: images left out because every run was trained on
    them. `thresholds`: those of confident learning, float (C,). `predicted`: what was predicted, by id, for the images
    with regions whose labels it contradicts: PNG files of class indices.
    """

    suspects: list[Suspect]
    records: dict[str, Record]
    trained_on: list[Record]
    thresholds: np.ndarray
    predicted: dict[str, bytes]
    space: LabelSpace
    runs: list[RunDir]


def find(runs: Sequence[RunDir], root: Path, display: Display) -> Findings:
    """Search every labelled image below `root` that at least one of the runs was not trained on.

    Raises `RunError` and `DataError` as `held_out_images` and `read_sample`. Raises `DataError` if `root` holds other
    data than the runs were scored on.
    """
    space = runs[0].labels()
    groups, trained_on = held_out_images(runs, root)
    records = {record.id: record for members in groups.values() for record in members}
    for run in runs:
        check_same(_scored(run), records, root, run.path, run.labels(), run.config().transforms.scored_size)
    thresholds = Thresholds(len(space.classes))
    regions: list[Region] = []
    predicted: dict[str, bytes] = {}
    for prediction in held_out_predictions(groups, display):
        thresholds.add(prediction)
        if found := wrong_regions(prediction):
            regions += found
            predicted[prediction.record.id] = png(prediction.predicted)
    values = thresholds.values()
    return Findings(ranked(regions, values), records, trained_on, values, predicted, space, list(runs))


def _scored(run: RunDir) -> dict[str, np.ndarray]:
    """The pixels of each class (C,) in the labels that the run was scored on, by the image's id."""
    parts = [run.confusions(split) for split in ("val", "test") if run.evaluated(split)]
    return {name: counts.sum(-1) for part in parts for name, counts in zip(part.ids, part.confusions, strict=True)}
