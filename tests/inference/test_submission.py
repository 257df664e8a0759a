"""The archive is what the servers take, and cityscapesScripts scores it as roadseg does."""

import io
import shutil
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from roadseg import labels
from roadseg.cli.main import main
from roadseg.config.settings import to_json
from roadseg.data import load_records
from roadseg.errors import ConfigError, DataError, RunError, WorkFailed
from roadseg.inference.submission import (
    BENCHMARKS,
    benchmark_images,
    check,
    check_classes,
    official_ids,
    submit,
    warnings,
)
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.evaluate import evaluate_run
from roadseg.system.progress import Display

KITTI, CITYSCAPES = BENCHMARKS["kitti"], BENCHMARKS["cityscapes"]


class Listening(Display):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def town(streets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three built-in streets as Cityscapes, one of them to train on, at its own size."""
    root = tmp_path_factory.mktemp("cityscapes")
    for number, picture in enumerate(sorted((streets / "training/image_2").iterdir())[:3]):
        for source, kind, ending in (
            (picture, "leftImg8bit", "leftImg8bit"),
            (streets / "training/semantic" / picture.name, "gtFine", "gtFine_labelIds"),
        ):
            place = root / kind / ("train" if number == 2 else "val") / "ulm" / f"ulm_{number:06d}_000019_{ending}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.open(source).resize((2048, 1024), Image.Resampling.NEAREST).save(place)
    return root


def kitti_image(folder: Path, name: str = "000007_10.png", size: tuple[int, int] = (1242, 375)) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 120, 60)).save(folder / name)
    return folder / name


def unpack(archive: Path) -> dict[str, Image.Image]:
    with ZipFile(archive) as content:
        return {name: Image.open(io.BytesIO(content.read(name))) for name in content.namelist()}


def as_cityscapes(trained: RunDir, town: Path, place: Path) -> RunDir:
    """A copy of a run that believes it was trained on the images in Cityscapes' layout."""
    shutil.copytree(trained.path, place)
    run = RunDir(place)
    settings = run.config()
    data = settings.data.model_copy(update={"name": "cityscapes", "root": town})
    (place / "config.json").write_text(to_json(settings.model_copy(update={"data": data})))
    load_records(data).splits.save(place / "splits.json")
    shutil.rmtree(run.evaluation)
    run.evaluation.mkdir()
    return run


@pytest.mark.slow
def test_cityscapes_own_evaluator_agrees(trained: RunDir, town: Path, tmp_path: Path) -> None:
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as peer

    run = as_cityscapes(trained, town, tmp_path / "run")
    archive = submit(run, [str(town / "leftImg8bit/val")], tmp_path / "out", "cityscapes", Display())
    with ZipFile(archive) as content:
        content.extractall(tmp_path / "results")
    truths = sorted(str(path) for path in (town / "gtFine/val").rglob("*_labelIds.png"))
    arguments = peer.args
    arguments.predictionPath, arguments.predictionWalk = str(tmp_path / "results"), None
    arguments.evalInstLevelScore, arguments.JSONOutput, arguments.quiet = False, False, True
    found = [peer.getPrediction(arguments, truth) for truth in truths]
    theirs = peer.evaluateImgLists(found, truths, arguments)
    ours = evaluate_run(run, town, "val", Display())
    assert theirs["averageScoreClasses"] == pytest.approx(ours["mean_iou"], abs=1e-12)
    for mine, yours in (("per_class", "classScores"), ("per_category", "categoryScores")):
        for name, iou in ours[mine].items():
            assert theirs[yours][name] == pytest.approx(np.nan if iou is None else iou, nan_ok=True), name


@pytest.mark.slow
def test_kitti_archive(trained: RunDir, tmp_path: Path) -> None:
    first = kitti_image(tmp_path / "testing/image_2", "000199_10.png", (1224, 370))
    kitti_image(tmp_path / "testing/image_2", "000000_10.png")
    display = Listening()
    archive = submit(trained, [str(first.parent)], tmp_path / "out", "kitti", display)
    pictures = unpack(archive)
    assert list(pictures) == ["semantic/000000_10.png", "semantic/000199_10.png"]
    assert [picture.size for picture in pictures.values()] == [(1242, 375), (1224, 370)]
    evaluated = {label.id for label in labels.cityscapes().classes}
    for picture in pictures.values():
        assert picture.mode == "L"
        assert set(np.unique(np.asarray(picture)).tolist()) <= evaluated
    assert len(display.said) == 1
    assert "2 images, KITTI's test set has 200" in display.said[0]
    again = submit(trained, [str(first.parent)], tmp_path / "again", "kitti", Display())
    assert again.read_bytes() == archive.read_bytes()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["kitti.zip"]


def test_an_image_that_cannot_be_decoded_leaves_no_archive(trained: RunDir, tmp_path: Path) -> None:
    kitti_image(tmp_path / "in", "000000_10.png")
    broken = kitti_image(tmp_path / "in")
    broken.write_bytes(broken.read_bytes()[:400])
    with pytest.raises(WorkFailed, match="1 of 2 images could not be read; no archive"):
        submit(trained, [str(tmp_path / "in")], tmp_path / "out", "kitti", Display())
    assert not list((tmp_path / "out").iterdir())


def test_what_is_refused_before_any_work(trained: RunDir, tmp_path: Path) -> None:
    def attempt(*inputs: Path, name: str = "kitti") -> None:
        submit(trained, list(map(str, inputs)), tmp_path / "out", name, Display())

    good = kitti_image(tmp_path / "in")
    with pytest.raises(DataError, match=r"000007_11\.png is not named as KITTI's images \(000123_10\.png\)"):
        attempt(good, kitti_image(tmp_path / "other", "000007_11.png"))
    with pytest.raises(DataError, match="is not named as Cityscapes"):
        attempt(good, name="cityscapes")
    with pytest.raises(DataError, match=r"is 621x187 pixels, the benchmark's images are 1224-1242 x 370-376"):
        attempt(kitti_image(tmp_path / "small", size=(621, 187)))
    with pytest.raises(DataError, match="are both 000007_10"):
        benchmark_images([good, tmp_path / "twice" / good.name], KITTI)
    assert not (tmp_path / "out").exists()
    with pytest.raises(RunError, match=r"classes of camvid, of which 'sky' .* none of KITTI's"):
        check_classes(labels.camvid(), KITTI)
    check_classes(labels.cityscapes("all").model_copy(update={"classes": labels.cityscapes("all").classes[:-1]}), KITTI)


def test_training_images_are_told(tmp_path: Path) -> None:
    names = {f"{number:06d}_10": tmp_path / f"training/image_2/{number:06d}_10.png" for number in range(200)}
    assert [line.split("; ")[0] for line in warnings(names, KITTI)] == [f"{names['000000_10']} is a training image"]
    assert warnings(dict.fromkeys(map(str, range(1525)), tmp_path / "training/x/a.png"), CITYSCAPES) == []


def test_a_licence_plate_becomes_unlabelled() -> None:
    space = labels.cityscapes("all")
    ids = official_ids(np.arange(35, dtype=np.uint8)[None], space)
    assert ids[0].tolist() == [*range(34), 0]


def packed(path: Path, **members: bytes) -> Path:
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def coded(picture: Image.Image, kind: str = "PNG", **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "a: it is missing"),
        ({"a": coded(Image.new("L", (6, 4))), "b": b""}, "b: it is missing, not expected"),
        ({"a": b"text"}, "no PNG"),
        ({"a": coded(Image.new("L", (6, 4)), "JPEG")}, "no PNG"),
        ({"a": coded(Image.new("RGB", (6, 4)))}, "one channel of 8 bits"),
        ({"a": coded(Image.new("P", (6, 4)))}, "one channel of 8 bits"),
        ({"a": coded(Image.new("1", (6, 4)))}, "one channel of 8 bits"),
        ({"a": coded(Image.new("I;16", (6, 4)))}, "one channel of 8 bits"),
        ({"a": coded(Image.new("L", (5, 4)))}, "it is 5x4 pixels, its image 6x4"),
        ({"a": coded(Image.new("L", (6, 4), 34))}, "34 is no official id"),
    ],
)  # fmt: skip
def test_a_wrong_archive_is_found(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    with pytest.raises(WorkFailed, match=message):
        check(packed(tmp_path / "a.zip", **members), {"a": (4, 6)})


def test_a_right_and_a_broken_archive(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", a=coded(Image.new("L", (6, 4), 33)))
    check(path, {"a": (4, 6)})
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(WorkFailed, match="not a zip"):
        check(path, {"a": (4, 6)})


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_command_knows_every_benchmark(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(tmp_path), str(tmp_path), "--output", str(tmp_path), "--format", name]) == 2
    assert "no run in" in capsys.readouterr().err


def test_an_archive_is_not_replaced(trained: RunDir, tmp_path: Path) -> None:
    (tmp_path / "kitti.zip").write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        submit(trained, [str(kitti_image(tmp_path / "in"))], tmp_path, "kitti", Display())
