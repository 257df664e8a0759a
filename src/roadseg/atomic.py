"""Write a file so that a reader, or a power cut, sees either all of the old content or all of the new."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from roadseg.errors import WorkFailed


def write_text(path: Path, text: str) -> None:
    """Replace the content of `path` by `text` in UTF-8, line ends as they are. Raises `WorkFailed` as `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the content of `path` by `data`: written beside it, synced to the disk, renamed.

    The folder must exist. The file has the permissions that the user's umask gives to a new file.
    Raises `WorkFailed` naming the file and the system's reason; the old content is kept then.
    """
    beside = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise WorkFailed(f"cannot write {path}: {error.strerror}; free space or choose another folder") from error
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
