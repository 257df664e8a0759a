"""Which images are found, and that the pictures say what the network says."""

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from roadseg.config.settings import Transforms
from roadseg.errors import DataError, RunError, WorkFailed
from roadseg.inference.predict import WRITERS, begun, decide, find_images, predict
from roadseg.labels import cityscapes
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.calibration import promised
from roadseg.scoring.confidence import BINS, LOWEST, RIGHT, WRONG
from roadseg.system.progress import Display

OFFICIAL = {label.id for label in cityscapes().classes}


def picture(path: Path, size: tuple[int, int] = (20, 10)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(path)))
    Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).save(path)
    return path


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.copy()


def test_files_folders_and_patterns(tmp_path: Path) -> None:
    a, b = picture(tmp_path / "in/a.png"), picture(tmp_path / "in/deep/b.JPG")
    (tmp_path / "in/notes.txt").write_text("x")
    out = tmp_path / "out"
    assert find_images([str(a)], out) == {"a": a}
    assert find_images([str(tmp_path / "in")], out) == {"a": a, "deep/b": b}
    assert find_images([str(tmp_path / "in" / "*.png"), str(a)], out) == {"a": a}
    assert find_images([str(tmp_path / "in/**/*")], out) == {"a": a, "deep/b": b}


def test_pictures_of_an_earlier_call_are_not_inputs(tmp_path: Path) -> None:
    a = picture(tmp_path / "a.png")
    picture(tmp_path / "out/overlay/a.png")
    assert find_images([str(tmp_path)], tmp_path / "out") == {"a": a}


def test_what_matches_nothing_or_twice(tmp_path: Path) -> None:
    picture(tmp_path / "x/a.png")
    picture(tmp_path / "y/a.jpg")
    for missing in ("/no/such", str(tmp_path / "*.bmp"), ""):
        with pytest.raises(DataError, match="no image in"):
            find_images([missing], tmp_path / "out")
    with pytest.raises(DataError, match="both be written as a"):
        find_images([str(tmp_path / "x"), str(tmp_path / "y")], tmp_path / "out")


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


def test_predictions_are_the_network_s(trained: RunDir, streets: Path, tmp_path: Path) -> None:
    from roadseg.data.decode import read_image
    from roadseg.scoring.evaluate import predict_logits, ready

    path = streets / "training/image_2/000000_10.png"
    predict(trained, [str(path)], tmp_path, Display())
    network, grid, accelerator, memory_format = ready(trained)
    with torch.inference_mode():
        image = read_image(path).to(accelerator.device)
        indices, _ = decide(predict_logits(network, grid, image, Transforms(), memory_format))
    assert np.array_equal(np.asarray(opened(tmp_path / "labels/000000_10.png")), cityscapes().index_to_id[indices])


def test_decide_takes_the_most_probable_class() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 0.0]]).log_softmax(0).reshape(1, 2, 1, 2)
    indices, confidence = decide(logits)
    assert indices.tolist() == [[0, 0]]
    assert confidence[0].tolist() == pytest.approx([float(np.exp(2) / (np.exp(2) + 1)), 0.5])


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(trained: RunDir, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").write_text("not a picture")
    picture(tmp_path / "in/b.png")
    with pytest.raises(WorkFailed, match="1 of 2 images could not be read"):
        predict(trained, [str(tmp_path / "in")], tmp_path / "out", Display())
    assert {path.name for path in (tmp_path / "out").rglob("*.png")} == {"b.png"}


def test_work_is_handed_out_in_order_and_begun_no_further_ahead_than_asked() -> None:
    running = threading.Semaphore(0)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        running.acquire()
        if number == 4:
            raise ValueError("no four")
        return 10 * number

    with ThreadPoolExecutor(2) as threads:
        results = []
        for future in begun(threads, work, items(), 2):
            assert len(taken) <= len(results) + 3
            running.release()
            results.append(future.exception() or future.result())
    assert [str(result) for result in results] == ["0", "10", "20", "30", "no four", "50"]


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


def test_unsure_pixels_are_left_open(trained: RunDir, streets: Path, tmp_path: Path) -> None:
    """Those below the threshold get the ignored id, all others stay as they are, and the share is told."""
    shutil.copytree(trained.path, tmp_path / "run")
    run, source, told = RunDir(tmp_path / "run"), str(streets / "training/image_2"), Told()
    predict(run, [source], tmp_path / "all", Display())
    sure = np.concatenate([np.asarray(opened(path)).ravel() for path in (tmp_path / "all/confidence").iterdir()])
    middle = int(np.searchsorted(LOWEST, np.median(sure) / 255))
    counts = np.zeros((1, 2, 2, 3, BINS), np.int64)
    counts[..., WRONG, :middle] = counts[..., RIGHT, middle:] = 1  # right from the middle on, and only there
    run.save_confidence("val", counts, ["x"])
    predict(run, [source], tmp_path / "sure", told, 0.999)
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


def test_a_promise_needs_counts_and_must_be_possible(trained: RunDir, tmp_path: Path) -> None:
    shutil.copytree(trained.path, tmp_path / "run")
    run = RunDir(tmp_path / "run")
    with pytest.raises(RunError, match="give a lower share"):
        promised(run, 1 - 1e-9)
    (run.evaluation / "val.confidence.npz").unlink()
    with pytest.raises(RunError, match="roadseg evaluate RUN"):
        promised(run, 0.9)
