"""Score a network on images: what is counted of each, at the label's own size unless asked otherwise."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from roadseg.data.loading import Samples
from roadseg.data.records import Record
from roadseg.data.transforms import resize
from roadseg.errors import RunError
from roadseg.inference.predictor import Pipeline, load_pipeline
from roadseg.inference.visualize import png
from roadseg.models.upsample import Grid
from roadseg.runs.run_dir import RunDir
from roadseg.scoring import anatomy, confidence, metrics
from roadseg.scoring.boundary import distance_to_other_class
from roadseg.scoring.calibration import run_temperature, summary
from roadseg.scoring.confidence import BINS, NEAR, STARTS
from roadseg.scoring.images import Images, choose
from roadseg.scoring.scores import report
from roadseg.system.hardware import make_accelerator
from roadseg.system.progress import Display


class ImageCounts:
    """What is counted of each of N images, in their order; counts add up over images.

    `confusions` int64 (N, C, C), `confidence` int64 (N, 2, 2, 3, BINS) as in `confidence.py`, and the arrays of
    `roadseg.scoring.anatomy`, of where predictions are right.
    """

    def __init__(self, images: int, classes: int) -> None:
        self.confusions = np.zeros((images, classes, classes), np.int64)
        self.confidence = np.zeros((images, 2, 2, 3, BINS), np.int64)
        self.anatomy = anatomy.empty(images, classes)

    def add(
        self,
        index: int,
        prediction: UInt8[Tensor, "H W"],
        confidences: Float[Tensor, "2 H W"],
        target: UInt8[Tensor, "H W"],
        grid: Grid,
        input_size: tuple[int, int],
    ) -> None:
        """Fill the rows of one image, whose confidence is given without and with the temperature.

        `grid` is that of the final logits, `input_size` the size that the network saw the image in.
        """
        self.confusions[index] = metrics.confusion_matrix(prediction, target, self.confusions.shape[1]).cpu()
        self.confidence[index] = confidence.count(confidences, prediction, target, at_boundary(target))
        anatomy.add(self.anatomy, index, prediction, target, grid, input_size)

    def reduce(self, accelerator: Accelerator) -> None:
        """Add the rows of all processes, each of which filled its own."""

        def total(rows: np.ndarray) -> np.ndarray:
            found: np.ndarray = accelerator.reduce(torch.from_numpy(rows).to(accelerator.device)).cpu().numpy()
            return found

        self.confusions, self.confidence = total(self.confusions), total(self.confidence)
        self.anatomy = {name: total(rows) for name, rows in self.anatomy.items()}


@dataclass(frozen=True)
class Evaluation:
    """Counts of all images; this process's label pictures by record id, as PNG files of official ids.

    `seconds_per_image` is the mean time from an image to its classes and their confidence.
    """

    counts: ImageCounts
    predictions: dict[str, bytes]
    seconds_per_image: float


@torch.inference_mode()
def evaluate(
    network: Pipeline, samples: Samples, accelerator: Accelerator, advance: Callable[[], None] = lambda: None
) -> Evaluation:
    """Counts and label pictures of all samples.

    Pixels are counted at the label's own size or, with `score_at="input"`, at that of `resize`, to which the label is
    brought as in training. Pictures have the label's own size in either case.

    With several processes each takes every n-th image and fills its own rows, and the rows are added: every image
    counts exactly once whatever the number of processes.
    """
    counts = ImageCounts(len(samples), len(samples.space.classes))
    grid = Grid(1) if network.crf.iterations else network.grid
    predictions: dict[str, bytes] = {}
    seconds = 0.0
    for index in range(accelerator.process_index, len(samples), accelerator.num_processes):
        sample = samples[index]
        image, target = (tensor.to(network.device) for tensor in resize(sample, network.transforms.scored_size))
        started = time.monotonic()
        classes, confidences = network(image).decide((1.0, network.temperature))
        whole = F.interpolate(classes[None, None], size=sample.target.shape, mode="nearest-exact")
        picture = whole[0, 0].cpu().numpy()
        seconds += time.monotonic() - started
        predictions[samples.records[index].id] = png(samples.space.index_to_id[picture])
        input_size = network.transforms.resize or (image.shape[1], image.shape[2])
        counts.add(index, classes, confidences, target, grid, input_size)
        advance()
    counts.reduce(accelerator)
    return Evaluation(counts, predictions, seconds / max(len(predictions), 1))


def at_boundary(target: UInt8[Tensor, "H W"]) -> Bool[Tensor, "H W"]:
    """Which labelled pixels have another class at most `confidence.NEAR` pixels away."""
    distance = torch.from_numpy(distance_to_other_class(target.cpu().numpy(), NEAR + 1)).to(target.device)
    return (distance > 0) & (distance <= NEAR)


def evaluate_run(run: RunDir, root: Path | None, split: str | None, display: Display) -> dict[str, Any]:
    """Score the run's best checkpoint on the images that `choose` finds, and keep the scores under their name."""
    return score_images(run, choose(run, root, split), display)


def score_images(run: RunDir, images: Images, display: Display) -> dict[str, Any]:
    """Score the run's best checkpoint on images and write the run's `evaluation/<their name>.json`.

    Raises `RunError` where other labels were scored under that name.
    """
    settings, split, records = run.config(), images.name, images.records
    accelerator, _ = make_accelerator(settings.train.precision)
    network = load_pipeline(run, accelerator.device)
    display.begin(f"reading {split}", len(records))
    samples = Samples(records, run.labels(), settings.data.cache_gib, display.advance)
    val = samples if split == "val" else None
    temperature = run_temperature(run, network, val, images.root, accelerator, display)
    display.begin(f"scoring {split}", len(samples))
    network = replace(network, temperature=temperature or 1.0)
    result = evaluate(network, samples, accelerator, display.advance)
    scores = scored(run, split, result, samples, temperature)
    if images.other is not None:
        scores["root"] = str(images.other.resolve())
    before = run.evaluations().get(split)
    if before is not None and before["targets_sha256"] != scores["targets_sha256"]:
        raise RunError(
            f"the labels of {split} are others than when {run.path} was scored on it; "
            f"give those, or remove {run.evaluation / split}.json to score anew"
        )
    store(run, split, result, scores, records, accelerator)
    return scores


def scored(run: RunDir, split: str, result: Evaluation, samples: Samples, temperature: float | None) -> dict[str, Any]:
    """What `evaluation/<split>.json` holds; its thresholds of confidence are those of the run's validation images."""
    kept = run.confidence("val")
    of_val = result.counts.confidence if split == "val" else kept[1] if kept else None
    groups = [record.group for record in samples.records]
    return report(result.counts.confusions, samples.records, samples.space) | {
        "seconds_per_image": result.seconds_per_image,
        "confidence": summary(result.counts.confidence, groups, temperature, of_val),
    }


def store(
    run: RunDir, split: str, result: Evaluation, scores: dict[str, Any], records: list[Record], accelerator: Accelerator
) -> None:
    """Write what was kept of an evaluation into the run; every process its own predictions, the report last.

    When it returns, every process finds all of it.
    """
    run.save_predictions(split, result.predictions)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        ids, groups = [record.id for record in records], np.array([record.group for record in records])
        small = {name: part.astype(np.uint32) for name, part in result.counts.anatomy.items()}  # pixels of one image
        run.save_counts(split, "anatomy", ids, small)
        run.save_counts(split, "confidence", ids, {"counts": result.counts.confidence, "starts": STARTS})
        run.save_counts(split, "confusion", ids, {"confusions": result.counts.confusions, "groups": groups})
        run.save_evaluation(split, scores)
    accelerator.wait_for_everyone()
