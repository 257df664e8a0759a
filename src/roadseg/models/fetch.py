"""Download one published file: resumable, verified by its hash, and moved into place atomically."""

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from roadseg.errors import WeightsError, WorkFailed

CHUNK = 1 << 20
Report = Callable[[int, int | None], None]
"""Called with the number of bytes on disk, and the size of the whole file if known."""


def fetch(url: str, target: Path, sha256: str, *, visible: bool = False, timeout: float = 30.0) -> None:
    """Download `url` to `target`, unless it exists.

    A partial download stays in `<target>.part`, and a later call resumes it. Processes that fetch the same file at the
    same time wait for the first one.

    Args:
        url: http or https address.
        target: final place; its folder is created.
        sha256: the first hexadecimal digits of the file's SHA-256 (torch hub's convention: the end of its name).
        visible: draw a progress bar on standard error.
        timeout: seconds without a byte after which the connection counts as broken.

    Raises:
        WeightsError: the server cannot be reached, refuses, or sends a file with another hash.
        WorkFailed: the folder cannot be written or the disk is full.
    """
    part = target.with_name(target.name + ".part")
    with _writing(target), FileLock(f"{target}.lock"), _progress(target.name, visible) as report:
        if target.is_file():
            return
        while not _transfer(url, target, part, timeout, report):
            pass
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        if not digest.startswith(sha256):
            part.unlink()
            raise WeightsError(
                f"{url} arrived with SHA-256 {digest[:16]}..., not {sha256}...; it was deleted. "
                f"Try again, or put a good copy at {target}"
            )
        part.replace(target)


def _transfer(url: str, target: Path, part: Path, timeout: float, report: Report) -> bool:
    """One connection's worth of the file, appended to `part`; True when it is complete.

    Raises where the server cannot be reached or the connection brought nothing new, so that repeating comes to an end.
    """
    before = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "roadseg"})
    if before:
        request.add_header("Range", f"bytes={before}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and before:  # nothing is left to send; the hash decides
            return True
        raise _unreachable(url, target, f"HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _unreachable(url, target, str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url, target, str(error) or type(error).__name__) from error
    with response:
        total = _receive(response, part, report)
    size = part.stat().st_size
    if total is None or size >= total:
        return True
    if size <= before:
        raise _unreachable(url, target, f"the connection broke after {size} of {total} bytes; they are kept")
    return False


def _receive(response: http.client.HTTPResponse, part: Path, report: Report) -> int | None:
    """Write what the connection brings until it ends or breaks; the whole file's size in bytes, if it is known."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    length = response.headers.get("Content-Length")
    total = int(match[2]) if match else int(length) if length else None
    with part.open("r+b" if part.exists() else "wb") as file:
        file.seek(int(match[1]) if match else 0)
        file.truncate()
        while chunk := _read(response):
            file.write(chunk)
            report(file.tell(), total)
    return total


def _read(response: http.client.HTTPResponse) -> bytes:
    """The next chunk; empty at the end, and also if the connection breaks (the caller compares sizes)."""
    try:
        return response.read1(CHUNK)
    except (OSError, http.client.HTTPException):
        return b""


def _unreachable(url: str, target: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"cannot fetch {url}: {reason}.\n"
        f"Download it by other means and put it at {target}, or name a weights file with --model.weights FILE"
    )


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """Make the folder, and turn an `OSError` into `WorkFailed`."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise WorkFailed(
            f"cannot write {target.parent}: {error.strerror or error}; make room or set ROADSEG_HOME to another folder"
        ) from error


@contextmanager
def _progress(name: str, visible: bool) -> Iterator[Report]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not visible) as progress:
        task = progress.add_task(name, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
