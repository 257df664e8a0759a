"""The command: what is looked at, what is written, and what is refused."""

import csv
import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from roadseg.cli import main
from roadseg.ensemble import Member
from roadseg.evaluate import ready
from roadseg.label_next.find import look
from roadseg.label_next.sight import sight
from roadseg.label_next.write import lit, why
from roadseg.progress import Display
from roadseg.runs import RunDir


@pytest.fixture
def frames(streets: Path, tmp_path: Path) -> Path:
    """A folder of frames that nobody labelled, two of them the same, one in a folder below."""
    folder = tmp_path / "frames"
    (folder / "tour").mkdir(parents=True)
    sources = sorted((streets / "training/image_2").glob("*.png"))[:4]
    for number, source in enumerate(sources):
        Image.open(source).convert("RGB").save(folder / f"{number}.bmp")
    shutil.copy(folder / "2.bmp", folder / "tour/copy.bmp")
    return folder


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def test_the_command_writes_what_it_chose_and_leaves_the_images_alone(
    trained: RunDir, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, output = state(frames), tmp_path / "next"
    assert main(["next", str(trained.path), str(frames), "--count", "4", "--output", str(output)]) == 0
    assert state(frames) == before
    assert {path.name for path in output.iterdir()} == {"next.json", "next.csv", "next.html"}
    content = json.loads((output / "next.json").read_text())
    rows = content["next"]
    assert (content["images"], content["labelled"], content["runs"]) == (5, 0, [str(trained.path)])
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert all(Path(row["file"]).is_file() for row in rows)
    assert len({row["image"] for row in rows} & {"2", "tour/copy"}) == 1, "the copy is left, four others were there"
    assert all(before["stands_for"] >= after["stands_for"] for before, after in pairwise(rows))
    assert np.isclose(sum(row["stands_for"] for row in rows), 1, atol=1e-3)  # nothing but the copy is left
    assert "disagreement" not in rows[0]
    with (output / "next.csv").open() as file:
        assert [row["file"] for row in csv.DictReader(file)] == [row["file"] for row in rows]
    page = (output / "next.html").read_text()
    assert page.count("<li>") == 4
    assert page.count("data:image/webp") == 12
    told = capsys.readouterr().out
    assert "4 of 5 images to label next" in told
    assert "unsure about" in told


def test_labelled_images_are_not_chosen(trained: RunDir, streets: Path, frames: Path, tmp_path: Path) -> None:
    """Those of the data set itself are left out, wherever their part; what looks like them comes later."""
    labelled = sorted((streets / "training/image_2").glob("*.png"))
    output = tmp_path / "next"
    given = ["next", str(trained.path), "--output", str(output), "--data.root", str(streets), "--count", "9"]
    assert main([*given[:2], str(labelled[0].parent), *given[2:]]) == 2
    for number, path in enumerate(labelled):
        shutil.copy(path, frames / f"known-{number}.png")
    other = frames / "new.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)).save(other)
    assert main([*given[:2], str(frames), *given[2:]]) == 0
    content = json.loads((output / "next.json").read_text())
    assert content["labelled"] == len(labelled)
    shares = {row["image"]: row["stands_for"] for row in content["next"]}
    assert content["next"][0]["image"] == "new"
    assert all(shares[name] < 1e-3 for name in shares if name.startswith("known"))


def test_several_networks_disagree(trained: RunDir, frames: Path, tmp_path: Path) -> None:
    other = RunDir(shutil.copytree(trained.path, tmp_path / "other"))
    weights = other.weights("best")
    shaken = {
        key: value + 0.3 * value.std() * torch.randn(value.shape, generator=torch.Generator().manual_seed(0))
        if value.dim() > 1 else value
        for key, value in weights.items()
    }  # fmt: skip
    other.save_checkpoint("best", shaken, other.progress("best"))
    output = tmp_path / "next"
    assert main(["next", str(trained.path), str(other.path), str(frames), "--output", str(output)]) == 0
    rows = json.loads((output / "next.json").read_text())["next"]
    assert len(rows) == 5  # fewer than the 20 that are asked for by default
    assert all(0 < row["disagreement"] < row["doubt"] for row in rows)
    assert "disagreement" in (output / "next.html").read_text()


def test_the_run_s_temperature_counts(trained: RunDir, frames: Path) -> None:
    network = ready(trained)
    files = {"0": frames / "0.bmp"}
    cold, hot = (
        look([Member(network, trained.config(), value)], files, Display(), "")["0"].doubt for value in (0.5, 5.0)
    )  # fmt: skip
    assert cold < hot


def test_what_cannot_be_read_is_told_and_left_out(
    trained: RunDir, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (frames / "1.bmp").write_text("not a picture")
    output = tmp_path / "next"
    assert main(["next", str(trained.path), str(frames), "--output", str(output)]) == 1
    told = capsys.readouterr()
    assert "1.bmp" in told.out
    assert "1 of 5 images could not be read" in told.err
    assert len(json.loads((output / "next.json").read_text())["next"]) == 4
    for path in frames.rglob("*.bmp"):
        path.write_text("nor this")
    assert main(["next", str(trained.path), str(frames), "--output", str(tmp_path / "none")]) == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"--output": "frames/next"}, "lies among the images"),
        ({"images": "frames/*.bmp", "--output": "frames"}, "lies among the images"),
        ({"--output": "."}, "holds other files (drive.mp4)"),
        ({"images": "nowhere"}, "no image in 'nowhere'"),
        ({"images": "drive.mp4"}, "ffmpeg -i drive.mp4"),
        ({"--count": "0"}, "at least 1"),
        ({"run": "frames"}, "no run in frames"),
        ({"--data.root": "nowhere"}, "no folder nowhere"),
    ],
)
def test_bad_input_is_told_and_nothing_written(
    trained: RunDir, frames: Path, given: dict[str, str], told: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drive.mp4").write_bytes(b"film")
    before = sorted(tmp_path.rglob("*"))
    words = {"run": str(trained.path), "images": "frames", "--output": "next", **given}
    flags = [word for key, value in words.items() if key.startswith("--") for word in (key, value)]
    assert main(["next", words["run"], words["images"], *flags]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) <= 2
    assert sorted(tmp_path.rglob("*")) == before


def test_the_reason_in_words() -> None:
    names = ("road", "car", "person")
    probabilities = torch.zeros(3, 10, 10)
    probabilities[0] = 1
    assert why(sight([probabilities], [torch.ones(2)]), names) == "sure of nearly every pixel"
    probabilities[:, 0, :5] = torch.tensor([0.1, 0.45, 0.45])[:, None]
    assert why(sight([probabilities], [torch.ones(2)]), names) == "unsure about car and person, 5 % of the pixels"


def test_the_photo_is_lit_where_the_networks_are_unsure() -> None:
    photo = np.full((1, 3, 3), 100, np.uint8)
    dark, half, light = lit(photo, np.array([[0, np.log(2) / 2, 2.0]], np.float32))[0, :, 0].tolist()
    assert dark < 100 / 4
    assert dark < half < light
