"""Score a network on images: one confusion matrix an image, counted at the label's own size unless asked otherwise."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from jaxtyping import Bool, Float, UInt8
from torch import Tensor, nn

from roadseg.config.settings import Config, Crf, Transforms
from roadseg.data.datasets import split_records
from roadseg.data.decode import Sample
from roadseg.data.loading import Samples
from roadseg.data.records import Record
from roadseg.data.transforms import network_input, resize, resize_image
from roadseg.errors import RoadsegError, RunError
from roadseg.inference.crf import refine
from roadseg.inference.visualize import png
from roadseg.labels import LabelSpace
from roadseg.models.upsample import Grid, upsample, upsampled_classes
from roadseg.runs.run_dir import RunDir, load_model
from roadseg.scoring import anatomy, confidence, metrics, stats
from roadseg.scoring.anatomy import Counts
from roadseg.scoring.boundary import distance_to_other_class
from roadseg.scoring.calibration import fit_temperature, summary
from roadseg.scoring.confidence import BINS, NEAR
from roadseg.system.hardware import make_accelerator, store_as_computed, summed
from roadseg.system.progress import Display
from roadseg.training.losses import target_weight, upsampled_cross_entropy_sum

NO_CRF = Crf(iterations=0)


class Evaluation(NamedTuple):
    """Confusion matrices int64 (N, C, C) in the order of the samples, and the mean loss over their pixels.

    Where predictions are kept, in place of the loss (0): this process's label pictures by record id, as PNG files of
    official ids, the mean time from an image to its predicted classes, in seconds, counts of confidence
    (N, 2, 2, 3, BINS), as in `confidence.py`, and of where they are right, as in `anatomy`.
    """

    confusions: metrics.Confusion
    loss: float
    predictions: dict[str, bytes]
    seconds_per_image: float
    confidence: np.ndarray
    anatomy: Counts


class Ready(NamedTuple):
    """A trained network on its device, and what goes with it."""

    network: nn.Module
    grid: Grid
    accelerator: Accelerator
    memory_format: torch.memory_format


def ready(run: RunDir) -> Ready:
    """The run's best network, ready to predict on this machine."""
    model = load_model(run)
    accelerator, memory_format = make_accelerator(run.config().train.precision)
    store_as_computed(model, accelerator)
    model.to(memory_format=memory_format)  # type: ignore[call-overload]
    # Not as in training, where processes wait for each other in a forward pass: one of them may have no image.
    network = accelerator.prepare_model(model, evaluation_mode=True)
    return Ready(network, model.grid, accelerator, memory_format)


def coarse_logits(
    model: nn.Module, grid: Grid, image: Tensor, transforms: Transforms, memory_format: torch.memory_format
) -> tuple[Float[Tensor, "1 c h w"], Grid]:
    """Logits of an image, uint8 (3, H, W) on the model's device, and where they lie on it.

    Of the transforms those act that are not random: the network may see another size, and pixels of another range.
    Where it sees another size, the logits are brought to the image's, with stride 1.
    """
    size = (image.shape[1], image.shape[2])
    seen = transforms.resize or size
    images = network_input(resize_image(image, seen)[None], transforms).contiguous(memory_format=memory_format)
    logits = model(images).float()
    return (logits, grid) if seen == size else (upsample(logits, grid, seen, size), Grid(1))


def predict_logits(
    model: nn.Module, grid: Grid, image: Tensor, transforms: Transforms, memory_format: torch.memory_format
) -> Float[Tensor, "1 c h w"]:
    """Logits (1, C, H, W) at the size of `image`, as `coarse_logits` takes it."""
    logits, placed = coarse_logits(model, grid, image, transforms, memory_format)
    return upsample(logits, placed, (image.shape[1], image.shape[2]))


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    grid: Grid,
    samples: Samples,
    accelerator: Accelerator,
    transforms: Transforms,
    memory_format: torch.memory_format = torch.contiguous_format,
    class_weights: Tensor | None = None,
    done: Callable[[], None] = lambda: None,
    keep: bool = False,
    crf: Crf = NO_CRF,
    temperature: float = 1.0,
) -> Evaluation:
    """Confusions of all samples in evaluation mode, and their loss or, if they are to be kept, the predictions.

    Pixels are counted at the label's own size or, with `score_at="input"`, at that of `resize`, to which the label is
    brought as in training. Predictions are kept at the label's own size in either case. The CRF acts on predictions
    that are kept, and so does the temperature on their confidence; the loss is that of the network alone.

    With several processes each takes every n-th image and fills its own rows, and the rows are added: every image
    counts exactly once whatever the number of processes.
    """
    was_training = model.training
    model.eval()
    classes = len(samples.space.classes)
    device = accelerator.device
    confusions = torch.zeros(len(samples), classes, classes, dtype=torch.int64, device=device)
    sure = torch.zeros(len(samples) if keep else 0, 2, 2, 3, BINS, dtype=torch.int64, device=device)
    where = anatomy.empty(len(samples) if keep else 0, classes)
    loss = weight = seconds = 0.0
    predictions: dict[str, bytes] = {}
    for index in range(accelerator.process_index, len(samples), accelerator.num_processes):
        sample = samples[index]
        image, target = (tensor.to(device) for tensor in _as_scored(sample, transforms))
        started = time.monotonic()
        logits, placed = coarse_logits(model, grid, image, transforms, memory_format)
        if keep:
            logits, placed = final_logits(logits, placed, image, crf)
            found = upsampled_classes(logits, placed, (image.shape[1], image.shape[2]))
            whole = F.interpolate(found[None], size=sample.target.shape, mode="nearest-exact")
            picture = whole[0, 0].cpu().numpy()
            seconds += time.monotonic() - started
            predictions[samples.records[index].id] = png(samples.space.index_to_id[picture])
            sure[index] = confidence.count(logits[0], placed, found[0], target, at_boundary(target), temperature)
            final = Grid(1) if crf.iterations else grid
            anatomy.add(where, index, found[0], target, final, transforms.resize or (image.shape[1], image.shape[2]))
        else:
            image_loss, found = upsampled_cross_entropy_sum(logits, target[None], placed, class_weights)
            loss += float(image_loss)
            weight += float(target_weight(target[None], class_weights))
        confusions[index] = metrics.confusion_matrix(found[0], target, classes)
        done()
    model.train(was_training)
    loss, weight = summed(accelerator, loss, weight)
    counts = accelerator.reduce(confusions).cpu().numpy()
    confidences = (accelerator.reduce(sure) if keep else sure).cpu().numpy()
    if keep:
        where = {
            name: accelerator.reduce(torch.from_numpy(part).to(device)).cpu().numpy() for name, part in where.items()
        }
    mean_seconds = seconds / max(len(predictions), 1)
    return Evaluation(counts, loss / max(weight, 1e-12), predictions, mean_seconds, confidences, where)


def at_boundary(target: UInt8[Tensor, "H W"]) -> Bool[Tensor, "H W"]:
    """Which labelled pixels have another class at most `confidence.NEAR` pixels away."""
    distance = torch.from_numpy(distance_to_other_class(target.cpu().numpy(), NEAR + 1)).to(target.device)
    return (distance > 0) & (distance <= NEAR)


def predicted_classes(
    logits: Float[Tensor, "1 c h w"], placed: Grid, image: UInt8[Tensor, "3 H W"], crf: Crf
) -> UInt8[Tensor, "1 H W"]:
    """Each pixel's class from logits that lie on the image as `placed` says, after the CRF if it has iterations."""
    return upsampled_classes(*final_logits(logits, placed, image, crf), (image.shape[1], image.shape[2]))


def final_logits(
    logits: Float[Tensor, "1 c h w"], placed: Grid, image: UInt8[Tensor, "3 H W"], crf: Crf
) -> tuple[Float[Tensor, "1 c n m"], Grid]:
    """What classes and confidence are taken from: the logits, or where the CRF has iterations what it makes of them."""
    if crf.iterations == 0:
        return logits, placed
    return refine(upsample(logits, placed, (image.shape[1], image.shape[2])), image, crf), Grid(1)


@torch.inference_mode()
def calibrate(run: RunDir, ready: Ready, samples: Samples, settings: Config, done: Callable[[], None]) -> float:
    """Fit the temperature of the run's best network to its validation images, and store it in the run."""

    def seen(sample: Sample) -> tuple[Tensor, Grid, Tensor]:
        image, target = (tensor.to(ready.accelerator.device) for tensor in _as_scored(sample, settings.transforms))
        logits, placed = coarse_logits(ready.network, ready.grid, image, settings.transforms, ready.memory_format)
        return *final_logits(logits, placed, image, settings.crf), target

    ready.network.eval()
    return fit_temperature(run, seen, samples, ready.accelerator, done)


def _as_scored(sample: Sample, transforms: Transforms) -> Sample:
    """The sample at the size that its pixels are counted at."""
    if transforms.score_at == "label" or transforms.resize is None:
        return sample
    return resize(sample, transforms.resize)


def evaluate_run(run: RunDir, root: Path, split: str, display: Display) -> dict[str, Any]:
    """Score the run's best checkpoint on `split` of the data in `root` and write the run's `evaluation/<split>.json`.

    `split` is a part of the run's splits.json, a split that the data set has, or `all`.
    """
    settings, space = run.config(), run.labels()
    records = split_records(settings.data.model_copy(update={"root": root}), run.splits(), split)
    trained = ready(run)
    network, grid, accelerator, memory_format = trained
    display.begin(f"reading {split}", len(records))
    samples = Samples(records, space, settings.data.cache_gib, display.advance)
    temperature = _temperature(run, trained, samples if split == "val" else None, root, display)
    display.begin(f"scoring {split}", len(samples))
    result = evaluate(
        network, grid, samples, accelerator, settings.transforms, memory_format, done=display.advance,
        keep=True, crf=settings.crf, temperature=temperature or 1.0,
    )  # fmt: skip
    scores = scored(run, split, result, records, space, temperature)
    before = run.evaluations().get(split)
    if before is not None and before["targets_sha256"] != scores["targets_sha256"]:
        raise RunError(
            f"{split} in {root} has other labels than the {split} that {run.path} was scored on before; "
            "give that data, or remove evaluation/" + f"{split}.json to score anew"
        )
    store(run, split, result, scores, records, accelerator)
    return scores


def _temperature(run: RunDir, ready: Ready, val: Samples | None, root: Path, display: Display) -> float | None:
    """The run's temperature, fitted now where it has none; None where its validation images are not in `root`."""
    stored = run.temperature()
    if stored is not None:
        return stored
    settings = run.config()
    if val is None:
        try:
            records = split_records(settings.data.model_copy(update={"root": root}), run.splits(), "val")
        except RoadsegError as error:
            display.say(f"confidence stays as the network says it, because its validation images are missing: {error}")
            return None
        val = Samples(records, run.labels(), 0)
    display.begin("calibrating on val", len(val))
    return calibrate(run, ready, val, settings, display.advance)


def scored(
    run: RunDir, split: str, result: Evaluation, records: list[Record], space: LabelSpace, temperature: float | None
) -> dict[str, Any]:
    """What `evaluation/<split>.json` holds; its thresholds of confidence are those of the run's validation images."""
    kept = run.confidence("val")
    of_val = result.confidence if split == "val" else kept[1] if kept else None
    groups = [record.group for record in records]
    return report(result.confusions, records, space) | {
        "seconds_per_image": result.seconds_per_image,
        "confidence": summary(result.confidence, groups, temperature, of_val),
    }


def store(
    run: RunDir,
    split: str,
    result: Evaluation,
    scores: dict[str, Any],
    records: list[Record],
    accelerator: Accelerator,
) -> None:
    """Write what was kept of an evaluation into the run; every process its own predictions, the report last.

    When it returns, every process finds all of it.
    """
    run.save_predictions(split, result.predictions)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        run.save_anatomy(split, result.anatomy, [record.id for record in records])
        run.save_confidence(split, result.confidence, [record.id for record in records])
        groups = [record.group for record in records]
        run.save_evaluation(split, scores, result.confusions, [record.id for record in records], groups)
    accelerator.wait_for_everyone()


def _fingerprint(confusions: np.ndarray, records: list[Record]) -> str:
    """SHA-256 of the images' ids and of how many pixels of each class their labels hold: which labels were scored."""
    digest = hashlib.sha256("\n".join(record.id for record in records).encode())
    digest.update(np.ascontiguousarray(confusions.sum(-1), dtype="<i8").tobytes())
    return digest.hexdigest()


def headline(confusion: np.ndarray) -> dict[str, float | None]:
    """The scores of one confusion matrix by name; None where nothing was counted."""
    return dict(zip(metrics.HEADLINE, map(_number, metrics.scores(metrics.margins(confusion))), strict=False))


def report(confusions: np.ndarray, records: list[Record], space: LabelSpace) -> dict[str, Any]:
    """The scores in `evaluation/<split>.json`, from the images' confusions (N, C, C) and their records."""
    total = confusions.sum(0)
    groups = [record.group for record in records]
    result: dict[str, Any] = dict(headline(total))
    result["per_class"] = dict(zip(space.names, map(_number, metrics.per_class_iou(total)), strict=True))
    categories = [label.category for label in space.classes]
    if all(categories):
        names = list(dict.fromkeys(categories))
        merged = metrics.merged(total, [names.index(category) for category in categories])
        result["per_category"] = dict(zip(names, map(_number, metrics.per_class_iou(merged)), strict=True))
    result["images"] = len(confusions)
    result["groups"] = len(set(groups))
    result["pixels"] = int(total.sum())
    result |= intervals(metrics.margins(confusions), stats.resampling_units(groups), space.names)
    result["targets_sha256"] = _fingerprint(confusions, records)
    return result


def intervals(margins: np.ndarray, units: stats.Units, names: list[str]) -> dict[str, Any]:
    """95 % intervals of every score of images from their margins (N, 3, C), and what they rest on.

    Null where too few units say anything.
    """
    counts = units.sums(margins)
    units_with_class = metrics.units_of_scores(counts)
    ends = stats.estimate(counts, metrics.scores, units_with_class).interval_of_shares()
    pairs = [[_number(low), _number(high)] for low, high in ends]
    of_class = dict(zip(names, units_with_class[len(metrics.HEADLINE) :].tolist(), strict=True))
    return {
        "ci95": {
            **dict(zip(metrics.HEADLINE, pairs, strict=False)),
            "per_class": dict(zip(names, pairs[len(metrics.HEADLINE) :], strict=True)),
        },
        "ci95_resampled": units.kind,
        "ci95_units": units.count,
        "ci95_resamples": stats.RESAMPLES,
        "ci95_seed": stats.SEED,
        "units_of_class": of_class,
        "too_few_units": [name for name, number in of_class.items() if number < stats.FEWEST_UNITS],
    }


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
