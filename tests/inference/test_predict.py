"""The pictures say what the network says."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadseg.cli.main import main
from roadseg.errors import WorkFailed
from roadseg.inference.images import WRITERS
from roadseg.inference.predict import predict
from roadseg.labels import cityscapes
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.calibration import promised
from roadseg.scoring.confidence import BINS, LOWEST, RIGHT, WRONG
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow

OFFICIAL = {label.id for label in cityscapes().classes}


def picture(path: Path, size: tuple[int, int] = (20, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(path)))
    Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(path)
    return path


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.copy()


def test_the_pictures(trained: RunDir, tmp_path: Path) -> None:
    photo = picture(tmp_path / "in/photo.jpg", (97, 65))
    grey = tmp_path / "in/grey.png"
    Image.new("L", (33, 20), 90).save(grey)
    assert predict(trained, [str(tmp_path / "in")], tmp_path / "out", Display()) == 2
    labels = opened(tmp_path / "out/labels/photo.png")
    confidence = opened(tmp_path / "out/confidence/photo.png")
    color = opened(tmp_path / "out/color/photo.png")
    overlay = opened(tmp_path / "out/overlay/photo.png")
    assert (labels.mode, confidence.mode, color.mode, overlay.mode) == ("L", "L", "RGB", "RGB")
    assert labels.size == confidence.size == color.size == opened(photo).size == (97, 65)
    assert overlay.size[0] == 97
    assert overlay.size[1] > 65
    ids = np.asarray(labels)
    assert set(np.unique(ids).tolist()) <= OFFICIAL
    by_id = {label.id: label.color for label in cityscapes().classes}
    assert all(tuple(np.asarray(color)[y, x]) == by_id[int(ids[y, x])] for y, x in ((0, 0), (30, 50), (64, 96)))
    assert opened(tmp_path / "out/labels/grey.png").size == (33, 20)


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(trained: RunDir, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").write_text("not a picture")
    picture(tmp_path / "in/b.png")
    with pytest.raises(WorkFailed, match="1 of 2 images could not be read"):
        predict(trained, [str(tmp_path / "in")], tmp_path / "out", Display())
    assert {path.name for path in (tmp_path / "out").rglob("*.png")} == {"b.png"}


class Stopping(Display):
    """Ctrl-C as soon as the first picture is done."""

    def advance(self, detail: str = "") -> None:
        raise KeyboardInterrupt


def test_ctrl_c_leaves_whole_pictures_alone(trained: RunDir, tmp_path: Path) -> None:
    count = WRITERS + 5
    for number in range(count):
        picture(tmp_path / f"in/{number}.png")
    with pytest.raises(KeyboardInterrupt):
        predict(trained, [str(tmp_path / "in")], tmp_path / "out", Stopping())
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert all(path.suffix == ".png" and opened(path).size[0] == 20 for path in written)
    assert 4 <= len(written) < 4 * count
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


def test_a_full_disk_ends_it(trained: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(WRITERS + 5):
        picture(tmp_path / f"in/{number:02}.png")
    asked: list[Path] = []

    def full(path: Path, data: bytes) -> None:
        asked.append(path)
        raise WorkFailed(f"cannot write {path}: No space left on device")

    monkeypatch.setattr("roadseg.inference.predict.write_bytes", full)
    with pytest.raises(WorkFailed, match=r"labels/00\.png: No space left"):
        predict(trained, [str(tmp_path / "in")], tmp_path / "out", Display())
    assert len(asked) < WRITERS + 5


class Told(Display):
    """What is said, and how often something is done."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done = 0

    def say(self, text: str) -> None:
        self.lines.append(text)

    def advance(self, detail: str = "") -> None:
        self.done += 1


def test_what_cannot_be_read_is_told_in_order(trained: RunDir, tmp_path: Path) -> None:
    for number in range(7):
        path = picture(tmp_path / f"in/{number}.png")
        if number % 3 == 0:
            path.write_text("not a picture")
    told = Told()
    with pytest.raises(WorkFailed, match="3 of 7 images could not be read"):
        predict(trained, [str(tmp_path / "in")], tmp_path / "out", told)
    assert [line.split(":")[0] for line in told.lines] == [f"cannot read {tmp_path / 'in'}/{n}.png" for n in (0, 3, 6)]
    assert told.done == 4


def test_unsure_pixels_are_left_open(
    trained: RunDir, streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those below the threshold get the ignored id, all others stay as they are, and the share is told."""
    shutil.copytree(trained.path, tmp_path / "run")
    run, source, told = RunDir(tmp_path / "run"), str(streets / "training/image_2"), Told()
    predict(run, [source], tmp_path / "all", Display())
    sure = np.concatenate([np.asarray(opened(path)).ravel() for path in (tmp_path / "all/confidence").iterdir()])
    middle = int(np.searchsorted(LOWEST, np.median(sure) / 255))
    counts = np.zeros((1, 2, 2, 3, BINS), np.int64)
    counts[..., WRONG, :middle] = counts[..., RIGHT, middle:] = 1  # right from the middle on, and only there
    run.save_counts("val", "confidence", ["x"], {"counts": counts})
    predict(run, [source], tmp_path / "sure", told, promised(run, 0.999).confidence)
    count = pixels = 0
    for path in (tmp_path / "all/labels").iterdir():
        whole, kept = np.asarray(opened(path)), np.asarray(opened(tmp_path / "sure/labels" / path.name))
        changed = whole != kept
        unsure = np.asarray(opened(tmp_path / "all/confidence" / path.name)) / 255 < LOWEST[middle]
        assert (changed != unsure).mean() < 0.1  # pictures of confidence are rounded to 256 steps
        assert set(np.unique(kept[changed])) <= {int(cityscapes().index_to_id[255])}
        count, pixels = count + changed.sum(), pixels + changed.size
    assert 0.2 < count / pixels < 0.8
    assert f"left open: {100 * count / pixels:.1f} % of the pixels" in told.lines[-1]

    picture = str(next((streets / "training/image_2").iterdir()))
    words = ["predict", str(run.path), picture, "--output", str(tmp_path / "command"), "--at-least", "0.999"]
    assert main(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "on the validation images 100.0 % of the pixels with a confidence of at least" in said
    assert f"with a confidence below {LOWEST[middle]:.3f}" in said
    (run.evaluation / "val.confidence.npz").unlink()
    shutil.rmtree(tmp_path / "command")
    assert main(words) == 2
    assert "has no confidence of its validation images yet" in capsys.readouterr().err
    assert not (tmp_path / "command").exists()
