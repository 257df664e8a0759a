"""A run's temperature, fitted on its validation images; calibration figures of a split; and confidence thresholds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Int64

from roadseg.data.datasets import split_records
from roadseg.data.loading import Samples
from roadseg.data.transforms import resize
from roadseg.errors import RoadsegError, RunError
from roadseg.inference.predictor import Pipeline
from roadseg.runs.run_dir import RunDir
from roadseg.scoring import confidence, stats
from roadseg.scoring.confidence import AS_SAID, CALIBRATED, Threshold
from roadseg.scoring.metrics import number
from roadseg.scoring.temperature import MOST_VALUES, fit, sampled
from roadseg.system.progress import Display

LEVELS = (0.9, 0.95, 0.99)
"""Shares of right pixels for which reports give confidence thresholds."""


def run_temperature(
    run: RunDir, network: Pipeline, val: Samples | None, root: Path, accelerator: Accelerator, display: Display
) -> float | None:
    """The run's temperature, fitted now where it has none; None where its validation images are not in `root`.

    `val` are the validation images, where they are read already.
    """
    stored = run.temperature()
    if stored is not None:
        return stored
    if val is None:
        try:
            records = split_records(run.config().data.at(root), run.splits(), "val")
        except RoadsegError as error:
            display.say(f"confidence stays as the network says it, because its validation images are missing: {error}")
            return None
        val = Samples(records, run.labels(), 0)
    display.begin("calibrating on val", len(val))
    return calibrate(run, network, val, accelerator, display.advance)


@torch.inference_mode()
def calibrate(
    run: RunDir, network: Pipeline, samples: Samples, accelerator: Accelerator, advance: Callable[[], None]
) -> float:
    """Fit the temperature of the run's best network to its validation images, and store it in `temperature.json`.

    The same number of pixels is drawn from each image. Several processes share the images and get the same result. 1
    where no pixel is labelled; nothing is stored then.
    """
    classes = len(samples.space.classes)
    most = max(1, MOST_VALUES // (classes * len(samples)))
    scores = torch.zeros(len(samples), most, classes, device=accelerator.device)
    targets = torch.zeros(len(samples), most, dtype=torch.int64, device=accelerator.device)
    for index in range(accelerator.process_index, len(samples), accelerator.num_processes):
        image, target = resize(samples[index], network.transforms.scored_size)
        logits = network(image)
        target = target.to(logits.values.device)
        name = samples.records[index].id
        scores[index], targets[index] = sampled(logits.values, logits.grid, target, most, name)
        advance()
    found = fit(accelerator.reduce(scores).flatten(0, 1).cpu(), accelerator.reduce(targets).flatten().byte().cpu())
    if found is None:
        return 1.0
    if accelerator.is_main_process:
        run.save_temperature({**found._asdict(), "images": len(samples), "split": "val"})
    return found.temperature


def summary(
    counts: Int64[np.ndarray, "n 2 2 3 bins"],
    groups: list[str],
    temperature: float | None,
    of_val: Int64[np.ndarray, "m 2 2 3 bins"] | None,
) -> dict[str, Any]:
    """The confidence section of `evaluation/<split>.json`, from the counts of its images and of the validation images.

    Without a temperature the calibrated figures are those of the network itself.
    """
    result: dict[str, Any] = {"temperature": temperature, "boundary_pixels": confidence.NEAR}
    for name, of in (("", CALIBRATED), ("uncalibrated", AS_SAID)):
        total = confidence.regions(counts[:, of].sum(0))
        figures: dict[str, Any] = {
            "ece" if place == "all" else f"ece_{place}": number(confidence.calibration_error(confidence.merged(part)))
            for place, part in total.items()
        }
        low, high = ece_interval(counts[:, of], groups)
        figures["ci95"] = {"ece": [number(low), number(high)]}
        figures["mean_confidence"] = number(confidence.mean_confidence(total["all"]))
        figures["aurc"] = number(confidence.area_under_risk_coverage(total["all"]))
        result |= {name: figures} if name else figures
    result["at_least"] = None if of_val is None else at_least(counts, of_val)
    return result


def ece_interval(counts: Int64[np.ndarray, "n 2 3 bins"], groups: list[str]) -> tuple[float, float]:
    """95 % interval of the expected calibration error over all pixels."""
    return stats.share_interval(
        confidence.merged(confidence.regions(counts)["all"]), groups, confidence.calibration_error
    )


def at_least(
    counts: Int64[np.ndarray, "n 2 2 3 bins"], of_val: Int64[np.ndarray, "m 2 2 3 bins"]
) -> dict[str, dict[str, float | None] | None]:
    """For each of `LEVELS` the threshold from validation images, and its coverage and share of right pixels here."""
    here = confidence.regions(counts[:, CALIBRATED].sum(0))["all"]
    found: dict[str, dict[str, float | None] | None] = {}
    for level in LEVELS:
        least = threshold(of_val, level)
        if least is None:
            found[str(level)] = None
            continue
        wrong, right, pixels = confidence.kept(here, least.confidence)
        with np.errstate(invalid="ignore"):
            shares = {"coverage": np.divide(wrong + right, pixels), "right": np.divide(right, wrong + right)}
        found[str(level)] = {"confidence": least.confidence, **{name: number(x) for name, x in shares.items()}}
    return found


def threshold(of_val: Int64[np.ndarray, "m 2 2 3 bins"], level: float) -> Threshold | None:
    """The lowest calibrated confidence at or above which the share `level` of validation pixels was right."""
    return confidence.threshold(confidence.regions(of_val[:, CALIBRATED].sum(0))["all"], level)


def promised(run: RunDir, level: float) -> Threshold:
    """The run's threshold for "at least the share `level` of the pixels is right".

    Raises `RunError` where the run was not scored on its validation images since confidence is counted, or was right
    at that rate at no confidence.
    """
    of_val = run.confidence("val")
    if of_val is None:
        raise RunError(
            f"{run.path} has no confidence of its validation images yet; "
            "make it with roadseg evaluate RUN --data.root DIR --split val"
        )
    found = threshold(of_val[1], level)
    if found is None:
        raise RunError(
            f"at no confidence were {100 * level:g} % of {run.path}'s validation pixels right; give a lower share"
        )
    return found
