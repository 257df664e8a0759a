"""The training loop: augmented batches, summed cross entropy, validation each epoch, checkpoints that resume."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from roadseg import data
from roadseg.config.registry import LOSSES, load
from roadseg.config.settings import Config, Crf, Stretch, as_trained, difference
from roadseg.data.loading import (
    Augmented,
    Batch,
    batch_indices,
    batches,
    class_shares,
    epoch_order,
    grouped,
    loader_processes,
)
from roadseg.errors import DataError, RunError, WorkFailed
from roadseg.inference.predictor import NO_CRF, Pipeline
from roadseg.runs import lock
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.calibration import calibrate
from roadseg.scoring.evaluate import evaluate, scored, store
from roadseg.scoring.metrics import per_class_iou
from roadseg.scoring.scores import headline
from roadseg.system.hardware import forget_peak_memory, make_accelerator, peak_memory_gib, summed
from roadseg.system.processes import cpu_count
from roadseg.system.progress import Display, duration, epoch_line
from roadseg.training.interrupt import Interrupted, StopFlag, stop_on_signals
from roadseg.training.learner import FIX, Learner
from roadseg.training.losses import log_class_weights
from roadseg.training.optim import rate_factor
from roadseg.training.prepare import Network, build_network, read_parts
from roadseg.training.validate import Validation, validate
from roadseg.training.watch import Watch


@dataclass
class Progress:
    """Progress of a run besides its weights: all that a resumed run needs to end as if it had never stopped."""

    epoch: int = 0
    steps_in_epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_weight: float = 0.0
    seconds: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    images_at_once: int | None = None


def train(
    run: RunDir,
    settings: Config,
    display: Display,
    resume: bool = False,
    new_length: bool = False,
    watch: Watch | None = None,
    begin: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train into `run` and return the validation report of the best checkpoint. The run stores what is done.

    With `resume` a run that was begun goes on, with `new_length` also with other epochs or another patience.
    `begin` is called when the data and the network are fine, before anything is written.
    Raises `RoadsegError` for bad input, a run that is complete with these settings, or one that another process trains,
    before anything is written, `WorkFailed` when the loss is not finite, and `Interrupted` after a signal.
    """
    begun = resume and (run.path / "config.json").exists()
    if begun and run.ended(settings, new_length):
        raise RunError(f"{run.path} is complete; there is nothing to train")
    stored = run.config() if begun else settings
    settings = as_trained(settings).model_copy(update={"earlier": stored.earlier if begun else ()})
    lock.check_idle(run.path) if begun else run.check_free()
    saved = begun and run.has_checkpoint("last")
    reopened = difference(stored, settings) is not None
    if reopened:
        settings = lengthened(run, stored, settings)
    training = Training(run, settings, display, watch, pretrained=not saved)
    if begun:
        training.check_data()
    main = training.accelerator.is_main_process
    with lock.held(run.path) if main else nullcontext(), closing(training.watch):
        begin()
        if main:
            run.settle() if begun else run.create(settings, training.space, training.splits)
        training.accelerator.wait_for_everyone()
        if saved:
            training.restore()
        if main and reopened:
            run.reopen(settings)
            training.display.say(f"{settings.train.epochs} epochs from here on, {stored.train.epochs} before")
        training.begin_watch()
        with stop_on_signals() as stop:
            training.fit(stop)
            return training.conclude(stop)


def lengthened(run: RunDir, stored: Config, settings: Config) -> Config:
    """`settings` of another length for a run that was begun with `stored`, with a record of what held so far.

    The steps from there on are not those of a run that had this length from its start: the learning rate of a poly
    schedule follows the new length. Raises `RunError` where more epochs are done, or the last checkpoint is gone.
    """
    if not run.has_checkpoint("last"):
        if run.complete:
            raise RunError(f"{run.path} has no last checkpoint to train on from; restore it or train anew")
        return settings
    where = run.progress("last")
    if settings.train.epochs < where["epoch"]:
        raise RunError(f"{run.path} has trained {where['epoch']} epochs already; give more --train.epochs, or --finish")
    if where["step"] == 0:
        return settings
    past = Stretch(steps=where["step"], epochs=stored.train.epochs, patience=stored.train.patience)
    return settings.model_copy(update={"earlier": (*stored.earlier, past)})


class Training:
    """The state of a training: data, network, and progress."""

    def __init__(
        self, run: RunDir, settings: Config, display: Display, watch: Watch | None = None, pretrained: bool = True
    ) -> None:
        self.run, self.settings = run, settings
        self.accelerator, memory_format = make_accelerator(settings.train.precision)
        forget_peak_memory(self.accelerator.device)
        self.display = display if self.accelerator.is_main_process else Display()
        self.watch = watch if watch and self.accelerator.is_main_process else Watch()

        self.space = data.label_space(settings.data)
        self.splits, self.samples = read_parts(settings.data, settings.transforms, self.space, self.display)
        class_weights = None
        if settings.train.class_weights == "log":
            class_weights = log_class_weights(class_shares(self.samples["train"])).to(self.accelerator.device)
        network = build_network(settings, len(self.space.classes), pretrained)
        self.learner = Learner(
            network, self.accelerator, memory_format, class_weights, settings.train.clip, settings.seed,
            load(LOSSES[settings.train.loss]),
        )  # fmt: skip

        processes = self.accelerator.num_processes
        # With a share of the images as many steps as with all: else the shares would compare lengths of training.
        self.epoch_length = len(self.splits.train) + len(self.splits.left_out)
        count = len(batch_indices(list(range(self.epoch_length)), settings.train.batch_size, processes))
        if count == 0:
            raise DataError(f"too few training images for {processes} processes; start fewer processes")
        self.steps_per_epoch = math.ceil(count / settings.train.accumulate)
        self.steps = self.steps_per_epoch * settings.train.epochs
        self.progress = Progress()
        self.confusion = self._no_confusion()
        self.saved_at = time.monotonic()
        self.pace: float | None = None
        self.validation_seconds = 0.0
        self.introduce(network)

    def introduce(self, network: Network) -> None:
        """Say what is trained, on what and from what."""
        images = {part: len(samples) for part, samples in self.samples.items()}
        few = f" of {self.epoch_length}" if self.splits.left_out else ""
        trained = sum(p.numel() for p in network.model.parameters() if p.requires_grad)
        processes = self.accelerator.num_processes
        self.display.say(
            f"{self.run.path}: {self.settings.recipe} on {images['train']}{few} training and {images['val']} "
            f"validation images, {len(self.space.classes)} classes, {trained / 1e6:.1f} M parameters to train "
            f"({network.started_from}); "
            f"{self.accelerator.device.type}{'' if processes == 1 else f' x {processes}'}, "
            f"{'bfloat16' if self.accelerator.mixed_precision == 'bf16' else 'float32'}. "
            "Losses and scores are training / validation, scores in percent."
        )

    def check_data(self) -> None:
        """Raises `RunError` if images or classes changed since the run began."""
        if self.splits != self.run.splits():
            raise RunError(f"the images have changed since {self.run.path} began; restore them or begin a new run")
        if self.space != self.run.labels():
            raise RunError(f"the classes have changed since {self.run.path} began; restore them or begin a new run")

    def _no_confusion(self) -> Tensor:
        classes = len(self.space.classes)
        return torch.zeros(classes, classes, dtype=torch.int64, device=self.accelerator.device)

    def begin_watch(self) -> None:
        """Tell the logger the first step that it will report, so that points after the checkpoint are hidden.

        If an epoch was trained but not yet validated, that is its last step.
        """
        closed = self.progress.steps_in_epoch < self.steps_per_epoch
        self.watch.begin(self.samples["val"], self.progress.step + closed, self.steps)

    def fit(self, stop: StopFlag) -> None:
        """Train the remaining epochs."""
        epochs, patience = self.settings.train.epochs, self.settings.train.patience
        while self.progress.epoch < epochs:
            if patience is not None and self.progress.epoch - self.progress.best_epoch >= patience:
                self.display.say(f"stopped early: no better val mIoU in {patience} epochs")
                return
            self.run_epoch(stop)
            self.close_epoch(stop)

    def run_epoch(self, stop: StopFlag) -> None:
        """Train one epoch, or the remaining steps of a resumed one."""
        train, epoch = self.settings.train, self.progress.epoch
        self.learner.begin_epoch()
        self.display.begin(f"epoch {epoch + 1}/{train.epochs}", self.steps_per_epoch, self.progress.steps_in_epoch)
        clock = time.monotonic()
        for group in self.batches_left():
            stopping, due = self.step(group, stop)
            seconds, clock = time.monotonic() - clock, time.monotonic()
            self.progress.seconds += seconds
            images = sum(len(batch.ids) for batch in group) * self.accelerator.num_processes
            loss = self.progress.loss_sum / max(self.progress.loss_weight, 1e-12)
            memory = peak_memory_gib(self.accelerator.device)
            left = duration(self.seconds_left(seconds))
            self.display.advance(f"loss {loss:.3f}  {images / seconds:.2f} images/s  {memory:.1f} GiB  {left} left")
            if stopping or due:
                self.save_last()
            if stopping:
                raise Interrupted(f"stopped in epoch {epoch + 1}; continue with --resume")

    def batches_left(self) -> Iterator[list[Batch]]:
        """What is left of the epoch: for each step of the optimizer its batches."""
        train, epoch = self.settings.train, self.progress.epoch
        order = epoch_order(len(self.samples["train"]), self.settings.seed, epoch, train.shuffle, self.epoch_length)
        indices = batch_indices(order, train.batch_size, self.accelerator.num_processes, self.accelerator.process_index)
        indices = indices[self.progress.steps_in_epoch * train.accumulate :]
        dataset = Augmented(self.samples["train"], self.settings.transforms, self.settings.seed, epoch)
        on_gpu = self.accelerator.device.type == "cuda"
        return grouped(batches(dataset, indices, self._workers(), pin_memory=on_gpu), train.accumulate)

    def seconds_left(self, step_seconds: float) -> float:
        """Seconds to the end of the training, from the speed of its steps so far and of its last validation."""
        self.pace = step_seconds if self.pace is None else 0.9 * self.pace + 0.1 * step_seconds
        validations = self.settings.train.epochs - self.progress.epoch
        return self.pace * (self.steps - self.progress.step) + validations * self.validation_seconds

    def _workers(self) -> int:
        if self.settings.data.workers is not None:
            return self.settings.data.workers
        cached = self.samples["train"].cache is not None
        return loader_processes(cached, self.accelerator.device.type == "cuda", cpu_count())

    def step(self, group: list[Batch], stop: StopFlag) -> tuple[bool, bool]:
        """One optimizer step on the batches of `group`; returns whether to stop, and whether a checkpoint is due."""
        done = self.progress
        due = time.monotonic() - self.saved_at > 60 * self.settings.train.checkpoint_minutes
        weight, stopping, saving = summed(self.accelerator, self.learner.weight(group), stop.asked, due)
        rate = rate_factor(done.step, self.steps, self.settings.optimizer)
        loss, confusion = self.learner.step(group, done.step, rate, weight)
        if self.learner.images_at_once != done.images_at_once:
            self.display.say(
                f"out of memory with {self.images_at_once()} images at a time; going on with "
                f"{self.learner.images_at_once} at a time, the same {sum(len(batch.ids) for batch in group)} a step"
            )
            done.images_at_once = self.learner.images_at_once
        self.confusion += confusion
        done.loss_sum += loss
        done.loss_weight += weight
        done.step += 1
        done.steps_in_epoch += 1
        self.watch.step(done.step, loss / max(weight, 1e-12))
        return stopping > 0, saving > 0

    def images_at_once(self) -> int:
        """Images of a batch that are processed together, at most, since memory was last too little for more."""
        return self.progress.images_at_once or self.settings.train.batch_size

    def begin_validating(self, what: str, stop: StopFlag) -> Callable[[], None]:
        """Say that validation images are looked at; what is called after each raises `Interrupted` after a signal."""
        self.display.begin(what, len(self.samples["val"]))

        def advance() -> None:
            self.display.advance()
            if stop.asked and self.accelerator.num_processes == 1:
                raise Interrupted(f"stopped while {what}; continue with --resume")

        return advance

    def pipeline(self, crf: Crf = NO_CRF, temperature: float = 1.0) -> Pipeline:
        """The current network, in evaluation mode until the next epoch."""
        learner = self.learner
        return Pipeline(
            learner.network.eval(), learner.grid, self.settings.transforms, self.accelerator.device,
            learner.memory_format, crf, temperature,
        )  # fmt: skip

    def validate(self, stop: StopFlag) -> Validation:
        """Loss and confusion of the validation images.

        Raises `Interrupted` after a signal, and `WorkFailed` where the loss is not finite.
        """
        advance = self.begin_validating("validating", stop)
        val, learner = self.samples["val"], self.learner
        result = validate(self.pipeline(), val, self.accelerator, learner.class_weights, learner.loss, advance)
        if not math.isfinite(result.loss):
            raise WorkFailed(f"validation loss is {result.loss} after step {self.progress.step}; {FIX}")
        return result

    def close_epoch(self, stop: StopFlag) -> None:
        """Validate, write the epoch's metrics, and save the checkpoints `last` and, if it improved, `best`."""
        done = self.progress
        started = time.monotonic()
        try:
            validation = self.validate(stop)
        except Interrupted:
            self.save_last()
            raise
        self.validation_seconds = time.monotonic() - started
        done.epoch += 1
        done.steps_in_epoch = 0
        entry = self.entry(validation)
        score = entry["val"]["mean_iou"] or 0.0
        better = done.best is None or score > done.best
        if better:
            done.best, done.best_epoch = score, done.epoch
        speed = self.epoch_length / max(done.seconds, 1e-9)
        self.watch.epoch(entry, speed, per_class_iou(validation.confusion), self.predict)
        done.loss_sum = done.loss_weight = done.seconds = 0.0
        self.confusion = self._no_confusion()
        if self.accelerator.is_main_process:
            if better:
                where = {"epoch": done.epoch, "step": done.step, "mean_iou": score}
                self.run.drop_scores()
                self.run.save_checkpoint("best", self.learner.weights(), where)
            self.run.write_metrics([*self.run.metrics()[: done.epoch - 1], entry])
        self.save_last()
        self.display.say(epoch_line(entry, self.settings.train.epochs, better))

    def entry(self, validation: Validation) -> dict[str, Any]:
        """The epoch's entry for metrics.jsonl. Every process must call it."""
        done = self.progress
        scores = headline(self.accelerator.reduce(self.confusion).cpu().numpy())
        return {
            "epoch": done.epoch,
            "step": done.step,
            "lr": self.learner.optimizer.param_groups[-1]["lr"],
            "train": {"loss": done.loss_sum / max(done.loss_weight, 1e-12), **scores},
            "val": {"loss": validation.loss, **headline(validation.confusion)},
            "seconds": {"train": round(done.seconds, 3), "val": round(self.validation_seconds, 3)},
            "images_at_once": self.images_at_once(),
            "memory_gib": round(peak_memory_gib(self.accelerator.device), 3),
        }

    def predict(self, image: Tensor) -> Tensor:
        """Index of each pixel's class, uint8 (H, W), of an image uint8 (3, H, W); both on the CPU."""
        return self.pipeline(self.settings.crf)(image).classes().cpu()

    def save_last(self) -> None:
        """Write a checkpoint for `restore`. Every process must call it."""
        confusion = self.accelerator.reduce(self.confusion)
        if self.accelerator.is_main_process:
            trainer = {
                "optimizer": self.learner.optimizer.state_dict(),
                "progress": asdict(self.progress),
                "confusion": confusion.cpu(),
            }
            where = {"epoch": self.progress.epoch, "step": self.progress.step, "mean_iou": self.progress.best}
            self.run.save_checkpoint("last", self.learner.weights(), where, trainer)
        self.saved_at = time.monotonic()

    def restore(self) -> None:
        """Load the checkpoint `last`."""
        state = self.run.trainer()
        self.learner.network.load_state_dict(self.run.weights("last"))
        self.learner.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        self.learner.images_at_once = self.progress.images_at_once
        if self.accelerator.is_main_process:
            self.confusion = state["confusion"].to(self.accelerator.device)
        self.display.say(f"resuming in epoch {self.progress.epoch + 1} after step {self.progress.step} of {self.steps}")

    def conclude(self, stop: StopFlag) -> dict[str, Any]:
        """Calibrate and score the best checkpoint on the validation images, and mark the run as complete."""
        self.accelerator.wait_for_everyone()
        val = self.samples["val"]
        self.learner.network.load_state_dict(self.run.weights("best"))
        best, advance = self.pipeline(self.settings.crf), self.begin_validating("calibrating", stop)
        temperature = calibrate(self.run, best, val, self.accelerator, advance)
        best, advance = self.pipeline(self.settings.crf, temperature), self.begin_validating("validating", stop)
        result = evaluate(best, val, self.accelerator, advance)
        scores = scored(self.run, "val", result, val, temperature)
        store(self.run, "val", result, scores, val.records, self.accelerator)
        if self.accelerator.is_main_process:
            self.run.finish()
        return scores
