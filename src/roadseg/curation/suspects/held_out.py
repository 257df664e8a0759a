"""Predictions of networks for images that they were not trained on."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from roadseg.data.datasets import split_records
from roadseg.data.decode import read_sample
from roadseg.data.records import Record
from roadseg.errors import RunError
from roadseg.inference.predictor import Answer, Predictor
from roadseg.labels import IGNORE
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display


class HeldOutPrediction(NamedTuple):
    """The prediction for an image by networks that were not trained on it, and its labels.

    `predicted`: the most probable class of each pixel; `log_best`: its log probability; `log_label`: that of the
    labelled class (0 at ignored pixels).
    """

    record: Record
    target: UInt8[np.ndarray, "h w"]
    predicted: UInt8[np.ndarray, "h w"]
    log_best: Float[np.ndarray, "h w"]
    log_label: Float[np.ndarray, "h w"]


def held_out_images(runs: Sequence[RunDir], root: Path) -> tuple[dict[tuple[RunDir, ...], list[Record]], list[Record]]:
    """The images that each combination of runs was not trained on, and those that every run was trained on.

    Raises `RunError` where there is no image of the first kind, and as `split_records`.
    """
    records: dict[str, Record] = {}
    outside: dict[str, list[RunDir]] = defaultdict(list)
    for run in runs:
        splits = run.splits()
        data = run.config().data.at(root)
        everything = {record.id: record for record in split_records(data, splits, "all")}
        records |= {name: everything[name] for part in splits.parts.values() for name in part if name in everything}
        for name in (*splits.val, *splits.test):
            if name in everything:
                outside[name].append(run)
    groups: dict[tuple[RunDir, ...], list[Record]] = defaultdict(list)
    for name in sorted(outside):
        groups[tuple(outside[name])].append(records[name])
    if not groups:
        raise RunError(f"none of the validation and test images of {runs[0].path} is in {root}; give the data it is of")
    return dict(groups), [record for name, record in sorted(records.items()) if name not in outside]


def held_out_predictions(
    groups: dict[tuple[RunDir, ...], list[Record]], display: Display
) -> Iterator[HeldOutPrediction]:
    """The predictions of each group of runs for its images; of several runs by their mean probability."""
    display.begin("looking at labels", sum(map(len, groups.values())))
    for runs, records in groups.items():
        predictor = Predictor(runs)
        for record in records:
            image, target = read_sample(record, predictor.space)
            yield held_out_prediction(record, target, predictor.answer(image))
            display.advance()


def held_out_prediction(record: Record, target: UInt8[Tensor, "h w"], answer: Answer) -> HeldOutPrediction:
    """The held-out prediction from the networks' probabilities."""
    predicted, confidence = answer.decide()
    labelled = target != IGNORE
    of_label = answer.probability_of(target.where(labelled, 0)).cpu()
    smallest = torch.finfo(torch.float32).tiny
    return HeldOutPrediction(
        record,
        target.numpy(),
        predicted.cpu().numpy(),
        confidence.cpu().clamp_min(smallest).log().numpy(),
        of_label.clamp_min(smallest).log().where(labelled, 0).numpy(),
    )
