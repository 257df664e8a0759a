"""Writes drives as a data set in KITTI's layout."""

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from roadseg.data.streets.drive import Drive
from roadseg.errors import DataError
from roadseg.system.files import write_bytes, write_text

_SMALLEST, _LARGEST = 32, 4096  # pixels


def synthesize(
    root: Path,
    drives: int = 8,
    frames: int = 6,
    width: int = 416,
    height: int = 128,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Draw `drives` drives of `frames` frames (width x height pixels) into root; return the number of frames written.

    Layout of the KITTI 2015 semantic benchmark: training/image_2/000000_10.png (RGB), training/semantic/000000_10.png
    (8-bit Cityscapes label ids), and drives.txt with a line `000000 drive_0001 0000000000` (index, drive, frame) per
    image. The same arguments give the same pixels; drive k is the same however many drives there are.
    `progress` is called with (frames done, frames in all) after each frame.

    Raises DataError, before anything is written, if root is not an empty or new folder or an argument is out of range.
    """
    _check(root, drives, frames, width, height, seed)
    total = drives * frames
    images, labels = root / "training" / "image_2", root / "training" / "semantic"
    images.mkdir(parents=True, exist_ok=True)
    labels.mkdir(parents=True, exist_ok=True)
    table: list[str] = []
    for drive in range(drives):
        film = Drive(seed, drive, frames, width, height)
        for frame in range(frames):
            index = len(table)
            image, label = film.render(frame)
            _save(image, images / f"{index:06d}_10.png")
            _save(label, labels / f"{index:06d}_10.png")
            table.append(f"{index:06d} drive_{drive + 1:04d} {frame:010d}\n")
            if progress is not None:
                progress(index + 1, total)
    write_text(root / "drives.txt", "".join(table))
    return total


def _check(root: Path, drives: int, frames: int, width: int, height: int, seed: int) -> None:
    for name, value in (("drives", drives), ("frames", frames)):
        if value < 1:
            raise DataError(f"{name} is {value}, but a data set needs at least 1; give 1 or more")
    for name, value in (("width", width), ("height", height)):
        if not _SMALLEST <= value <= _LARGEST:
            cure = f"choose a {name} in {_SMALLEST}-{_LARGEST} pixels"
            raise DataError(f"{name} is {value}, but a street cannot be drawn at that size; {cure}")
    if seed < 0:
        raise DataError(f"seed is {seed}, but seeds are not negative; give 0 or more")
    if root.exists() and not root.is_dir():
        raise DataError(f"{root} is a file, but the data set is a folder; name another folder")
    if root.is_dir() and any(root.iterdir()):
        raise DataError(f"{root} is not empty, and nothing in it is overwritten; name a new folder or empty this one")


def _save(image: Image.Image, path: Path) -> None:
    # The weakest compression: files grow by a fifth, writing takes a third of the time.
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    write_bytes(path, buffer.getvalue())
