"""Image files: which are meant, and decoded ahead of their use."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path

from torch import Tensor

from roadseg.data.decode import PICTURES
from roadseg.errors import DataError
from roadseg.system.processes import cpu_count
from roadseg.system.progress import Display

VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"}
WRITERS = min(8, cpu_count())
"""Images whose pictures are made and written at once."""


def find_images(inputs: Sequence[str], output: Path) -> dict[str, Path]:
    """Image files by the name (without ending) that their pictures get.

    An input is a file, a folder (searched through, sub-folders kept in the name; what lies in `output` is passed over)
    or a glob pattern (named from its first folder without a wildcard). Raises `DataError` for an input that matches
    nothing, an output that is an input, and two files of one name.
    """
    found: dict[str, Path] = {}
    for given in inputs:
        if given and Path(given).resolve() == output.resolve():
            raise DataError(f"{given} is the output too; choose another --output")
        if Path(given).suffix.lower() in VIDEOS:
            raise DataError(f"{given} is a video; take frames first, such as ffmpeg -i {given} frames/%06d.png")
        named = _named_images(given, output)
        if not named:
            raise DataError(f"no image in {given!r}; give a picture, a folder of pictures, or a quoted glob pattern")
        for name, file in named:
            if found.setdefault(name, file) != file:
                raise DataError(f"{found[name]} and {file} would both be written as {name}; give each its own --output")
    return found


def _named_images(given: str, output: Path) -> list[tuple[str, Path]]:
    path = Path(given)
    if not given:
        return []
    if path.is_file():
        return [(path.stem, path)]
    if path.is_dir():
        return _named(path.rglob("*"), path, output)
    fixed = Path(*takewhile(lambda part: not has_magic(part), path.parts))
    matches = map(Path, glob(given, recursive=True))  # noqa: PTH207  Path.glob refuses '**.png'
    return _named(matches, fixed, output)


def _named(files: Iterable[Path], top: Path, output: Path) -> list[tuple[str, Path]]:
    own = output.resolve()
    images = [file for file in sorted(files) if _is_image(file) and not file.resolve().is_relative_to(own)]
    return [(file.relative_to(top).with_suffix("").as_posix(), file) for file in images]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and path.is_file()


def decoded(readings: Iterable[tuple[str, Future[Tensor]]], display: Display) -> Iterator[tuple[str, Tensor]]:
    """The images that could be read; the others are reported and skipped."""
    for name, reading in readings:
        try:
            image = reading.result()
        except DataError as error:
            display.say(str(error))
            continue
        yield name, image
