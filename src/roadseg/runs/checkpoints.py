"""Checkpoints on disk: several files that change as one, whenever the power fails and whoever reads meanwhile.

A checkpoint `name` is `name.json` and the files whose SHA-256 it lists. New files are first written whole under the
ending `.new`; `name.json.new` comes last and is the commit. Only then do they take their places. Readers never change
anything: they take each file from wherever its hash fits.
"""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from roadseg.errors import RunError
from roadseg.system.files import failed, sync_folder, write_synced

PATIENCE = 5
"""How often a reader looks again where the files do not fit: a writer may be moving them just now."""


def save(folder: Path, name: str, files: dict[str, bytes], about: dict[str, Any]) -> None:
    """Replace the checkpoint by `files` (contents by ending) and what is said about them.

    Raises `WorkFailed` where the disk refuses; the old checkpoint is kept then.
    """
    settle(folder, name)
    contents = {f"{name}.{ending}": data for ending, data in files.items()}
    hashes = {file: hashlib.sha256(data).hexdigest() for file, data in contents.items()}
    contents[f"{name}.json"] = (json.dumps({**about, "sha256": hashes}, indent=2, allow_nan=False) + "\n").encode()
    try:
        for file, data in contents.items():
            write_synced(folder / f"{file}.new", data)
    except OSError as error:
        for written in contents:
            (folder / f"{written}.new").unlink(missing_ok=True)
        raise failed(folder / file, error) from error
    sync_folder(folder)
    settle(folder, name)


def settle(folder: Path, name: str) -> None:
    """Finish a commit that was cut off after `name.json.new` was complete; drop one that was cut off before.

    For the one process that writes the checkpoint.
    """
    if not folder.is_dir():
        return
    marker = folder / f"{name}.json.new"
    committed = _json(marker) is not None
    for path in [*sorted(set(folder.glob(f"{name}.*.new")) - {marker}), marker]:
        if committed:
            path.replace(path.with_suffix(""))
        else:
            path.unlink(missing_ok=True)
    sync_folder(folder)


def about(folder: Path, name: str) -> dict[str, Any]:
    """What was said about the checkpoint when it was saved. Raises `RunError` where it is missing or damaged."""
    path = folder / f"{name}.json"
    content = _json(path.with_name(f"{path.name}.new")) or _json(path)
    if content is None or not isinstance(content.get("sha256"), dict):
        raise RunError(f"no readable checkpoint {path}; train the run first (--resume continues it)")
    return content


def exists(folder: Path, name: str) -> bool:
    """Whether there is a checkpoint to read."""
    return _json(folder / f"{name}.json.new") is not None or (folder / f"{name}.json").exists()


def lost(folder: Path, name: str) -> Path | None:
    """The first of the checkpoint's files that is missing; `name.json` also where it cannot be read."""
    try:
        files = [folder / file for file in about(folder, name)["sha256"]]
    except RunError:
        return folder / f"{name}.json"
    # The new one first: a writer may be moving it to its place just now.
    gone = (path for path in files if not path.with_name(f"{path.name}.new").exists() and not path.exists())
    return next(gone, None)


def read(folder: Path, name: str, ending: str) -> bytes:
    """The content of `name.ending`. Raises `RunError` where no file matches the hash."""
    path = folder / f"{name}.{ending}"
    for attempt in range(PATIENCE):
        expected = about(folder, name)["sha256"].get(path.name)
        for candidate in (path, path.with_name(f"{path.name}.new")):
            data = _bytes(candidate)
            if data is not None and hashlib.sha256(data).hexdigest() == expected:
                return data
        time.sleep(0.02 * attempt)
    if not path.exists():
        raise RunError(f"cannot read {path}: it is missing; restore it from a copy of the run")
    raise RunError(f"{path} differs from the sha256 in {name}.json: it is damaged; restore it from a copy of the run")


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}; restore it from a copy of the run") from error


def _json(path: Path) -> dict[str, Any] | None:
    data = _bytes(path)
    try:
        content = json.loads(data) if data is not None else None
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
