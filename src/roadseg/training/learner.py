"""One step of the optimizer: the same on one process and on several, in one forward pass and in accumulated ones."""

import hashlib
import math
from contextlib import nullcontext
from typing import cast

import torch
from accelerate import Accelerator
from torch import Tensor

from roadseg.data.loading import Batch, divided
from roadseg.errors import WorkFailed, out_of_memory
from roadseg.models import SegmentationModel
from roadseg.scoring.metrics import confusion_matrix
from roadseg.system.hardware import give_back_memory, summed
from roadseg.training.losses import Loss, target_weight, upsampled_cross_entropy_sum
from roadseg.training.optim import set_rates
from roadseg.training.prepare import Network

FIX = "lower --optimizer.lr or set --train.clip 1 (the last good checkpoint is kept)"


class Learner:
    """A network that learns, on the device and in the precision of `accelerator`.

    `class_weights` (C,) are those of `loss`, `clip` the largest norm of the gradient. `images_at_once` is how many
    are worked on together: None for whole batches, which lasts until memory is too little for one
    (docs/decisions/0010-too-little-memory.md).
    """

    def __init__(
        self,
        network: Network,
        accelerator: Accelerator,
        memory_format: torch.memory_format,
        class_weights: Tensor | None,
        clip: float | None,
        seed: int,
        loss: Loss = upsampled_cross_entropy_sum,
    ) -> None:
        self.accelerator, self.memory_format = accelerator, memory_format
        self.loss, self.class_weights, self.clip, self.seed = loss, class_weights, clip, seed
        self.images_at_once: int | None = None
        self.grid = network.model.grid
        model = network.model.to(accelerator.device, memory_format=memory_format)  # type: ignore[call-overload]
        self.model, self.optimizer = accelerator.prepare(model, network.optimizer)

    @property
    def network(self) -> SegmentationModel:
        """The network without DDP's wrapper, which waits for all processes at each forward pass."""
        return cast("SegmentationModel", self.accelerator.unwrap_model(self.model))

    def begin_epoch(self) -> None:
        """Training mode for all but the frozen blocks, whose statistics stay as they are."""
        self.model.train()
        for block in self.network.trunk.blocks:
            block.train(any(parameter.requires_grad for parameter in block.parameters()))

    def weight(self, group: list[Batch]) -> float:
        """What the loss of this process's batches is to be divided by, together with that of the other processes."""
        device = self.accelerator.device
        return sum(float(target_weight(batch.targets.to(device), self.class_weights)) for batch in group)

    def step(self, group: list[Batch], number: int, rate: float, weight: float) -> tuple[float, Tensor]:
        """Step `number` (from 0) on the batches of `group`, at `rate` times the base learning rates.

        With `weight` summed over all processes, the gradient is that of the mean over all pixels of all batches and
        processes, so that neither accumulation, nor the number of processes, nor how many images are worked on at once
        changes it; batch normalisation apart, which sees these, and which images dropout draws for. Dropout is seeded
        from (seed, number, process), so no random state is saved.

        Returns the loss, summed over the pixels of all processes, and the confusion (C, C) of this one. Raises
        `WorkFailed` where the loss is not finite, and where memory is too little for a single image or, with several
        processes, for a batch.
        """
        set_rates(self.optimizer, rate)
        outcome = None
        while outcome is None:
            outcome = self._attempt(group, number, weight)
        loss, confusion = outcome
        if self.clip is not None:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return summed(self.accelerator, loss)[0], confusion

    def _attempt(self, group: list[Batch], number: int, weight: float) -> tuple[float, Tensor] | None:
        """The gradient of a step, its loss and confusion; or None, and fewer images at once, where memory ran out.

        Then all is as before the step: no gradient, and the statistics of batch normalisation put back.
        """
        statistics = [buffer.clone() for buffer in self.network.buffers()]
        largest = max(len(batch.ids) for batch in group)
        at_once = min(largest, self.images_at_once or largest)
        try:
            return self._gradient([piece for batch in group for piece in divided(batch, at_once)], number, weight)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if at_once == 1 or self.accelerator.num_processes > 1:
                raise WorkFailed(too_little_memory(at_once, self.accelerator.num_processes)) from error
        # The error is gone here, and the activations that its traceback held are free.
        self.optimizer.zero_grad(set_to_none=True)
        for buffer, before in zip(self.network.buffers(), statistics, strict=True):
            buffer.copy_(before)
        give_back_memory(self.accelerator.device)
        self.images_at_once = math.ceil(at_once / 2)
        return None

    def _gradient(self, pieces: list[Batch], number: int, weight: float) -> tuple[float, Tensor]:
        torch.manual_seed(seed_of(self.seed, number, self.accelerator.process_index))
        loss, confusion = 0.0, torch.zeros((), dtype=torch.int64, device=self.accelerator.device)
        for position, batch in enumerate(pieces):
            last = position + 1 == len(pieces)
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                batch_loss, counts = self._backward(batch, number, max(weight, 1e-12))
            loss += batch_loss
            confusion = confusion + counts
        return loss, confusion

    def _backward(self, batch: Batch, number: int, weight: float) -> tuple[float, Tensor]:
        device = self.accelerator.device
        images = batch.images.to(device, non_blocking=True).contiguous(memory_format=self.memory_format)
        targets = batch.targets.to(device, non_blocking=True)
        logits = self.model(images)
        loss, classes = self.loss(logits, targets, self.grid, self.class_weights)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise WorkFailed(f"loss is {value} in step {number + 1} on {', '.join(batch.ids)}; {FIX}")
        # DDP averages over the processes: their number turns the average into the sum that the shared weight divides.
        self.accelerator.backward(loss * (self.accelerator.num_processes / weight))
        return value, confusion_matrix(classes, targets, logits.shape[1])

    def weights(self) -> dict[str, Tensor]:
        """The network's tensors. Raises `WorkFailed` rather than let one that is not finite over a good checkpoint."""
        tensors = self.network.state_dict()
        for name, tensor in tensors.items():
            if not tensor.isfinite().all():
                raise WorkFailed(f"{name} is no longer finite; {FIX}")
        return {name: tensor.detach().cpu() for name, tensor in tensors.items()}


def too_little_memory(at_once: int, processes: int) -> str:
    """What to do where a step needs more memory than there is and cannot be made with fewer images at a time.

    Several processes go through their collectives in step, so that one of them cannot repeat its part alone.
    """
    if at_once == 1:
        return (
            "out of memory with a single image; lower --transforms.crop or --model.width, or set --train.recompute true"
        )
    return (
        f"out of memory with {at_once} images at a time, which {processes} processes do not lower by themselves; set "
        "--train.recompute true, or halve --train.batch_size and double --train.accumulate, for the same gradient"
    )


def seed_of(seed: int, step: int, process: int) -> int:
    """A seed below 2**63 that differs for every step and process."""
    digest = hashlib.sha256(f"{seed}/{step}/{process}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
