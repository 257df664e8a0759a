"""Loss and confusion of the validation images after an epoch."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Int64
from torch import Tensor

from roadseg.data.loading import Samples
from roadseg.data.transforms import resize
from roadseg.inference.predictor import Pipeline
from roadseg.scoring.metrics import confusion_matrix
from roadseg.system.hardware import summed
from roadseg.training.losses import Loss, target_weight, upsampled_cross_entropy_sum


class Validation(NamedTuple):
    """The mean loss over the labelled pixels of all images, and their confusion."""

    loss: float
    confusion: Int64[np.ndarray, "c c"]


@torch.inference_mode()
def validate(
    network: Pipeline,
    samples: Samples,
    accelerator: Accelerator,
    class_weights: Tensor | None = None,
    loss: Loss = upsampled_cross_entropy_sum,
    advance: Callable[[], None] = lambda: None,
) -> Validation:
    """Loss and confusion of all samples, the network in evaluation mode; its mode is restored.

    Pixels are counted as `scoring.evaluate` counts them, and several processes share the images as there. The loss is
    that of the network alone: give a pipeline without a CRF.
    """
    was_training = network.model.training
    network.model.eval()
    classes = len(samples.space.classes)
    confusion = torch.zeros(classes, classes, dtype=torch.int64, device=network.device)
    total = weight = 0.0
    for index in range(accelerator.process_index, len(samples), accelerator.num_processes):
        image, target = resize(samples[index], network.transforms.scored_size)
        logits, targets = network(image), target.to(network.device)[None]
        image_loss, found = loss(logits.values[None], targets, logits.grid, class_weights)
        total += float(image_loss)
        weight += float(target_weight(targets, class_weights))
        confusion += confusion_matrix(found, targets, classes)
        advance()
    network.model.train(was_training)
    total, weight = summed(accelerator, total, weight)
    return Validation(total / max(weight, 1e-12), accelerator.reduce(confusion).cpu().numpy())
