import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn

from roadseg.config.settings import Transforms
from roadseg.data.datasets import split_records
from roadseg.data.decode import read_target
from roadseg.data.loading import Samples
from roadseg.data.records import Record
from roadseg.data.transforms import network_input, resize_image
from roadseg.errors import RunError
from roadseg.labels import IGNORE, Label, LabelSpace, indices_from_ids
from roadseg.models.upsample import Grid, upsample
from roadseg.runs.run_dir import RunDir, load_model
from roadseg.scoring import metrics
from roadseg.scoring.evaluate import evaluate, evaluate_run, headline, predict_logits, report
from roadseg.system.hardware import make_accelerator, store_as_computed
from roadseg.system.progress import Display
from roadseg.training.losses import cross_entropy_sum, target_weight

SIZES = [(8, 12), (9, 7), (16, 16), (5, 20)]
SPACE = LabelSpace(
    name="three",
    classes=tuple(Label(name=name, id=i, color=(i, 0, 0)) for i, name in enumerate(["road", "car", "sky"])),
    ignored=(Label(name="void", id=9, color=(0, 0, 0)),),
)


class Pointwise(nn.Module):
    """Three classes from the colour of each pixel, or with a stride of each cell; drops out in training."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.score = nn.Conv2d(3, 3, 1)
        self.drop = nn.Dropout(0.5)
        with torch.no_grad():
            self.score.weight.copy_(2 * torch.eye(3)[..., None, None])
            self.score.bias.copy_(torch.tensor([0.1, 0.0, -0.1]))

    def forward(self, images: Tensor) -> Tensor:
        cells = nn.functional.avg_pool2d(images, self.stride, ceil_mode=True) if self.stride > 1 else images
        return self.score(self.drop(cells))


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Four images of different sizes from two drives, some pixels ignored."""
    rng = np.random.default_rng(0)
    made = []
    for number, (height, width) in enumerate(SIZES):
        image, label = tmp_path / f"{number}.png", tmp_path / f"{number}_label.png"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(image)
        Image.fromarray(rng.choice(np.array([0, 1, 2, 9], np.uint8), (height, width))).save(label)
        made.append(Record(str(number), image, label, f"drive {number % 2}"))
    return made


@pytest.fixture
def accelerator() -> Accelerator:
    return Accelerator()


@pytest.mark.parametrize("resize", [None, (8, 8), (24, 10)])
@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("budget_gib", [0.0, 1.0])
def test_confusions_and_loss_equal_a_direct_computation(
    records: list[Record], accelerator: Accelerator, stride: int, resize: tuple[int, int] | None, budget_gib: float
) -> None:
    device = accelerator.device
    model, grid, weights = Pointwise(stride).to(device), Grid(stride), torch.tensor([1.0, 3.0, 0.5], device=device)
    samples = Samples(records, SPACE, budget_gib)
    result = evaluate(model, grid, samples, accelerator, Transforms(resize=resize), class_weights=weights)
    assert result.confusions.dtype == np.int64
    assert result.confusions.shape == (4, 3, 3)

    losses = []
    model.eval()
    for record, found in zip(records, result.confusions, strict=True):
        image = torch.from_numpy(np.array(Image.open(record.image))).permute(2, 0, 1)
        ids = np.array(Image.open(record.label))
        size = (image.shape[1], image.shape[2])
        given = resize or size
        with torch.no_grad():
            coarse = model(network_input(resize_image(image.to(device), given)[None], Transforms()))
            logits = upsample(coarse, grid, given, size).cpu()
        assert tuple(logits.shape[2:]) == ids.shape
        prediction = logits[0].argmax(0).numpy()
        expected = np.zeros((3, 3), np.int64)
        np.add.at(expected, (ids[ids != 9], prediction[ids != 9]), 1)
        assert (found == expected).all()
        targets = torch.from_numpy(np.where(ids == 9, IGNORE, ids)).long()[None]
        losses.append((cross_entropy_sum(logits, targets, weights.cpu()), target_weight(targets, weights.cpu())))
    assert result.loss == pytest.approx(float(sum(a for a, _ in losses) / sum(b for _, b in losses)), rel=1e-5)


def test_every_labelled_pixel_counts_once_at_the_labels_own_size(
    records: list[Record], accelerator: Accelerator
) -> None:
    result = evaluate(
        Pointwise(4).to(accelerator.device),
        Grid(4),
        Samples(records, SPACE, 1.0),
        accelerator,
        Transforms(resize=(4, 4)),
    )
    labels = [np.array(Image.open(record.label)) for record in records]
    assert result.confusions.sum((1, 2)).tolist() == [int((ids != 9).sum()) for ids in labels]
    for confusion, ids in zip(result.confusions, labels, strict=True):
        assert confusion.sum(1).tolist() == [int((ids == index).sum()) for index in range(3)]


def test_scores_may_be_taken_at_the_input_s_size(records: list[Record], accelerator: Accelerator) -> None:
    """Every pixel of the shrunken label counts once; the predictions that are kept have the label's own size."""
    transforms, model = Transforms(resize=(4, 8), score_at="input"), Pointwise(1).to(accelerator.device).eval()
    result = evaluate(model, Grid(1), Samples(records, SPACE, 1.0), accelerator, transforms, keep=True)
    for record, confusion in zip(records, result.confusions, strict=True):
        ids = Image.open(record.label)
        small = np.array(ids.resize((8, 4), Image.Resampling.NEAREST))
        assert confusion.sum(1).tolist() == [int((small == index).sum()) for index in range(3)]
        kept = Image.open(io.BytesIO(result.predictions[record.id]))
        assert kept.size == ids.size
        image = torch.from_numpy(np.array(Image.open(record.image))).permute(2, 0, 1)
        with torch.no_grad():
            found = (
                model(network_input(resize_image(image.to(accelerator.device), (4, 8))[None], Transforms()))[0]
                .argmax(0)
                .cpu()
            )
        rows = (2 * np.arange(ids.height) + 1) * 4 // (2 * ids.height)
        columns = (2 * np.arange(ids.width) + 1) * 8 // (2 * ids.width)
        assert np.array_equal(np.array(kept), found.numpy()[rows][:, columns])


def test_a_perfect_network_scores_1(tmp_path: Path, accelerator: Accelerator) -> None:
    """Red, green and blue pixels are told apart by `Pointwise`, in images of single pixels as of blocks."""
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 3, (6, 9)).astype(np.uint8)
    Image.fromarray(255 * np.eye(3, dtype=np.uint8)[ids]).save(tmp_path / "image.png")
    Image.fromarray(ids).save(tmp_path / "label.png")
    record = Record("0", tmp_path / "image.png", tmp_path / "label.png", "drive")
    result = evaluate(
        Pointwise(1).to(accelerator.device), Grid(1), Samples([record], SPACE, 1.0), accelerator, Transforms()
    )
    assert set(headline(result.confusions.sum(0)).values()) == {1.0}


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_restored_and_nothing_is_learnt(
    records: list[Record], accelerator: Accelerator, training: bool
) -> None:
    model = Pointwise(1).to(accelerator.device).train(training)
    calls: list[None] = []
    samples = Samples(records, SPACE, 1.0)
    first = evaluate(model, Grid(1), samples, accelerator, Transforms(), done=lambda: calls.append(None))
    assert model.training is training
    assert model.drop.training is training
    assert len(calls) == len(records)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert (first.confusions == evaluate(model, Grid(1), samples, accelerator, Transforms()).confusions).all()


def test_memory_format_does_not_change_the_numbers(records: list[Record], accelerator: Accelerator) -> None:
    samples = Samples(records, SPACE, 1.0)
    usual = evaluate(Pointwise(4).to(accelerator.device), Grid(4), samples, accelerator, Transforms())
    model = Pointwise(4).to(accelerator.device, memory_format=torch.channels_last)
    other = evaluate(model, Grid(4), samples, accelerator, Transforms(), torch.channels_last)
    assert (usual.confusions == other.confusions).all()
    assert usual.loss == pytest.approx(other.loss)


def test_ignored_pixels_alone_count_nothing(records: list[Record], accelerator: Accelerator) -> None:
    Image.fromarray(np.full((8, 12), 9, np.uint8)).save(records[0].label)
    result = evaluate(
        Pointwise(1).to(accelerator.device), Grid(1), Samples(records[:1], SPACE, 1.0), accelerator, Transforms()
    )
    assert not result.confusions.any()
    assert result.loss == 0


class OneOfTwo(Accelerator):
    """One of two processes; adding up is left to the test."""

    process_index = 0
    num_processes = 2

    def reduce(self, tensor: Tensor) -> Tensor:
        return tensor


class TheOther(OneOfTwo):
    process_index = 1


def test_processes_share_the_images(records: list[Record], accelerator: Accelerator) -> None:
    """Their confusions add up to those of one process, for an odd number of images too."""
    samples, model = Samples(records[:3], SPACE, 1.0), Pointwise(1).to(accelerator.device)
    parts = [evaluate(model, Grid(1), samples, kind(), Transforms()).confusions for kind in (OneOfTwo, TheOther)]
    assert (parts[0] + parts[1] == evaluate(model, Grid(1), samples, accelerator, Transforms()).confusions).all()
    assert [part.any((1, 2)).tolist() for part in parts] == [[True, False, True], [False, True, False]]


def test_predictions_have_the_images_size() -> None:
    image = torch.randint(256, (3, 37, 51), dtype=torch.uint8)
    for resize in (None, (20, 30)):
        logits = predict_logits(Pointwise(8).eval(), Grid(8), image, Transforms(resize=resize), torch.contiguous_format)
        assert logits.shape == (1, 3, 37, 51)
        assert logits.dtype == torch.float32


CONTRACT = {
    "pixel_accuracy",
    "mean_accuracy",
    "mean_iou",
    "micro_iou",
    "frequency_weighted_iou",
    "per_class",
    "images",
    "pixels",
    "ci95",
}


def four_confusions() -> np.ndarray:
    confusions = np.random.default_rng(0).integers(0, 50, (4, 3, 3))
    confusions[:, 2, :] = confusions[:, :, 2] = 0  # "sky" never occurs
    return confusions


def test_report_keeps_the_contract(records: list[Record]) -> None:
    confusions = four_confusions()
    total = confusions.sum(0)
    result = report(confusions, records, SPACE)
    assert set(result) >= CONTRACT
    for name in ("pixel_accuracy", "mean_accuracy", "mean_iou", "micro_iou", "frequency_weighted_iou"):
        assert result[name] == pytest.approx(float(getattr(metrics, name)(total)))
        assert type(result[name]) is float
    iou = metrics.per_class_iou(total)
    assert result["per_class"] == {"road": pytest.approx(iou[0]), "car": pytest.approx(iou[1]), "sky": None}
    assert (result["images"], result["groups"], result["pixels"]) == (4, 2, int(total.sum()))
    for name in ("pixel_accuracy", "mean_accuracy", "mean_iou", "micro_iou", "frequency_weighted_iou"):
        low, high = result["ci95"][name]
        assert low <= result[name] <= high
    low, high = result["ci95"]["per_class"]["road"]
    assert low < result["per_class"]["road"] < high
    assert result["ci95"]["per_class"]["sky"] == [None, None]
    assert (result["ci95_resampled"], result["ci95_units"]) == ("group", 2)
    assert (result["ci95_resamples"], result["ci95_seed"]) == (10_000, 0)
    assert result["units_of_class"] == {"road": 2, "car": 2, "sky": 0}
    assert result["too_few_units"] == ["road", "car", "sky"]
    assert "per_category" not in result  # the table names no categories
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_report_has_no_intervals_where_a_single_drive_has_few_images(records: list[Record]) -> None:
    one_drive = [Record(record.id, record.image, record.label, "drive") for record in records]
    result = report(four_confusions(), one_drive, SPACE)
    assert result["ci95_resampled"] == "none"
    assert result["ci95"]["mean_iou"] == [None, None]


def test_report_cuts_a_long_drive_into_stretches(records: list[Record]) -> None:
    confusions = np.random.default_rng(0).integers(1, 50, (60, 3, 3))
    drive = [Record(f"{index:02}", records[0].image, records[0].label, "drive") for index in range(60)]
    result = report(confusions, drive, SPACE)
    assert (result["ci95_resampled"], result["ci95_units"], result["groups"]) == ("block", 6, 1)
    assert result["ci95"]["mean_iou"][0] < result["mean_iou"] < result["ci95"]["mean_iou"][1]


def test_report_names_categories(records: list[Record]) -> None:
    categories = ("flat", "thing", "flat")
    classes = tuple(
        Label.model_validate({**label.model_dump(), "category": category})
        for label, category in zip(SPACE.classes, categories, strict=True)
    )
    space = LabelSpace(name="three", classes=classes)
    confusions = np.random.default_rng(0).integers(1, 50, (4, 3, 3))
    iou = metrics.per_class_iou(metrics.merged(confusions.sum(0), [0, 1, 0]))
    result = report(confusions, records, space)
    assert result["per_category"] == {"flat": pytest.approx(iou[0]), "thing": pytest.approx(iou[1])}


def test_report_of_nothing_is_null_throughout(records: list[Record]) -> None:
    result = report(np.zeros((4, 3, 3), np.int64), records, SPACE)
    assert [result[name] for name in ("pixel_accuracy", "mean_accuracy", "mean_iou", "micro_iou")] == [None] * 4
    assert result["frequency_weighted_iou"] is None
    assert result["per_class"] == {"road": None, "car": None, "sky": None}
    assert result["ci95"]["mean_iou"] == result["ci95"]["per_class"]["road"] == [None, None]
    assert result["pixels"] == 0
    json.dumps(result, allow_nan=False)


def test_kept_predictions_give_the_same_confusions(trained: RunDir) -> None:
    space = trained.labels()
    stored = np.load(trained.evaluation / "val.confusion.npz")
    data = trained.config().data
    records = {record.id: record for record in split_records(data, trained.splits(), "val")}
    for image_id, confusion in zip(stored["ids"], stored["confusions"], strict=True):
        with Image.open(trained.prediction_file("val", str(image_id))) as picture:
            prediction = indices_from_ids(np.asarray(picture), space)
        target = read_target(records[str(image_id)].label, space)
        assert (
            metrics.confusion_matrix(torch.from_numpy(prediction), target, len(space.classes))
            == torch.from_numpy(confusion)
        ).all()
    assert trained.evaluations()["val"]["seconds_per_image"] > 0


def test_weights_stored_as_they_compute_change_no_bit(trained: RunDir) -> None:
    """Under autocast the same rounding happens with every image; here once."""
    accelerator, _ = make_accelerator("bf16")
    image = torch.randint(0, 256, (3, 64, 96), dtype=torch.uint8, device=accelerator.device)
    logits = []
    for stored in (False, True):
        model = load_model(trained)
        if stored:
            store_as_computed(model, accelerator)
        network = accelerator.prepare(model)
        with torch.inference_mode():
            logits.append(predict_logits(network, model.grid, image, Transforms(), torch.contiguous_format))
        kinds = {parameter.dtype for parameter in model.parameters()}
        assert (torch.bfloat16 in kinds) == stored
    assert torch.equal(*logits)


def test_where_the_pixels_are_right_is_kept(trained: RunDir, streets: Path, tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    shutil.copytree(trained.path, run.path)
    (run.evaluation / "val.anatomy.npz").unlink()
    assert run.anatomy("val") is None
    evaluate_run(run, streets, "val", Display())
    kept = run.anatomy("val")
    assert kept is not None
    with np.load(run.evaluation / "val.confusion.npz") as content:
        assert kept[0] == content["ids"].tolist()
        assert np.array_equal(kept[1]["band"].sum(1), content["confusions"])
    assert (kept[1]["strides"] == 16).all()
    (run.evaluation / "val.anatomy.npz").write_bytes(b"PK")
    with pytest.raises(RunError, match="anew with roadseg evaluate"):
        run.anatomy("val")
