"""Curves and pictures, read back with TensorBoard's own reader; after a resume as well."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from roadseg.config.settings import Config
from roadseg.data.loading import Samples
from roadseg.labels import camvid
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display
from roadseg.training import watch
from roadseg.training.train import train
from roadseg.training.watch import TensorBoard, panels, spread

pytestmark = pytest.mark.slow

Configure = Callable[..., Config]
Points = dict[str, list[tuple[int, float]]]


def events(run: RunDir, part: str) -> EventAccumulator:
    reader = EventAccumulator(str(run.path / "tensorboard" / part), size_guidance={"scalars": 0, "images": 0})
    return reader.Reload()


def points(run: RunDir, part: str) -> Points:
    """Step and value of every point of every curve."""
    reader = events(run, part)
    return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def steps(run: RunDir) -> dict[str, list[int]]:
    """The steps of every curve and of every picture."""
    curves = {
        f"{part} {tag}": [step for step, _ in of] for part in ("train", "val") for tag, of in points(run, part).items()
    }
    reader = events(run, "val")
    return curves | {tag: [event.step for event in reader.Images(tag)] for tag in reader.Tags()["images"]}


@pytest.fixture(scope="module", autouse=True)
def small_pictures() -> Iterator[None]:
    """TensorBoard's check sums are computed in Python, of every byte of a picture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "WIDTH", 96)
        yield


@pytest.fixture(scope="module")
def watched(trained: RunDir, tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """The run of `trained` again, watched."""
    run = RunDir(tmp_path_factory.mktemp("watched") / "run")
    train(run, trained.config(), Display(), watch=TensorBoard(run.path / "tensorboard"))
    return run


def test_watching_changes_nothing(trained: RunDir, watched: RunDir) -> None:
    one, other = trained.weights("last"), watched.weights("last")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_curves_are_those_of_the_metrics(watched: RunDir) -> None:
    entries = watched.metrics()
    for part in ("train", "val"):
        curves = points(watched, part)
        for tag, key in (("loss", "loss"), ("mIoU", "mean_iou"), ("micro IoU", "micro_iou")):
            assert curves[tag] == [(e["step"], pytest.approx(e[part][key], rel=1e-6)) for e in entries]
    curves = points(watched, "train")
    assert curves["learning rate"] == [(e["step"], pytest.approx(e["lr"], rel=1e-6)) for e in entries]
    images = len(watched.splits().train)
    paces = curves["images per second"]
    assert [step for step, _ in paces] == [entry["step"] for entry in entries]
    # metrics.jsonl keeps whole milliseconds, and these epochs take some tens of them.
    seconds = [images / pace for _, pace in paces]
    assert seconds == [pytest.approx(entry["seconds"]["train"], abs=0.00051) for entry in entries]


def test_the_loss_of_each_step_adds_up_to_that_of_the_epoch(tmp_path: Path, tiny: Configure) -> None:
    """Where each batch has the same weight: no class weights, no ignored pixels in these crops of whole images."""
    run = RunDir(tmp_path / "run")
    settings = tiny(train__class_weights="none", train__epochs=1, transforms__scale=[1, 1])
    train(run, settings, Display(), watch=TensorBoard(run.path / "tensorboard"))
    losses = points(run, "train")["loss of a step"]
    assert [step for step, _ in losses] == [1, 2]
    assert np.mean([loss for _, loss in losses]) == pytest.approx(run.metrics()[0]["train"]["loss"], rel=0.05)


def test_the_classes_have_their_curves(watched: RunDir) -> None:
    curves = points(watched, "val")
    last = [of[-1][1] for tag, of in curves.items() if tag.startswith("IoU/")]
    assert "IoU/traffic sign" in curves or "IoU/road" in curves
    assert np.mean(last) == pytest.approx(watched.metrics()[-1]["val"]["mean_iou"], rel=1e-6)


def test_the_same_images_are_shown_after_each_epoch(watched: RunDir) -> None:
    reader = events(watched, "val")
    ids = [tag.removeprefix("image, labels, prediction/") for tag in reader.Tags()["images"]]
    assert sorted(ids) == sorted(watched.splits().val)
    for tag in reader.Tags()["images"]:
        assert [event.step for event in reader.Images(tag)] == [entry["step"] for entry in watched.metrics()]
        pictures = [np.asarray(Image.open(io.BytesIO(e.encoded_image_string))) for e in reader.Images(tag)]
        assert all(picture.shape[1:] == (96, 3) for picture in pictures)
        assert np.array_equal(*(picture[: 2 * 64] for picture in pictures)), "image and labels stay"


class Crash(Exception):
    """Ends the training of a test."""


class CrashesAfter(TensorBoard):
    """Tells everything up to a step or an epoch, and then ends the training without a checkpoint."""

    def __init__(self, folder: Path, step: int = 0, epoch: int = 0) -> None:
        super().__init__(folder)
        self.last_step, self.last_epoch = step, epoch

    def step(self, step: int, loss: float) -> None:
        super().step(step, loss)
        if step == self.last_step:
            raise Crash

    def epoch(self, entry: dict[str, Any], *more: Any) -> None:
        super().epoch(entry, *more)
        if entry["epoch"] == self.last_epoch:
            raise Crash


EACH_EPOCH, EACH_STEP = 10, 1e-6
"""Minutes between checkpoints, in which a tiny run does all or nothing."""


@pytest.mark.parametrize(
    ("crash", "minutes"),
    [
        ({"step": 1}, EACH_EPOCH), ({"step": 3}, EACH_EPOCH), ({"step": 4}, EACH_STEP), ({"epoch": 1}, EACH_STEP),
        ({"epoch": 2}, EACH_EPOCH),
    ],
    ids=str,
)  # fmt: skip
def test_curves_go_on_after_a_resume_without_double_points(
    tmp_path: Path, tiny: Configure, watched: RunDir, crash: dict[str, int], minutes: float
) -> None:
    run = RunDir(tmp_path / "run")
    settings = tiny(train__checkpoint_minutes=minutes)
    with pytest.raises(Crash):
        train(run, settings, Display(), watch=CrashesAfter(run.path / "tensorboard", **crash))
    train(run, settings, Display(), resume=True, watch=TensorBoard(run.path / "tensorboard"))
    expected, found = steps(watched), steps(run)
    if minutes == EACH_STEP and "epoch" in crash:  # the end of the epoch is told anew, and hides the step that it is at
        for curves in (expected, found):
            curves["train loss of a step"] = [s for s in curves["train loss of a step"] if s != 2 * crash["epoch"]]
    assert found == expected
    for part in ("train", "val"):
        values, before = points(run, part), points(watched, part)
        for tag in set(values) - {"images per second", "loss of a step"}:
            assert values[tag] == before[tag], tag


def test_a_run_may_be_watched_from_its_second_half_on(tmp_path: Path, tiny: Configure) -> None:
    run = RunDir(tmp_path / "run")
    with pytest.raises(Crash):
        train(run, tiny(), Display(), watch=CrashesAfter(tmp_path / "elsewhere", step=3))
    train(run, tiny(), Display(), resume=True, watch=TensorBoard(run.path / "tensorboard"))
    assert steps(run)["val loss"] == [4]


def test_long_trainings_are_thinned_out(tmp_path: Path, tiny: Configure) -> None:
    run = RunDir(tmp_path)
    board = TensorBoard(tmp_path / "tensorboard")
    board.begin(Samples([], camvid(), 0), 1, 2500)
    for step in range(1, 2501):
        board.step(step, 1.0)
    board.close()
    assert [step for step, _ in points(run, "train")["loss of a step"]] == list(range(3, 2501, 3))


def test_spread() -> None:
    assert spread(10, 4) == [0, 2, 5, 7]
    assert spread(3, 4) == [0, 1, 2]
    assert spread(1, 4) == [0]
    assert spread(0, 4) == []


def test_panels_show_labels_and_prediction_in_their_colours() -> None:
    space = camvid()
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (10, 16, 3), dtype=np.uint8)
    target, prediction = np.full((10, 16), 3, np.uint8), np.full((10, 16), 8, np.uint8)
    target[:, 8:] = 255
    picture = panels(image, target, prediction, space)
    height, width = 60, 96
    labels, rest = picture[height : 2 * height], picture[2 * height :]
    assert np.array_equal(labels[:, : width // 2], np.broadcast_to(space.palette[3], (height, width // 2, 3)))
    assert not labels[:, width // 2 :].any(), "ignored pixels are black"
    strip = len(rest) - height
    assert strip > 0
    assert np.array_equal(rest[strip // 2 :][:height], np.broadcast_to(space.palette[8], (height, width, 3)))
