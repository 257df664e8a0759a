"""One way from pixels to classes: the same answer to everyone who asks, and the one that logits of full size give."""

import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from PIL import Image

from roadseg.bench import work
from roadseg.config.overrides import overridden
from roadseg.config.settings import Crf, to_json
from roadseg.curation.suspects.held_out import held_out_images, held_out_predictions
from roadseg.data.decode import read_image
from roadseg.data.transforms import network_input, resize_image
from roadseg.errors import ConfigError, DataError, RunError
from roadseg.inference import submission
from roadseg.inference.crf import refine
from roadseg.inference.predict import predict
from roadseg.inference.predictor import Answer, Logits, Pipeline, Predictor, load_model
from roadseg.inference.visualize import confidence_map
from roadseg.models.upsample import Grid, upsample
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.evaluate import evaluate_run
from roadseg.system.hardware import store_in_bfloat16
from roadseg.system.progress import Display
from roadseg.training.train import Training

Changed = Callable[..., RunDir]
KINDS: list[dict[str, object]] = [{}, {"crf.iterations": 2}, {"transforms.resize": [48, 80]}]


@pytest.fixture
def changed(trained: RunDir, tmp_path: Path) -> Changed:
    """A copy of the trained run with other settings for the same weights, not yet scored."""

    def change(name: str = "run", **settings: object) -> RunDir:
        run = RunDir(tmp_path / name)
        shutil.copytree(trained.path, run.path, ignore=shutil.ignore_patterns("evaluation"))
        config = overridden(run.config(), settings)
        (run.path / "config.json").write_text(to_json(config))
        return run

    return change


@pytest.fixture
def photo(trained: RunDir, streets: Path) -> Path:
    """An image of the validation part."""
    return streets / "training/image_2" / f"{sorted(trained.splits().val)[0]}.png"


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.slow
@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_everyone_gets_the_same_classes_and_confidence(
    changed: Changed,
    photo: Path,
    streets: Path,
    tmp_path: Path,
    settings: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = changed(**settings)
    temperature = run.temperature()
    assert temperature is not None
    assert temperature != 1
    classes, confidence = Predictor(run)(pixels(photo))
    ids = run.labels().index_to_id[classes]

    evaluate_run(run, streets, "val", Display())
    assert np.array_equal(pixels(run.prediction_file("val", photo.stem)), ids)

    predict(run, [str(photo)], tmp_path / "out", Display())
    assert np.array_equal(pixels(tmp_path / "out/labels" / photo.name), ids)
    assert np.array_equal(pixels(tmp_path / "out/confidence" / photo.name), confidence_map(confidence))

    own_size = submission.BENCHMARKS["kitti"]._replace(heights=(64, 64), widths=(96, 96))
    monkeypatch.setitem(submission.BENCHMARKS, "kitti", own_size)
    archive = submission.submit(run, [str(photo)], tmp_path / "archive", "kitti", Display())
    with ZipFile(archive) as content, content.open(f"semantic/{photo.name}") as member, Image.open(member) as picture:
        assert np.array_equal(np.asarray(picture), ids)

    groups, _ = held_out_images([run], streets)
    prediction = next(each for each in held_out_predictions(groups, Display()) if each.record.id == photo.stem)
    assert np.array_equal(prediction.predicted, classes)
    assert np.allclose(prediction.log_best, np.log(confidence), rtol=0, atol=1e-6)
    agreed = prediction.target == classes
    assert np.allclose(prediction.log_label[agreed], prediction.log_best[agreed], rtol=0, atol=1e-5)

    training = Training(RunDir(tmp_path / "live"), run.config(), Display())
    training.learner.network.load_state_dict(run.weights("best"))
    assert np.array_equal(training.predict(read_image(photo)), classes)
    infer = work.make_prediction(training.learner, read_image(photo), run.config())
    assert np.array_equal(infer().cpu(), classes)


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_the_answer_is_that_of_logits_of_full_size(changed: Changed, photo: Path, settings: dict[str, object]) -> None:
    run = changed(**settings, **{"train.precision": "fp32"})
    config, model, image = run.config(), load_model(run), read_image(photo)
    size = (image.shape[1], image.shape[2])
    input_size = config.transforms.resize or size
    with torch.inference_mode():
        coarse = model(network_input(resize_image(image, input_size)[None], config.transforms.normalise))
        logits = refine(upsample(coarse, model.grid, input_size, size), image, config.crf)[0].numpy()
    predictor = Predictor(run, "cpu")
    temperature = run.temperature() or 1.0
    scaled = np.exp((logits - logits.max(0)) / temperature)
    softmax = scaled / scaled.sum(0)
    found = predictor(pixels(photo))
    assert np.allclose(predictor.logits(pixels(photo)), logits, atol=1e-4)
    assert found.classes.dtype == np.uint8
    assert found.confidence.dtype == np.float32
    assert (found.classes == logits.argmax(0)).mean() > 0.999
    assert np.allclose(found.confidence, softmax.max(0), atol=1e-5)
    assert np.allclose(predictor.probabilities(pixels(photo)), softmax, atol=1e-5)
    assert np.array_equal(predictor.classes(pixels(photo)), found.classes)
    assert np.array_equal(predictor.confidence(pixels(photo)), found.confidence)


@pytest.mark.slow
def test_several_runs_answer_with_the_mean_of_their_probabilities(changed: Changed, photo: Path) -> None:
    """Also where one of them has a CRF, so that its logits lie on another grid."""
    runs = [
        changed("plain"),
        changed("crf", **{"crf.iterations": 2}),
        changed("small", **{"transforms.resize": [48, 80]}),
    ]
    image = pixels(photo)
    mean = np.mean([Predictor(run).probabilities(image) for run in runs], axis=0)
    together = Predictor(runs)
    assert np.allclose(together.probabilities(image), mean, atol=1e-6)
    found = together(image)
    assert np.allclose(found.confidence, mean.max(0), atol=1e-6)
    assert (found.classes == mean.argmax(0)).mean() > 0.999
    assert np.allclose(together.logits(image), np.log(mean), atol=1e-4)
    of_first = together.answer(read_image(photo)).probability_of(torch.zeros(mean.shape[1:], dtype=torch.uint8))
    assert np.allclose(of_first.cpu(), mean[0], atol=1e-6)


@pytest.mark.parametrize("grid", [Grid(1), Grid(4), Grid(8, 3)], ids=str)
def test_bands_change_nothing(grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes and confidence in one pass over bands of a few rows, and over the image at once."""
    size, temperatures = (37, 50), (1.0, 2.5)
    cells = [-(-(length + grid.margin) // grid.stride) for length in size]
    logits = Logits(3 * torch.randn(4, *cells, generator=torch.Generator().manual_seed(1)), grid, size)
    whole = upsample(logits.values[None], grid, size)[0]
    assert torch.equal(logits.whole(), whole)
    for budget in (1, 2**30):
        monkeypatch.setattr("roadseg.models.upsample.BAND_BYTES", {"cpu": budget})
        classes, confidences = logits.decide(temperatures)
        assert torch.equal(classes, whole.argmax(0).to(torch.uint8))
        assert torch.equal(classes, logits.classes())
        for found, temperature in zip(confidences, temperatures, strict=True):
            softmax = (whole / temperature).softmax(0)
            torch.testing.assert_close(found, softmax.amax(0))
            answer = Answer((logits,), (temperature,))
            torch.testing.assert_close(answer.probabilities(), softmax)
            pair = Answer((logits, logits), (temperature, temperature))
            torch.testing.assert_close(pair.probabilities(), softmax)
            assert torch.equal(pair.decide()[0], pair.probabilities().argmax(0).to(torch.uint8))


def test_the_image_may_be_a_picture_and_must_be_rgb(trained: RunDir, photo: Path) -> None:
    predictor = Predictor(trained)
    with Image.open(photo) as picture:
        assert np.array_equal(predictor.classes(picture), predictor.classes(pixels(photo)))
        palette = picture.convert("P")
        palette.info["transparency"] = b"\0\xff"
        assert np.array_equal(
            predictor.classes(palette), predictor.classes(np.asarray(palette.convert("RGBA"))[..., :3])
        )
        with pytest.raises(DataError, match="more than 8 bits"):
            predictor(picture.convert("I"))
    for wrong in (np.zeros((4, 5, 3)), np.zeros((4, 5), np.uint8), np.zeros((3, 4, 5), np.uint8)):
        with pytest.raises(DataError, match=r"an image is uint8 \(H, W, 3\) in RGB, not .*; convert it"):
            predictor(wrong)


def test_what_cannot_predict_is_told(trained: RunDir, changed: Changed) -> None:
    with pytest.raises(ConfigError, match=r"no device 'cpuu' .* give auto, cpu"):
        Predictor(trained, "cpuu")
    with pytest.raises(RunError, match="give at least one"):
        Predictor([])
    other = changed()
    labels = (other.path / "labels.json").read_text()
    (other.path / "labels.json").write_text(labels.replace('"road"', '"motorway"', 1))
    with pytest.raises(RunError, match="have other classes"):
        Predictor([trained, other])


def test_the_run_holds_all_that_is_needed_to_rebuild_the_network(trained: RunDir) -> None:
    model = load_model(trained)
    assert not model.training
    saved = trained.weights("best")
    assert all(torch.equal(tensor, saved[name]) for name, tensor in model.state_dict().items())


def test_weights_of_another_network_are_refused(changed: Changed) -> None:
    with pytest.raises(RunError, match=r"do not fit its config\.json"):
        load_model(changed(**{"model.name": "fcn8s"}))


def test_weights_stored_as_they_compute_change_no_bit(trained: RunDir) -> None:
    """Under autocast the same rounding happens with every image; here once."""
    image = torch.randint(0, 256, (3, 64, 96), dtype=torch.uint8)
    logits = []
    for stored in (False, True):
        model = load_model(trained)
        if stored:
            store_in_bfloat16(model)
        kinds = {parameter.dtype for parameter in model.parameters()}
        assert (torch.bfloat16 in kinds) == stored
        model.forward = torch.autocast("cpu", torch.bfloat16)(model.forward)
        network = Pipeline(model, model.grid, trained.config().transforms, torch.device("cpu"), crf=Crf(iterations=0))
        logits.append(network(image).values)
    assert torch.equal(*logits)
