"""The list of runs: every state, damage that does not stop it, and a table that fits."""

import io
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from roadseg.errors import RunError
from roadseg.runs import lock
from roadseg.runs.listing import Listed, find_runs, read, run_table
from roadseg.runs.run_dir import RunDir


@pytest.fixture
def run(trained: RunDir, tmp_path: Path) -> Path:
    """A copy of a complete run that a test may spoil."""
    shutil.copytree(trained.path, tmp_path / "demo-fcn16s/1")
    return tmp_path / "demo-fcn16s/1"


def test_a_complete_run(run: Path, trained: RunDir) -> None:
    listed = read(run)
    scores = [entry["val"]["mean_iou"] for entry in trained.metrics()]
    assert (listed.state, listed.epochs, listed.damage) == ("complete", (2, 2), "")
    assert listed.best == (max(scores), 1 + scores.index(max(scores)))
    assert listed.size == sum(path.stat().st_size for path in run.rglob("*") if path.is_file())


def test_a_stopped_run_and_one_in_training(run: Path) -> None:
    (run / "COMPLETE").unlink()
    first = (run / "metrics.jsonl").read_text().splitlines(keepends=True)[0]
    (run / "metrics.jsonl").write_text(first)
    assert (read(run).state, read(run).epochs) == ("stopped", (1, 2))
    with lock.held(run):
        assert read(run).state == "training"
    assert read(run).state == "stopped"


def test_a_run_without_a_scored_epoch(run: Path) -> None:
    for name in ("COMPLETE", "metrics.jsonl"):
        (run / name).unlink()
    shutil.rmtree(run / "checkpoints")
    (run / "checkpoints").mkdir()
    assert (read(run).state, read(run).epochs, read(run).best) == ("stopped", (0, 2), None)


def test_scores_that_do_not_exist_are_not_the_best(run: Path) -> None:
    text = (run / "metrics.jsonl").read_text()
    (run / "metrics.jsonl").write_text(re.sub(r'("val":.*?"mean_iou": )[\d.e-]+', r"\1null", text, count=1))
    best = read(run).best
    assert best is not None
    assert best[1] == 2


def test_of_equal_epochs_the_first_is_the_best(run: Path) -> None:
    text = (run / "metrics.jsonl").read_text()
    (run / "metrics.jsonl").write_text(re.sub(r'("val":.*?"mean_iou": )[\d.e-]+', r"\g<1>0.25", text))
    assert read(run).best == (0.25, 1)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "settings": (lambda run: (run / "config.json").write_text("{"), "config.json is not JSON"),
    "unknown setting": (lambda run: (run / "config.json").write_text('{"epochs": 3}'), "config.json"),
    "metrics": (lambda run: (run / "metrics.jsonl").write_bytes(b"\xff"), "metrics.jsonl is missing or damaged"),
    "metrics of something else": (lambda run: (run / "metrics.jsonl").write_text('{"a": 1}\n3'), "metrics.jsonl is"),
    "checkpoint": (lambda run: (run / "checkpoints/best.json").unlink(), "best.json"),
    "scores": (lambda run: (run / "evaluation/val.json").write_text("["), "evaluation"),
    "no metrics": (lambda run: (run / "metrics.jsonl").unlink(), "metrics.jsonl is missing or damaged; restore it"),
    "no weights": (
        lambda run: (run / "checkpoints/best.safetensors").unlink(),
        "best.safetensors is missing or damaged; restore it from a copy of the run, or remove ",
    ),
    "no scores": (lambda run: (run / "evaluation/val.json").unlink(), "roadseg evaluate"),
    "no counts": (lambda run: (run / "evaluation/val.confusion.npz").unlink(), "--split val --data.root"),
    "a folder for a file": (lambda run: swap_for_folder(run / "metrics.jsonl"), "metrics.jsonl: Is a directory"),
}


def swap_for_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_run_is_listed_with_its_damage(run: Path, name: str) -> None:
    spoil, expected = DAMAGE[name]
    spoil(run)
    listed = read(run)
    assert listed.state == "damaged"
    assert str(run) in listed.damage
    assert expected in listed.damage
    assert "\n" not in listed.damage


def test_a_stopped_run_that_cannot_go_on_is_damaged(run: Path) -> None:
    (run / "COMPLETE").unlink()
    (run / "checkpoints/last.trainer").unlink()
    assert "last.trainer is missing or damaged" in read(run).damage


def test_a_complete_run_needs_no_last_weights(run: Path) -> None:
    for file in (run / "checkpoints").glob("last.*"):
        file.unlink()
    assert read(run).state == "complete"


def test_runs_are_found_at_any_depth_once(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "study/runs/fcn8s/seed-0-fold-1")
    (tmp_path / "model").mkdir()
    (tmp_path / "model/config.json").write_text("{}")  # of something else
    found = find_runs([tmp_path, run, tmp_path / "study"])
    assert sorted(path.relative_to(tmp_path).as_posix() for path in found) == [
        "demo-fcn16s/1",
        "study/runs/fcn8s/seed-0-fold-1",
    ]
    assert find_runs([tmp_path / "model"]) == []
    with pytest.raises(RunError, match=r"no folder .*/none"):
        find_runs([tmp_path, tmp_path / "none"])


def shown(runs: list[Listed], width: int) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=width).print(run_table(runs))
    return text.getvalue().splitlines()


def listed(name: str, state: str, hours: float) -> Listed:
    return Listed(Path("runs") / name, state, time.time() - 3600 * hours, 309_400_000, (20, 30), (0.256, 19))


def test_the_table_fits_and_begins_with_the_newest() -> None:
    runs = [listed("camvid-fcn16s/12", "complete", 100), listed("kitti-fcn8s/1", "training", 0)]
    runs += [Listed(Path("runs/[bold]/1"), "damaged", time.time() - 3600, 10, damage="runs/[bold]/1: no")]
    for width in (80, 120):
        lines = shown(runs, width)
        assert max(map(len, lines)) <= width
        rows = [line.split() for line in lines if "runs/" in line]
        assert [row[0] for row in rows] == ["runs/kitti-fcn8s/1", "runs/[bold]/1", "runs/camvid-fcn16s/12"]
        assert rows[0][1:] == ["training", "20/30", "19", "25.6", "0", "s", "ago", "309", "MB"]
        assert rows[1][1:] == ["damaged", "–", "–", "–", "60", "min", "ago", "10", "bytes"]
        assert rows[2][5:8] == ["4.2", "days", "ago"]


def test_a_long_path_is_folded_and_nothing_else_is_cut() -> None:
    run = listed("cityscapes-fcn16_decoder,optimizer.name=adamw/seed-0-fold-1", "complete", 1)
    rows = [line for line in shown([run], 80) if line.strip()][3:]
    end = rows[0].index("complete")
    assert "".join(row[:end].strip() for row in rows) == str(run.path)
    assert rows[0].split()[-2:] == ["309", "MB"]


def test_a_temporary_file_that_goes_away_does_not_disturb(run: Path) -> None:
    (run / "gone").symlink_to(run / "nowhere")
    assert read(run).state == "complete"


def test_the_time_is_that_of_training(run: Path) -> None:
    for name in ("config.json", "metrics.jsonl", "checkpoints/last.json", "COMPLETE"):
        os.utime(run / name, (1e9, 1e9))
    assert read(run).changed == 1e9
