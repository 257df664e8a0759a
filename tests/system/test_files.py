import os
from pathlib import Path

import pytest

from roadseg.errors import WorkFailed
from roadseg.system.files import write_bytes, write_text


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_bytes(path, b"old")
    write_text(path, "Straße\n")
    assert path.read_bytes() == "Straße\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_has_the_permissions_of_an_ordinary_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "atomic", "")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("interruption", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failure_keeps_the_old_content_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, interruption: BaseException
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(*_: object) -> None:
        raise interruption

    monkeypatch.setattr(os, step, fail)
    with pytest.raises((WorkFailed, KeyboardInterrupt)) as caught:
        write_text(path, "new")
    if isinstance(interruption, OSError):
        assert str(caught.value) == f"cannot write {path}: No space left on device; free space or choose another folder"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkFailed, match=r"nowhere/a\.txt: No such file"):
        write_text(tmp_path / "nowhere" / "a.txt", "x")


def test_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(WorkFailed, match="Is a directory"):
        write_text(tmp_path / "a", "x")
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
