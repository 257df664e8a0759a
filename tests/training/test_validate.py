"""Loss and confusion of validation images, beside a direct computation."""

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from pointwise import SPACE, OneOfTwo, TheOther, pipeline, write_records

from roadseg.config.settings import Transforms
from roadseg.data.loading import Samples
from roadseg.data.records import Record
from roadseg.data.transforms import network_input, resize_image
from roadseg.labels import IGNORE
from roadseg.models.upsample import upsample
from roadseg.training.losses import cross_entropy_sum, target_weight
from roadseg.training.validate import validate


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    return write_records(tmp_path)


@pytest.mark.parametrize("resize", [None, (8, 8), (24, 10)])
@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("budget_gib", [0.0, 1.0])
def test_confusion_and_loss_equal_a_direct_computation(
    records: list[Record], accelerator: Accelerator, stride: int, resize: tuple[int, int] | None, budget_gib: float
) -> None:
    network = pipeline(stride, Transforms(resize=resize))
    weights = torch.tensor([1.0, 3.0, 0.5], device=accelerator.device)
    result = validate(network, Samples(records, SPACE, budget_gib), accelerator, weights)

    losses, expected = [], np.zeros((3, 3), np.int64)
    network.model.eval()
    for record in records:
        image = torch.from_numpy(np.array(Image.open(record.image))).permute(2, 0, 1)
        ids = np.array(Image.open(record.label))
        size = (image.shape[1], image.shape[2])
        given = resize or size
        with torch.no_grad():
            coarse = network.model(network_input(resize_image(image.to(network.device), given)[None], normalise=True))
            logits = upsample(coarse, network.grid, given, size).cpu()
        prediction = logits[0].argmax(0).numpy()
        np.add.at(expected, (ids[ids != 9], prediction[ids != 9]), 1)
        targets = torch.from_numpy(np.where(ids == 9, IGNORE, ids)).long()[None]
        losses.append((cross_entropy_sum(logits, targets, weights.cpu()), target_weight(targets, weights.cpu())))
    assert (result.confusion == expected).all()
    assert result.loss == pytest.approx(float(sum(a for a, _ in losses) / sum(b for _, b in losses)), rel=1e-5)


def test_pixels_are_counted_at_the_input_s_size_where_the_settings_say_so(
    records: list[Record], accelerator: Accelerator
) -> None:
    transforms = Transforms(resize=(4, 8), score_at="input")
    result = validate(pipeline(1, transforms), Samples(records, SPACE, 1.0), accelerator)
    small = [np.array(Image.open(record.label).resize((8, 4), Image.Resampling.NEAREST)) for record in records]
    assert result.confusion.sum(1).tolist() == [sum(int((ids == index).sum()) for ids in small) for index in range(3)]


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_restored_and_nothing_is_learnt(
    records: list[Record], accelerator: Accelerator, training: bool
) -> None:
    network, calls = pipeline(1, Transforms()), list[None]()
    network.model.train(training)
    samples = Samples(records, SPACE, 1.0)
    first = validate(network, samples, accelerator, advance=lambda: calls.append(None))
    assert network.model.training is training
    assert network.model.drop.training is training
    assert len(calls) == len(records)
    assert all(parameter.grad is None for parameter in network.model.parameters())
    assert (first.confusion == validate(network, samples, accelerator).confusion).all()


def test_memory_format_does_not_change_the_numbers(records: list[Record], accelerator: Accelerator) -> None:
    samples = Samples(records, SPACE, 1.0)
    usual = validate(pipeline(4, Transforms()), samples, accelerator)
    other = validate(pipeline(4, Transforms(), torch.channels_last), samples, accelerator)
    assert (usual.confusion == other.confusion).all()
    assert usual.loss == pytest.approx(other.loss)


def test_ignored_pixels_alone_count_nothing(records: list[Record], accelerator: Accelerator) -> None:
    Image.fromarray(np.full((8, 12), 9, np.uint8)).save(records[0].label)
    result = validate(pipeline(1, Transforms()), Samples(records[:1], SPACE, 1.0), accelerator)
    assert not result.confusion.any()
    assert result.loss == 0


def test_processes_share_the_images(records: list[Record], accelerator: Accelerator) -> None:
    """Their confusions add up to those of one process, for an odd number of images too."""
    samples, network = Samples(records[:3], SPACE, 1.0), pipeline(1, Transforms())
    parts = [validate(network, samples, kind()).confusion for kind in (OneOfTwo, TheOther)]
    assert (parts[0] + parts[1] == validate(network, samples, accelerator).confusion).all()
    assert parts[0].any()
    assert parts[1].any()
