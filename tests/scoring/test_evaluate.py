import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from pointwise import SPACE, OneOfTwo, TheOther, pipeline, write_records

from roadseg.config.settings import Transforms
from roadseg.data.datasets import split_records
from roadseg.data.decode import read_target
from roadseg.data.loading import Samples
from roadseg.data.records import Record
from roadseg.data.transforms import network_input, resize_image
from roadseg.errors import RunError
from roadseg.labels import indices_from_ids
from roadseg.models.upsample import upsample
from roadseg.runs.run_dir import RunDir
from roadseg.scoring import metrics
from roadseg.scoring.confidence import AS_SAID, CALIBRATED, CONFIDENCE, RIGHT, UNIT
from roadseg.scoring.evaluate import evaluate, evaluate_run
from roadseg.scoring.scores import headline
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    return write_records(tmp_path)


@pytest.mark.parametrize("resize", [None, (8, 8), (24, 10)])
@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("budget_gib", [0.0, 1.0])
def test_counts_equal_a_direct_computation(
    records: list[Record], accelerator: Accelerator, stride: int, resize: tuple[int, int] | None, budget_gib: float
) -> None:
    network = pipeline(stride, Transforms(resize=resize), temperature=2.0)
    result = evaluate(network, Samples(records, SPACE, budget_gib), accelerator)
    counts = result.counts
    assert counts.confusions.dtype == counts.confidence.dtype == np.int64
    assert counts.confusions.shape == (4, 3, 3)
    for index, record in enumerate(records):
        image = torch.from_numpy(np.array(Image.open(record.image))).permute(2, 0, 1)
        ids = np.array(Image.open(record.label))
        size = (image.shape[1], image.shape[2])
        given = resize or size
        with torch.no_grad():
            coarse = network.model(network_input(resize_image(image.to(network.device), given)[None], normalise=True))
            logits = upsample(coarse, network.grid, given, size).cpu()[0]
        prediction = logits.argmax(0).numpy()
        assert prediction.shape == ids.shape
        expected = np.zeros((3, 3), np.int64)
        np.add.at(expected, (ids[ids != 9], prediction[ids != 9]), 1)
        assert (counts.confusions[index] == expected).all()
        assert np.array_equal(counts.anatomy["band"][index].sum(0), expected)
        kept = np.array(Image.open(io.BytesIO(result.predictions[record.id])))
        assert np.array_equal(kept, prediction)
        for calibration, temperature in ((AS_SAID, 1.0), (CALIBRATED, 2.0)):
            sure = (logits / temperature).softmax(0).amax(0).numpy()[ids != 9]
            claimed = counts.confidence[index, calibration, :, CONFIDENCE].sum() / UNIT
            assert claimed == pytest.approx(sure.sum(), abs=1e-4 * len(sure))
            right = counts.confidence[index, calibration, :, RIGHT].sum()
            assert right == np.trace(expected)


def test_every_labelled_pixel_counts_once_at_the_labels_own_size(
    records: list[Record], accelerator: Accelerator
) -> None:
    network = pipeline(4, Transforms(resize=(4, 4)))
    counts = evaluate(network, Samples(records, SPACE, 1.0), accelerator).counts
    labels = [np.array(Image.open(record.label)) for record in records]
    assert counts.confusions.sum((1, 2)).tolist() == [int((ids != 9).sum()) for ids in labels]
    for confusion, ids in zip(counts.confusions, labels, strict=True):
        assert confusion.sum(1).tolist() == [int((ids == index).sum()) for index in range(3)]


def test_scores_may_be_taken_at_the_input_s_size(records: list[Record], accelerator: Accelerator) -> None:
    """Every pixel of the shrunken label counts once; the predictions that are kept have the label's own size."""
    network = pipeline(1, Transforms(resize=(4, 8), score_at="input"))
    result = evaluate(network, Samples(records, SPACE, 1.0), accelerator)
    for record, confusion in zip(records, result.counts.confusions, strict=True):
        ids = Image.open(record.label)
        small = np.array(ids.resize((8, 4), Image.Resampling.NEAREST))
        assert confusion.sum(1).tolist() == [int((small == index).sum()) for index in range(3)]
        kept = Image.open(io.BytesIO(result.predictions[record.id]))
        assert kept.size == ids.size
        image = torch.from_numpy(np.array(Image.open(record.image))).permute(2, 0, 1)
        pixels = network_input(resize_image(image.to(network.device), (4, 8))[None], normalise=True)
        with torch.no_grad():
            found = network.model(pixels)[0].argmax(0).cpu()
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
    result = evaluate(pipeline(1, Transforms()), Samples([record], SPACE, 1.0), accelerator)
    assert set(headline(result.counts.confusions.sum(0)).values()) == {1.0}


def test_ignored_pixels_alone_count_nothing(records: list[Record], accelerator: Accelerator) -> None:
    Image.fromarray(np.full((8, 12), 9, np.uint8)).save(records[0].label)
    result = evaluate(pipeline(1, Transforms()), Samples(records[:1], SPACE, 1.0), accelerator)
    assert not result.counts.confusions.any()
    assert not result.counts.confidence.any()


def test_processes_share_the_images(records: list[Record], accelerator: Accelerator) -> None:
    """Their counts add up to those of one process, for an odd number of images too."""
    samples, network = Samples(records[:3], SPACE, 1.0), pipeline(1, Transforms())
    whole = evaluate(network, samples, accelerator).counts
    parts = [evaluate(network, samples, kind()).counts for kind in (OneOfTwo, TheOther)]
    assert (parts[0].confusions + parts[1].confusions == whole.confusions).all()
    assert (parts[0].confidence + parts[1].confidence == whole.confidence).all()
    assert all((parts[0].anatomy[name] + parts[1].anatomy[name] == rows).all() for name, rows in whole.anatomy.items())
    assert [part.confusions.any((1, 2)).tolist() for part in parts] == [[True, False, True], [False, True, False]]


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
