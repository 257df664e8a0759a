"""Which images are shown, and what their pictures hold."""

import io
import shutil
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from roadseg import labels
from roadseg.data.decode import read_sample
from roadseg.labels import IGNORE, Label, LabelSpace
from roadseg.report.comparison.gather import gather
from roadseg.report.figures import pictures
from roadseg.report.figures.gallery import chosen, make_gallery
from roadseg.runs.arms import read_arm
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.metrics import mean_iou
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow

MakeRun = Callable[..., RunDir]


def test_best_worst_and_most_different_are_chosen_once() -> None:
    scores = np.array([[0.9, 0.1, 0.5, 0.4, 0.6, np.nan], [0.9, 0.2, 0.5, 0.9, 0.6, 0.7]])
    alone = list("abcdef")
    kinds = chosen(scores, alone, most=1)
    assert kinds == {0: ("best",), 1: ("worst",), 3: ("differ",)}
    everything = chosen(scores, alone)
    assert everything[3] == ("best", "differ")
    assert everything[1] == ("worst", "differ")
    assert 5 not in everything
    assert chosen(scores[:1, :2], alone) == {0: ("best",), 1: ("worst",)}
    assert chosen(np.array([[np.nan]]), alone) == {}


def test_neighbours_in_one_drive_are_shown_last() -> None:
    scores = np.linspace(0.9, 0.1, 24)[None]
    one_drive = chosen(scores, ["a"] * 24, most=3)
    assert [index for index, kinds in one_drive.items() if "best" in kinds] == [0, 6, 12]
    assert [index for index, kinds in one_drive.items() if "worst" in kinds] == [23, 17, 11]
    apart = chosen(scores, [str(index) for index in range(24)], most=3)
    assert [index for index, kinds in apart.items() if "best" in kinds] == [0, 1, 2]
    few = chosen(scores[:, :6], ["a"] * 6, most=2)
    assert [index for index, kinds in few.items() if "best" in kinds] == [0, 1]


def test_errors_tell_where_another_arm_is_right() -> None:
    truth = np.array([[0, 0, 0, IGNORE]], np.uint8)
    one, other = np.array([[0, 1, 1, 0]], np.uint8), np.array([[0, 0, 2, 0]], np.uint8)
    first, second = pictures.error_maps(truth, [one, other])
    right, here, in_all, unlabelled = range(4)
    assert first.tolist() == [[right, here, in_all, unlabelled]]
    assert second.tolist() == [[right, right, in_all, unlabelled]]
    assert pictures.error_maps(truth, [one])[0].tolist() == [[right, here, here, unlabelled]]


def test_every_class_has_a_colour_of_its_own() -> None:
    for space in (
        labels.cityscapes("all"),
        LabelSpace(name="white", classes=tuple(Label(name=str(i), id=i, color=(255, 255, 255)) for i in range(90))),
    ):
        palette = pictures.distinct_palette(space)
        used = {tuple(color) for color in palette[: len(space.classes)].tolist()} | {(0, 0, 0)}
        assert len(used) == len(space.classes) + 1
        assert np.abs(palette.astype(int) - space.palette).max() <= len(space.classes)
    cityscapes = labels.cityscapes()
    assert np.array_equal(pictures.distinct_palette(cityscapes), cityscapes.palette)


def test_the_pictures_are_those_of_the_files(make_run: MakeRun) -> None:
    runs = [make_run("a", wrong=0.2), make_run("b", wrong=0.5, seed=3)]
    comparison = gather("x", [read_arm(run.path.name, (run,), "val") for run in runs])
    gallery = make_gallery(comparison, Display())
    assert comparison.records is not None
    assert {image.id for image in gallery.shown} == set(comparison.ids)
    for image in gallery.shown:
        sample = read_sample(comparison.records[image.id], comparison.space)
        palette = pictures.distinct_palette(comparison.space)
        assert np.array_equal(rgb(image.truth), palette[sample.target.numpy()])
        for arm, run, prediction in zip(comparison.arms, runs, image.predictions, strict=True):
            ids = np.asarray(Image.open(run.prediction_file("val", image.id)))
            assert np.array_equal(rgb(prediction.labels), palette[comparison.space.id_to_index[ids]])
            own = arm.seeds[0].confusions[comparison.ids.index(image.id)]
            assert prediction.score == float(mean_iou(own))
            wrong = (comparison.space.id_to_index[ids] != sample.target.numpy()) & (sample.target.numpy() != IGNORE)
            marked = np.isin(np.asarray(Image.open(io.BytesIO(prediction.errors))), [1, 2])
            assert np.array_equal(marked, wrong)
        photo = np.asarray(Image.open(io.BytesIO(image.photo)).convert("RGB"), int)
        assert np.abs(photo - sample.image.permute(1, 2, 0).numpy()).mean() < 12
        assert Image.open(io.BytesIO(image.strip)).size == (3 * 96 + 12, 2 * 64 + 6)


def rgb(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def test_large_pictures_and_small_predictions_meet(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roadseg.report.figures.gallery.LONGEST_SIDE", 48)
    run = make_run()
    for file in (run.evaluation / "val").glob("*.png"):
        Image.open(file).resize((50, 20), Image.Resampling.NEAREST).save(file)
    gallery = make_gallery(gather("x", [read_arm("a", (run,), "val")]), Display())
    for image in gallery.shown:
        assert image.size == (32, 48)
        files = (image.photo, image.truth, image.predictions[0].labels, image.predictions[0].errors)
        assert {Image.open(io.BytesIO(file)).size for file in files} == {(48, 32)}


def test_too_many_pictures_are_left_out_and_counted(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = gather("x", [read_arm("a", (make_run(),), "val")])
    every = make_gallery(comparison, Display()).shown
    monkeypatch.setattr("roadseg.report.figures.gallery.MOST_BYTES", every[0].weight + every[1].weight)
    gallery = make_gallery(comparison, Display())
    assert gallery.shown == every[:2]
    assert gallery.left_out == len(every) - 2


def test_predictions_that_were_not_kept_are_told(make_run: MakeRun) -> None:
    run = make_run()
    shutil.rmtree(run.evaluation / "val")
    gallery = make_gallery(gather("x", [read_arm("a", (run,), "val")]), Display())
    assert gallery.shown == ()
    assert f"predictions of {run.path} are missing or damaged" in gallery.missing
