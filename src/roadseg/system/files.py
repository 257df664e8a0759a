"""Atomic writing: a reader, or a power cut, sees either the whole old content or the whole new one."""

import os
from errno import EDQUOT, ENOSPC
from pathlib import Path

from roadseg.errors import ConfigError, WorkFailed


def write_text(path: Path, text: str) -> None:
    """Replace the content of `path` by `text` in UTF-8, line ends as they are. Raises `WorkFailed` as `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the content of `path` by `data`: written beside it, synced to the disk, renamed.

    The folder must exist. The file has the permissions that the user's umask gives to a new file.
    Raises `WorkFailed` naming the file and the system's reason; the old content is kept then.
    """
    beside = path.with_name(f".{path.name}.tmp")
    try:
        write_synced(beside, data)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise failed(path, error) from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_synced(path: Path, data: bytes) -> None:
    """Write `data` and wait until the disk has it. Raises `OSError`; the file may be half-written then."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Sync the folder, so that a rename survives a power cut; does nothing where the system cannot."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        return  # some network file systems cannot
    finally:
        os.close(handle)


def failed(path: Path, error: OSError) -> WorkFailed:
    """The `WorkFailed` for a file that could not be written."""
    remedy = "free space or choose another folder" if error.errno in (ENOSPC, EDQUOT) else "choose another place"
    return WorkFailed(f"cannot write {path}: {error.strerror}; {remedy}")


def check_new(path: Path) -> None:
    """Raises `ConfigError` where an --output exists already or has no folder."""
    if path.exists():
        raise ConfigError(f"{path} exists already; choose another --output, or remove it first")
    if not path.parent.is_dir():
        raise ConfigError(f"no folder {path.parent} for {path.name}; make it first, or choose another --output")


def check_unused(folder: Path, *but: str) -> None:
    """Raises `ConfigError` where an --output is a file, or a folder that holds something but what `but` names."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; choose a new or empty folder with --output")
    others = sorted(path.name for path in folder.iterdir() if path.name not in but) if folder.exists() else []
    if others:
        raise ConfigError(f"{folder} holds other files ({others[0]}); choose a new or empty folder with --output")
