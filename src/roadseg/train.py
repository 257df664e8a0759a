"""The training loop: augmented batches, summed cross entropy, validation each epoch, checkpoints that resume."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from roadseg import data, models
from roadseg.config import Config, Data, difference
from roadseg.data.loading import GIB, Augmented, Batch, Samples, batch_indices, batches, class_shares, epoch_order
from roadseg.data.records import Record
from roadseg.data.splits import Splits, leaks
from roadseg.errors import DataError, RunError, WorkFailed
from roadseg.evaluate import Evaluation, evaluate, headline, scored, store
from roadseg.first_weights import first_weights
from roadseg.hardware import cpu_count, make_accelerator, peak_memory_gib, summed
from roadseg.interrupt import Interrupted, StopFlag, stop_on_signals
from roadseg.losses import cross_entropy_sum, log_class_weights, target_weight
from roadseg.metrics import confusion_matrix
from roadseg.models import SegmentationModel
from roadseg.optim import freeze, make_optimizer, parameter_groups, rate_factor, set_rates
from roadseg.progress import Display, duration, epoch_line
from roadseg.runs import RunDir
from roadseg.upsample import upsample


@dataclass
class Progress:
    """How far a run is, beyond its weights: what a resumed run needs to end as if it had never stopped."""

    epoch: int = 0
    steps_in_epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_weight: float = 0.0
    seconds: float = 0.0
    best: float | None = None
    best_epoch: int = 0


def train(run: RunDir, settings: Config, display: Display, resume: bool = False) -> dict[str, Any]:
    """Train into `run` and return the validation report of the best checkpoint.

    Raises `RoadsegError` for bad input before anything is written, `WorkFailed` when the loss is not finite, and
    `Interrupted` after a signal.
    """
    begun = resume and (run.path / "config.json").exists()
    different = difference(run.config(), settings) if begun else None
    if different:
        raise RunError(
            f"{run.path} was made with other settings ({different}); repeat its command or choose another --run"
        )
    if not begun:
        run.check_free()
    saved = begun and run.has_checkpoint("last")
    training = Training(run, settings, display, pretrained=not saved)
    if begun:
        training.check_data()
    if training.accelerator.is_main_process:
        run.settle() if begun else run.create(settings, training.space, training.splits)
    training.accelerator.wait_for_everyone()
    if saved:
        training.restore()
    with stop_on_signals() as stop:
        training.fit(stop)
        return training.conclude(stop)


class Training:
    """One run in the making: data, network, optimizer and progress."""

    def __init__(self, run: RunDir, settings: Config, display: Display, pretrained: bool = True) -> None:
        self.run, self.settings = run, settings
        self.accelerator, self.memory_format = make_accelerator(settings.train.precision)
        self.display = display if self.accelerator.is_main_process else Display()
        device = self.accelerator.device

        self.space = data.label_space(settings.data)
        self.splits, self.samples = self._read(settings.data)
        self.class_weights = None
        if settings.train.class_weights == "log":
            self.class_weights = log_class_weights(class_shares(self.samples["train"])).to(device)
        model, started_from = self._build(pretrained)

        processes = self.accelerator.num_processes
        count = len(batch_indices(list(range(len(self.samples["train"]))), settings.train.batch_size, processes))
        if count == 0:
            raise DataError(f"too few training images for {processes} processes; start fewer processes")
        self.steps_per_epoch = math.ceil(count / settings.train.accumulate)
        self.steps = self.steps_per_epoch * settings.train.epochs
        self.progress = Progress()
        self.confusion = self._no_confusion()
        self.saved_at = time.monotonic()
        self.pace: float | None = None
        self.validation_seconds = 0.0
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        self.display.say(
            f"{settings.recipe}: {len(self.samples['train'])} training and {len(self.samples['val'])} validation "
            f"images, {len(self.space.classes)} classes, {trained / 1e6:.1f} M parameters to train ({started_from}); "
            f"{device.type}{'' if processes == 1 else f' x {processes}'}, "
            f"{'bfloat16' if self.accelerator.mixed_precision == 'bf16' else 'float32'}. "
            "Losses and scores are training / validation, scores in percent."
        )

    def _read(self, settings: Data) -> tuple[Splits, dict[str, Samples]]:
        """The division, and the samples of train and val; of test only the headers are looked at."""
        splits, records = data.load_records(settings)
        mixed = leaks(splits, [record for part in records.values() for record in part])
        if mixed:
            self.display.say(f"images of {', '.join(mixed[:3])} are in more than one part: the scores will flatter")
        Samples(records.get("test", []), self.space, budget_gib=0)
        val = self._load("val", records["val"], settings.cache_gib)
        left = settings.cache_gib - (val.bytes / GIB if val.cache is not None else 0)
        return splits, {"train": self._load("train", records["train"], left), "val": val}

    def _build(self, pretrained: bool) -> tuple[SegmentationModel, str]:
        """Make `self.model`, its grid and its optimizer; the bare network, and in words what it begins with."""
        chosen, optimizer = self.settings.model, self.settings.optimizer
        torch.manual_seed(self.settings.seed)
        model = models.build(chosen, len(self.space.classes))
        started_from = first_weights(model, chosen) if pretrained else "from its checkpoint"
        if chosen.weights is None and chosen.from_run is None:  # there is nothing to keep in the trunk
            optimizer = optimizer.model_copy(update={"frozen_blocks": 0, "trunk_lr": None})
        freeze(model.trunk.blocks, optimizer)
        self.grid = model.grid
        made = make_optimizer(parameter_groups(model, model.trunk, optimizer), optimizer)
        model = model.to(self.accelerator.device, memory_format=self.memory_format)  # type: ignore[call-overload]
        self.model, self.optimizer = self.accelerator.prepare(model, made)
        return model, started_from

    def _load(self, part: str, records: list[Record], budget_gib: float) -> Samples:
        self.display.begin(f"reading {part}", len(records))
        return Samples(records, self.space, budget_gib, self.display.advance)

    def check_data(self) -> None:
        """Raises `RunError` where images or classes are no longer those that the run began with."""
        if self.splits != self.run.splits():
            raise RunError(f"the images have changed since {self.run.path} began; restore them or begin a new run")
        if self.space != self.run.labels():
            raise RunError(f"the classes have changed since {self.run.path} began; restore them or begin a new run")

    def _no_confusion(self) -> Tensor:
        classes = len(self.space.classes)
        return torch.zeros(classes, classes, dtype=torch.int64, device=self.accelerator.device)

    def fit(self, stop: StopFlag) -> None:
        """All epochs that are left."""
        epochs, patience = self.settings.train.epochs, self.settings.train.patience
        while self.progress.epoch < epochs:
            if patience is not None and self.progress.epoch - self.progress.best_epoch >= patience:
                self.display.say(f"stopped early: no better val mIoU in {patience} epochs")
                return
            started = time.monotonic()
            self.run_epoch(stop)
            self.progress.seconds += time.monotonic() - started
            self.close_epoch(stop)

    def run_epoch(self, stop: StopFlag) -> None:
        """The steps of one epoch, or those that a resumed epoch still lacks."""
        train, epoch = self.settings.train, self.progress.epoch
        self.model.train()
        for block in self.accelerator.unwrap_model(self.model).trunk.blocks:
            block.train(any(parameter.requires_grad for parameter in block.parameters()))
        order = epoch_order(len(self.samples["train"]), self.settings.seed, epoch, train.shuffle)
        indices = batch_indices(order, train.batch_size, self.accelerator.num_processes, self.accelerator.process_index)
        indices = indices[self.progress.steps_in_epoch * train.accumulate :]
        dataset = Augmented(self.samples["train"], self.settings.transforms, self.settings.seed, epoch)
        on_gpu = self.accelerator.device.type == "cuda"
        loader = batches(dataset, indices, self._workers(), pin_memory=on_gpu)
        self.display.begin(f"epoch {epoch + 1}/{train.epochs}", self.steps_per_epoch, self.progress.steps_in_epoch)
        clock = time.monotonic()
        for group in grouped(loader, train.accumulate):
            stopping, due = self.step(group, stop)
            seconds, clock = time.monotonic() - clock, time.monotonic()
            images = sum(len(batch.ids) for batch in group) * self.accelerator.num_processes
            loss = self.progress.loss_sum / max(self.progress.loss_weight, 1e-12)
            memory = peak_memory_gib(self.accelerator.device)
            left = duration(self.seconds_left(seconds))
            self.display.advance(f"loss {loss:.3f}  {images / seconds:.2f} images/s  {memory:.1f} GiB  {left} left")
            if stopping or due:
                self.save_last()
            if stopping:
                raise Interrupted(f"stopped in epoch {epoch + 1}; continue with --resume")

    def seconds_left(self, step_seconds: float) -> float:
        """Time to the end of the whole training, from the pace of its steps so far and of its last validation."""
        self.pace = step_seconds if self.pace is None else 0.9 * self.pace + 0.1 * step_seconds
        validations = self.settings.train.epochs - self.progress.epoch
        return self.pace * (self.steps - self.progress.step) + validations * self.validation_seconds

    def _workers(self) -> int:
        if self.settings.data.workers is not None:
            return self.settings.data.workers
        return min(8, cpu_count() - 1) if self.accelerator.device.type == "cuda" else 0

    def step(self, group: list[Batch], stop: StopFlag) -> tuple[bool, bool]:
        """One step of the optimizer on the batches of `group`; whether to stop, and whether a checkpoint is due.

        The gradient is that of the mean over all pixels of all batches and processes, so that neither accumulation nor
        the number of processes changes it; batch normalisation apart, which sees one batch at a time. Dropout is seeded
        from (seed, step, process), so no random state is saved.
        """
        accelerator, device = self.accelerator, self.accelerator.device
        set_rates(self.optimizer, rate_factor(self.progress.step, self.steps, self.settings.optimizer))
        torch.manual_seed(seed_of(self.settings.seed, self.progress.step, accelerator.process_index))
        due = time.monotonic() - self.saved_at > 60 * self.settings.train.checkpoint_minutes
        own_weight = sum(float(target_weight(batch.targets.to(device), self.class_weights)) for batch in group)
        weight, stopping, saving = summed(accelerator, own_weight, stop.asked, due)
        loss = 0.0
        for number, batch in enumerate(group):
            sync = accelerator.no_sync(self.model) if number + 1 < len(group) else nullcontext()
            with sync:
                loss += self._backward(batch, max(weight, 1e-12))
        if self.settings.train.clip is not None:
            accelerator.clip_grad_norm_(self.model.parameters(), self.settings.train.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.progress.loss_sum += summed(accelerator, loss)[0]
        self.progress.loss_weight += weight
        self.progress.step += 1
        self.progress.steps_in_epoch += 1
        return stopping > 0, saving > 0

    def _backward(self, batch: Batch, weight: float) -> float:
        device = self.accelerator.device
        images = batch.images.to(device, non_blocking=True).contiguous(memory_format=self.memory_format)
        targets = batch.targets.to(device, non_blocking=True)
        logits = upsample(self.model(images), self.grid, (images.shape[2], images.shape[3]))
        loss = cross_entropy_sum(logits, targets, self.class_weights)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise WorkFailed(
                f"loss is {value} in epoch {self.progress.epoch + 1} on {', '.join(batch.ids)}; "
                "lower --optimizer.lr or set --train.clip 1 (the last good checkpoint is kept)"
            )
        # DDP averages over the processes: their number turns the average into the sum that the shared weight divides.
        self.accelerator.backward(loss * (self.accelerator.num_processes / weight))
        self.confusion += confusion_matrix(logits.detach().max(1).indices, targets, len(self.space.classes))
        return value

    def validate(self, stop: StopFlag, keep: bool = False) -> Evaluation:
        """Score the validation images, and keep the predictions if asked to. Raises `Interrupted` after a signal."""
        self.display.begin("validating", len(self.samples["val"]))

        def advance() -> None:
            self.display.advance()
            if stop.asked and self.accelerator.num_processes == 1:
                raise Interrupted("stopped while validating; continue with --resume")

        # Without DDP's wrapper, which would wait for processes that have no image to score.
        model = self.accelerator.unwrap_model(self.model)
        resize = self.settings.transforms.resize
        return evaluate(
            model, self.grid, self.samples["val"], self.accelerator, resize, self.memory_format,
            self.class_weights, advance, keep,
        )  # fmt: skip

    def close_epoch(self, stop: StopFlag) -> None:
        """Validate, write the epoch's metrics, and save `best` where it is better and `last`."""
        done = self.progress
        started = time.monotonic()
        try:
            validation = self.validate(stop)
        except Interrupted:
            self.save_last()
            raise
        if not math.isfinite(validation.loss):
            raise WorkFailed(
                f"validation loss is {validation.loss} after epoch {done.epoch + 1}; "
                "lower --optimizer.lr or set --train.clip 1 (the last good checkpoint is kept)"
            )
        scores = headline(validation.confusions.sum(0))
        self.validation_seconds = time.monotonic() - started
        done.epoch += 1
        done.steps_in_epoch = 0
        score = scores["mean_iou"] or 0.0
        better = done.best is None or score > done.best
        if better:
            done.best, done.best_epoch = score, done.epoch
        training_scores = headline(self.accelerator.reduce(self.confusion).cpu().numpy())
        entry = {
            "epoch": done.epoch,
            "step": done.step,
            "lr": self.optimizer.param_groups[-1]["lr"],
            "train": {"loss": done.loss_sum / max(done.loss_weight, 1e-12), **training_scores},
            "val": {"loss": validation.loss, **scores},
            "seconds": {"train": round(done.seconds, 3), "val": round(self.validation_seconds, 3)},
            "memory_gib": round(peak_memory_gib(self.accelerator.device), 3),
        }
        done.loss_sum = done.loss_weight = done.seconds = 0.0
        self.confusion = self._no_confusion()
        if self.accelerator.is_main_process:
            if better:
                self.run.save_checkpoint(
                    "best", self._weights(), {"epoch": done.epoch, "step": done.step, "mean_iou": score}
                )
            self.run.write_metrics([*self.run.metrics()[: done.epoch - 1], entry])
        self.save_last()
        self.display.say(epoch_line(entry, self.settings.train.epochs, better))

    def _weights(self) -> dict[str, Tensor]:
        """The network's tensors. Raises `WorkFailed` rather than let one that is not finite over a good checkpoint."""
        model: nn.Module = self.accelerator.unwrap_model(self.model)
        for name, tensor in model.state_dict().items():
            if not tensor.isfinite().all():
                raise WorkFailed(
                    f"{name} is not finite after step {self.progress.step}; "
                    "lower --optimizer.lr or set --train.clip 1 (the last good checkpoint is kept)"
                )
        return {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}

    def save_last(self) -> None:
        """Write the checkpoint that `restore` reads. Every process must call it."""
        confusion = self.accelerator.reduce(self.confusion)
        if self.accelerator.is_main_process:
            trainer = {
                "optimizer": self.optimizer.state_dict(),
                "progress": asdict(self.progress),
                "confusion": confusion.cpu(),
            }
            where = {"epoch": self.progress.epoch, "step": self.progress.step, "mean_iou": self.progress.best}
            self.run.save_checkpoint("last", self._weights(), where, trainer)
        self.saved_at = time.monotonic()

    def restore(self) -> None:
        """Continue from `last`."""
        state = self.run.trainer()
        self.accelerator.unwrap_model(self.model).load_state_dict(self.run.weights("last"))
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        if self.accelerator.is_main_process:
            self.confusion = state["confusion"].to(self.accelerator.device)
        self.display.say(f"resuming in epoch {self.progress.epoch + 1} after step {self.progress.step} of {self.steps}")

    def conclude(self, stop: StopFlag) -> dict[str, Any]:
        """Score the best checkpoint on the validation images and mark the run as complete."""
        self.accelerator.wait_for_everyone()
        self.accelerator.unwrap_model(self.model).load_state_dict(self.run.weights("best"))
        records = self.samples["val"].records
        result = self.validate(stop, keep=True)
        scores = scored(result, records, self.space)
        store(self.run, "val", result, scores, records, self.accelerator)
        if self.accelerator.is_main_process:
            self.run.finish()
        return scores


def seed_of(seed: int, step: int, process: int) -> int:
    """A seed below 2**63 that differs for every step and process."""
    digest = hashlib.sha256(f"{seed}/{step}/{process}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def grouped(loader: Iterator[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of `size` batches; the last one may be shorter."""
    group: list[Batch] = []
    for batch in loader:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
