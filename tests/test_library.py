"""`import roadseg`: every documented line of Python is run, and what is light stays light."""

import doctest
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import roadseg
from roadseg.config.settings import Config
from roadseg.data import streets as drawn
from roadseg.data.streets import synthesize
from roadseg.inference.predict import predict
from roadseg.inference.predictor import image_tensor
from roadseg.runs.arms import named_runs
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[1] / "docs"
SMALL = {"model.width": 0.05, "train.epochs": 2, "train.batch_size": 2, "transforms.crop": (64, 64)}
SMALL_DIVISION = SMALL | {"data.split.fractions": (0.25, 0.25, 0.5)}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes give tiny networks from random weights."""
    whole = roadseg.recipe

    def recipe(name: str, settings: dict[str, Any] | None = None) -> Config:
        given = {key: value for key, value in (settings or {}).items() if key != "model.weights"}
        return whole(name, {**given, **SMALL})

    monkeypatch.setattr(roadseg, "recipe", recipe)


@pytest.fixture
def workplace(streets: Path, trained: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages speak of: streets, runs, photos, and the van's photos and masks."""
    (tmp_path / "streets").symlink_to(streets)
    for name in ("demo-fcn16s", "folder-fcn8s"):
        (tmp_path / f"runs/{name}").mkdir(parents=True)
        (tmp_path / f"runs/{name}/1").symlink_to(trained.path)
    layout = re.search(r"```yaml\n(images:.*?)```", (DOCS / "tutorial.md").read_text(), re.DOTALL)
    assert layout
    for number, picture in enumerate(sorted((streets / "training/image_2").iterdir())):
        image, ids = Image.open(picture), np.asarray(Image.open(streets / "training/semantic" / picture.name))
        masks = Image.fromarray(ids % 6)
        for place, content in {f"photos/{number}.jpg": image, f"van/photos/tour{number}/1.jpg": image}.items():
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            content.save(tmp_path / place)
        (tmp_path / f"van/masks/tour{number}").mkdir(parents=True)
        masks.save(tmp_path / f"van/masks/tour{number}/1.png")
    (tmp_path / "van/roadseg.yaml").write_text(layout[1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_function_has_an_example_that_runs(workplace: Path, trained: RunDir) -> None:
    settings = roadseg.recipe("demo-fcn16s", SMALL | {"data.split.fractions": (0.5, 0.5, 0.0)})
    image = np.asarray(Image.open("photos/0.jpg"))
    known = {"roadseg": roadseg, "np": np, "run": trained, "settings": settings, "image": image}
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for name in roadseg.__all__:
        member = getattr(roadseg, name)
        if isinstance(member, type) and issubclass(member, Exception):
            continue
        example = parser.get_doctest(member.__doc__ or "", dict(known), name, None, 0)
        assert example.examples or name == "Prediction", f"{name} has no example"
        assert runner.run(example, clear_globs=False).failed == 0, name


def test_a_complete_run_is_returned_as_it_is(streets: Path, trained: RunDir, tmp_path: Path) -> None:
    place = tmp_path / "run"
    shutil.copytree(trained.path, place)
    settings = trained.config()
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    assert roadseg.train(settings, streets, place, show=False).complete
    other = settings.model_copy(update={"train": settings.train.model_copy(update={"patience": 9})})
    with pytest.raises(roadseg.RunError, match="train it on with new_length=True"):
        roadseg.train(other, streets, place, show=False)
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before
    run = roadseg.train(other, streets, place, show=False, new_length=True)
    assert run.complete
    assert run.config().train.patience == 9
    assert roadseg.train(other, streets, place, show=False).complete, "the same lines run again"


@pytest.mark.usefixtures("small")
def test_the_page_runs_from_top_to_bottom(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(), re.DOTALL)
    space: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), space)
    assert Path("verdict/report.html").is_file()
    with Image.open("overlay.png") as picture, Image.open("photos/1.jpg") as photo:
        assert picture.size == photo.size
    assert "no run in photos" in capsys.readouterr().out


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        drawn, "synthesize", lambda root, **_: synthesize(root, drives=12, frames=1, width=96, height=64)
    )
    whole = roadseg.recipe
    monkeypatch.setattr(roadseg, "recipe", lambda name, settings: whole(name, {**settings, **SMALL_DIVISION}))
    space: dict[str, Any] = {}
    for cell in json.loads((DOCS / "notebook.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "docs/notebook.ipynb", "exec"), space)
    assert Path("verdict/report.html").is_file()
    assert "mIoU" in capsys.readouterr().out


def test_the_import_is_light(tmp_path: Path) -> None:
    script = (
        "import sys, roadseg; print(dir(roadseg)); roadseg.recipe('camvid-fcn8s');"
        "assert 'torch' not in sys.modules; assert 'numpy' not in vars(roadseg)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    for name in ("Predictor", "compare", "confusion_matrix", "evaluate", "interval", "load_run", "overlay", "scores"):
        assert f"'{name}'" in done.stdout


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'segment'"):
        _ = roadseg.segment  # type: ignore[attr-defined]


def test_values_that_are_no_classes_are_refused() -> None:
    ids = np.array([[26, 7]], np.uint8)
    with pytest.raises(roadseg.DataError, match="prediction 26 is not a class index"):
        roadseg.confusion_matrix(ids, np.zeros_like(ids), classes=19)
    with pytest.raises(roadseg.DataError, match="differ in shape"):
        roadseg.confusion_matrix(ids[0], ids, classes=19)
    with pytest.raises(roadseg.DataError, match=r"prediction holds torch\.float64, but class indices are whole"):
        roadseg.confusion_matrix(ids / 30, np.zeros_like(ids), classes=19)


def test_class_indices_may_be_of_any_integer_type() -> None:
    target, prediction = np.array([[0, 1, 255]]), np.array([[0, 0, 7]])
    for kind in (np.uint8, np.uint16, np.int64, np.uint32):
        found = roadseg.confusion_matrix(prediction.astype(kind)[:, ::-1], target.astype(kind)[:, ::-1], classes=2)
        assert found.tolist() == [[1, 0], [1, 0]]


def test_intervals_need_a_score_and_a_group_for_each_image() -> None:
    counts = np.zeros((2, 3, 3), np.int64)
    for score in ("miou", "per_class"):
        with pytest.raises(roadseg.ConfigError, match=f"no score '{score}'; choose one of mean_iou, "):
            roadseg.interval(counts, ["a", "b"], score=score)
    for confusions, groups in ((counts, ["a"]), (counts, ["a", "b", "c"]), (counts[0], ["a", "b", "c"])):
        with pytest.raises(roadseg.DataError, match="give a matrix"):
            roadseg.interval(confusions, groups)


def test_an_overlay_takes_the_pictures_that_a_network_takes(trained: RunDir) -> None:
    grey = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6))
    classes = np.zeros((4, 6), np.uint8)
    colored = roadseg.overlay(np.asarray(grey.convert("RGB")), classes, trained.labels())
    for mode in ("L", "P", "RGBA"):
        assert np.array_equal(roadseg.overlay(grey.convert(mode), classes, trained.labels()), colored)
    with pytest.raises(roadseg.DataError, match=r"classes \(6, 4\) of an image \(4, 6, 3\)"):
        roadseg.overlay(grey, classes.T, trained.labels())


def test_a_photo_taken_sideways_gets_the_answer_of_the_command(trained: RunDir, streets: Path, tmp_path: Path) -> None:
    photo, exif = tmp_path / "photo.jpg", Image.Exif()
    exif[0x0112] = 6
    with Image.open(next((streets / "training/image_2").iterdir())) as street:
        street.transpose(Image.Transpose.ROTATE_90).save(photo, exif=exif)
    predict(trained, [str(photo)], tmp_path / "out", Display())
    with Image.open(photo) as picture, Image.open(tmp_path / "out/labels/photo.png") as labels:
        classes = roadseg.Predictor(trained)(picture).classes
        assert classes.shape == (64, 96)
        assert np.array_equal(trained.labels().index_to_id[classes], np.asarray(labels))
        assert roadseg.overlay(picture, classes, trained.labels()).shape == (64, 96, 3)


def test_what_is_no_run_and_no_image_is_refused() -> None:
    """`unwrap`, because while tests run annotations are checked first."""
    with pytest.raises(roadseg.RunError, match="no run is named"):
        roadseg.compare([])
    with pytest.raises(roadseg.RunError, match="'runs/x' is no run; load it"):
        inspect.unwrap(roadseg.evaluate)("runs/x")
    for given in ("runs/x", Path("runs/x"), ["runs/x"]):
        with pytest.raises(roadseg.RunError, match=r"'runs/x'\)? is no run; load it: roadseg\.load_run\('runs/x'\)"):
            named_runs(given)
    with pytest.raises(roadseg.DataError, match="no list"):
        inspect.unwrap(image_tensor)([[0, 0, 0]])


def test_scores_agree_with_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score

    rng = np.random.default_rng(0)
    target, prediction = rng.integers(0, 4, (2, 20, 30)).astype(np.uint8)
    counts = roadseg.confusion_matrix(prediction, target, classes=4)
    np.testing.assert_array_equal(counts, confusion_matrix(target.ravel(), prediction.ravel()))
    found = roadseg.scores(counts)
    assert found["mean_iou"] == pytest.approx(jaccard_score(target.ravel(), prediction.ravel(), average="macro"))
    assert found["pixel_accuracy"] == pytest.approx(accuracy_score(target.ravel(), prediction.ravel()))
