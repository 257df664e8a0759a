"""The run directory: checkpoints as one piece, damage found, numbering."""

import errno
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from roadseg.errors import ConfigError, RunError, WorkFailed
from roadseg.runs import checkpoints
from roadseg.runs.run_dir import RunDir
from roadseg.runs.run_files import latest_run, next_run


def weights(value: float) -> dict[str, torch.Tensor]:
    return {"layer.weight": torch.full((2, 3), value), "count": torch.tensor(7)}


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    made = RunDir(tmp_path / "run")
    made.checkpoints.mkdir(parents=True)
    return made


@pytest.fixture
def copied(trained: RunDir, tmp_path: Path) -> RunDir:
    shutil.copytree(trained.path, tmp_path / "copy")
    return RunDir(tmp_path / "copy")


def test_a_checkpoint_comes_back(run: RunDir) -> None:
    run.save_checkpoint("last", weights(1.5), {"epoch": 3}, {"progress": {"step": 9}})
    assert torch.equal(run.weights("last")["layer.weight"], weights(1.5)["layer.weight"])
    assert run.trainer() == {"progress": {"step": 9}}
    assert run.progress("last")["epoch"] == 3
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["last.json", "last.safetensors", "last.trainer"]


@pytest.mark.parametrize(("written", "renamed"), [(0, 0), (1, 0), (2, 0), (3, 0), (3, 1), (3, 2), (3, 3)])
def test_a_commit_cut_off_anywhere_leaves_the_old_or_the_new(run: RunDir, written: int, renamed: int) -> None:
    """The files are written and then renamed one by one; a power cut may come after any of these six operations."""
    run.save_checkpoint("last", weights(1), {"epoch": 1}, {"epoch": 1})
    old = {path.name: path.read_bytes() for path in run.checkpoints.iterdir()}
    run.save_checkpoint("last", weights(2), {"epoch": 2}, {"epoch": 2})
    new = {path.name: path.read_bytes() for path in run.checkpoints.iterdir()}
    names = ["last.safetensors", "last.trainer", "last.json"]
    for position, name in enumerate(names):
        (run.checkpoints / name).write_bytes(new[name] if position < renamed else old[name])
        if renamed <= position < written:
            (run.checkpoints / f"{name}.new").write_bytes(new[name])
    epoch = 2 if written == 3 else 1
    assert run.progress("last")["epoch"] == epoch
    assert torch.equal(run.weights("last")["layer.weight"], weights(epoch)["layer.weight"])
    assert run.trainer() == {"epoch": epoch}
    checkpoints.settle(run.checkpoints, "last")
    assert run.trainer() == {"epoch": epoch}
    assert sorted(path.name for path in run.checkpoints.iterdir()) == sorted(names)


@pytest.mark.slow
def test_readers_beside_a_writer_see_whole_checkpoints_and_disturb_nothing(run: RunDir) -> None:
    run.save_checkpoint("last", weights(0), {"epoch": 0}, {"epoch": 0})
    done = threading.Event()
    seen: list[float] = []

    def look() -> None:
        while not done.is_set():
            seen.append(float(run.weights("last")["layer.weight"][0, 0]))

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(look) for _ in range(2)]
        for epoch in range(1, 60):
            run.save_checkpoint("last", weights(epoch), {"epoch": epoch}, {"epoch": epoch})
        done.set()
        for reader in readers:
            reader.result()
    assert run.trainer() == {"epoch": 59}
    assert set(seen) <= set(range(60))
    assert len(set(seen)) > 1


@pytest.mark.slow
@given(position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found(
    trained: RunDir, tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    folder = tmp_path_factory.mktemp("run") / "checkpoints"
    shutil.copytree(trained.checkpoints, folder)
    path = folder / "best.safetensors"
    content = bytearray(path.read_bytes())
    content[position % len(content)] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(RunError, match="sha256"):
        RunDir(folder.parent).weights("best")


def test_a_missing_part_is_named(copied: RunDir) -> None:
    (copied.checkpoints / "best.safetensors").unlink()
    with pytest.raises(RunError, match=r"best\.safetensors"):
        copied.weights("best")
    (copied.checkpoints / "best.json").unlink()
    with pytest.raises(RunError, match=r"best\.json"):
        copied.weights("best")
    (copied.path / "labels.json").unlink()
    with pytest.raises(RunError, match=r"labels\.json"):
        copied.labels()
    (copied.path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json"):
        copied.config()


def test_a_full_disk_keeps_the_old_checkpoint(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    run.save_checkpoint("last", weights(1), {"epoch": 1}, {"epoch": 1})

    def full(path: Path, data: bytes) -> None:
        path.write_bytes(data[:1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_synced", full)
    with pytest.raises(WorkFailed, match=r"last\.safetensors: No space left"):
        run.save_checkpoint("last", weights(2), {"epoch": 2}, {"epoch": 2})
    assert run.progress("last")["epoch"] == 1
    assert float(run.weights("last")["layer.weight"][0, 0]) == 1
    assert not list(run.checkpoints.glob("*.new"))


def test_damaged_json_is_named(copied: RunDir) -> None:
    (copied.checkpoints / "best.json").write_text("{}")
    with pytest.raises(RunError, match=r"best\.json"):
        copied.weights("best")
    copied.metrics_file.write_bytes(b"\xff{")
    with pytest.raises(RunError, match=r"metrics\.jsonl"):
        copied.metrics()
    (copied.evaluation / "val.json").write_text("[")
    with pytest.raises(RunError, match="evaluation"):
        copied.evaluations()
    (copied.path / "labels.json").write_bytes(b"\xff")
    with pytest.raises(RunError, match=r"labels\.json"):
        copied.labels()


def test_numbering(tmp_path: Path) -> None:
    assert next_run(tmp_path, "a") == tmp_path / "a/1"
    for number in ("1", "2", "10", "note"):
        (tmp_path / "a" / number).mkdir(parents=True)
    assert next_run(tmp_path, "a") == tmp_path / "a/11"
    assert latest_run(tmp_path, "a") == tmp_path / "a/10"
    with pytest.raises(RunError, match="no run of b"):
        latest_run(tmp_path, "b")


def test_the_environment_is_json(trained: RunDir) -> None:
    content = json.loads((trained.path / "environment.json").read_text())
    assert content["torch"] == torch.__version__
    assert content["processor"]


def test_counts_come_back_with_their_ids(run: RunDir) -> None:
    assert run.counts("val", "anatomy") is None
    small = np.arange(6, dtype=np.uint32).reshape(2, 3)
    run.save_counts("val", "anatomy", ["b", "a"], {"size": small, "groups": np.array(["x", "y"])})
    found = run.counts("val", "anatomy")
    assert found is not None
    assert found[0] == ["b", "a"]
    assert found[1]["size"].dtype == np.int64
    assert (found[1]["size"] == small).all()
    assert found[1]["groups"].tolist() == ["x", "y"]
    with pytest.raises(RunError, match=r"val\.confusion\.npz is missing; make it with roadseg evaluate"):
        run.confusions("val")
    for damaged in (b"PK", b"", b"no archive"):
        (run.evaluation / "val.anatomy.npz").write_bytes(damaged)
        with pytest.raises(RunError, match=r"val\.anatomy\.npz is damaged"):
            run.anatomy("val")
