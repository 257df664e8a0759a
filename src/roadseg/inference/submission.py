"""Predictions as the archive that a benchmark's server takes: official ids, native sizes, the benchmark's own names.

KITTI (semantics, 2015): `semantic/000123_10.png` for each of 200 images, as the devkit of the Robust Vision Challenge
packs it. Cityscapes (pixel-level semantic labelling): one file `<city>_<sequence>_<frame>*.png` for each of 1525
images, found by that pattern anywhere in the archive (`getPrediction` in cityscapesScripts' evaluation). Both want one
channel of 8 bits with ids, not train ids, and score as cityscapesScripts does.
"""

import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from PIL import Image

from roadseg import labels
from roadseg.data.decode import image_size, read_image
from roadseg.errors import ConfigError, DataError, RunError, WorkFailed
from roadseg.inference.images import WRITERS, decoded, find_images
from roadseg.inference.predictor import Predictor
from roadseg.inference.visualize import Indices, png
from roadseg.labels import LabelSpace
from roadseg.runs.run_dir import RunDir
from roadseg.system.files import failed, sync_folder
from roadseg.system.progress import Display
from roadseg.system.threads import begun, worker_threads

LARGEST_ID = 33
"""Of the ids that a file may hold; the licence plate's -1 is no byte, and the evaluation fails on its 255."""
UNLABELED = 0
"""Stands for the licence plate. Neither is evaluated: where the truth is another class, both are wrong."""
PNG_DEPTH, PNG_COLOR = 24, 25
"""Where a PNG file says its bits per channel and its kind of colour, of which 0 is grey."""


class Benchmark(NamedTuple):
    """What a server expects. `image` finds the id in the name of an image file, `member` is a file of the archive.

    Heights and widths of the images lie in `heights` and `widths`, ends included; the test set has `images` of them.
    """

    title: str
    image: str
    example: str
    member: str
    images: int
    heights: tuple[int, int]
    widths: tuple[int, int]
    test_images: str


BENCHMARKS = {
    "kitti": Benchmark(
        title="KITTI", image=r"(\d{6}_10)\.png", example="000123_10.png", member="semantic/{}.png",
        images=200, heights=(370, 376), widths=(1224, 1242), test_images="'testing/image_2/*_10.png'",
    ),
    "cityscapes": Benchmark(
        title="Cityscapes", image=r"([A-Za-z-]+_\d{6}_\d{6})_leftImg8bit\.png",
        example="berlin_000123_000019_leftImg8bit.png", member="{}.png",
        images=1525, heights=(1024, 1024), widths=(2048, 2048), test_images="leftImg8bit/test",
    ),
}  # fmt: skip


def submit(run: RunDir, inputs: Sequence[str], output: Path, name: str, display: Display) -> Path:
    """Label the images and write `output/<name>.zip`, checked; return its path. The archive comes whole or not at all.

    Raises `RunError` for a run of other classes, `DataError` for images that are not the benchmark's, `ConfigError`
    where the archive exists, and `WorkFailed` where an image cannot be decoded or the archive turns out wrong.
    """
    run.config()  # says first where there is no run at all
    benchmark, space = BENCHMARKS[name], run.labels()
    check_classes(space, benchmark)
    archive = output / f"{name}.zip"
    if archive.exists():
        raise ConfigError(f"{archive} exists already; choose another --output, or remove it first")
    images = benchmark_images(find_images(inputs, output).values(), benchmark)
    sizes = native_sizes(images, benchmark)
    for warning in warnings(images, benchmark):
        display.say(warning)
    output.mkdir(parents=True, exist_ok=True)
    with _written_whole(archive) as beside:
        _write(beside, _predicted(run, images, display), benchmark, space)
        lacking = len(images) - len(_names(beside))
        if lacking:
            raise WorkFailed(f"{lacking} of {len(images)} images could not be read; no archive was written")
        check(beside, {benchmark.member.format(key): size for key, size in sizes.items()})
    return archive


def check_classes(space: LabelSpace, benchmark: Benchmark) -> None:
    """Raises `RunError` where a class of `space` has not the benchmark's id for that name."""
    official = {label.name: label.id for label in labels.cityscapes("all").classes}
    other = next((label for label in space.classes if official.get(label.name) != label.id), None)
    if other is not None:
        raise RunError(
            f"the run was trained on the classes of {space.name}, of which {other.name!r} (id {other.id}) is none of "
            f"{benchmark.title}'s; give a run on {benchmark.title}'s classes, such as one of kitti-fcn8s"
        )


def benchmark_images(paths: Iterable[Path], benchmark: Benchmark) -> dict[str, Path]:
    """Image files by the benchmark's id, sorted. Raises `DataError` for another name, and an id that comes twice."""
    found: dict[str, Path] = {}
    for path in paths:
        match = re.fullmatch(benchmark.image, path.name)
        if match is None:
            raise DataError(
                f"{path} is not named as {benchmark.title}'s images ({benchmark.example}); "
                f"give the benchmark's own files, such as {benchmark.test_images}"
            )
        if found.setdefault(match[1], path) != path:
            raise DataError(f"{found[match[1]]} and {path} are both {match[1]}; give one of them")
    return dict(sorted(found.items()))


def native_sizes(images: Mapping[str, Path], benchmark: Benchmark) -> dict[str, tuple[int, int]]:
    """Height and width of each image by id. Raises `DataError` for one that is not of the benchmark's size."""
    sizes = {key: image_size(path) for key, path in images.items()}
    (low, high), (narrow, wide) = benchmark.heights, benchmark.widths
    for key, (height, width) in sizes.items():
        if not (low <= height <= high and narrow <= width <= wide):
            expected = f"{_range(narrow, wide)} x {_range(low, high)}"
            raise DataError(
                f"{images[key]} is {width}x{height} pixels, the benchmark's images are {expected}; "
                "give them as they were published"
            )
    return sizes


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def warnings(images: Mapping[str, Path], benchmark: Benchmark) -> list[str]:
    """Why the server may refuse or misread an archive of these images, though each of them is in order."""
    found = []
    if len(images) != benchmark.images:
        found.append(
            f"incomplete: {len(images)} image{'' if len(images) == 1 else 's'}, {benchmark.title}'s test set has "
            f"{benchmark.images}; the archive can be scored at home, the server wants all of them"
        )
    training = next((path for path in images.values() if path.resolve().parent.parent.name == "training"), None)
    if training is not None and benchmark is BENCHMARKS["kitti"]:
        found.append(f"{training} is a training image; the test images have the same names, in testing/")
    return found


def _predicted(run: RunDir, images: Mapping[str, Path], display: Display) -> Iterator[tuple[str, Indices]]:
    """Each image's id and class indices uint8 (H, W); images that cannot be decoded are reported and left out."""
    predictor = Predictor(run)
    display.begin("predicting", len(images))
    with worker_threads(1) as threads:
        readings = zip(images, begun(threads, read_image, images.values(), 1), strict=True)
        for key, image in decoded(readings, display):
            yield key, predictor.classes(image.permute(1, 2, 0).numpy())
            display.advance()


def official_ids(indices: Indices, space: LabelSpace) -> Indices:
    """Ids as the servers read them, uint8 (H, W), from class indices."""
    table = np.where(space.index_to_id <= LARGEST_ID, space.index_to_id, UNLABELED)
    return np.asarray(table[indices])


def _write(path: Path, predictions: Iterable[tuple[str, Indices]], benchmark: Benchmark, space: LabelSpace) -> None:
    """The archive, without a date: the same predictions make the same file."""

    def member(prediction: tuple[str, Indices]) -> tuple[str, bytes]:
        key, indices = prediction
        return benchmark.member.format(key), png(official_ids(indices, space))

    with ZipFile(path, "w") as archive, worker_threads(WRITERS) as threads:
        for packing in begun(threads, member, predictions, WRITERS):
            name, content = packing.result()
            archive.writestr(ZipInfo(name), content)


def _names(path: Path) -> list[str]:
    with ZipFile(path) as archive:
        return archive.namelist()


@contextmanager
def _written_whole(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place at the end, or is removed after an error."""
    beside = path.with_name(f".{path.name}.tmp")
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise failed(path, error) from error
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def check(path: Path, expected: Mapping[str, tuple[int, int]]) -> None:
    """Whether an archive is what a server takes: the expected files (height and width by name) and no other, each a PNG
    of one channel and 8 bits, of its size, with official ids. Raises `WorkFailed` naming the first that is not.
    """
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
            odd = sorted(set(names) ^ set(expected)) or [name for name in names if names.count(name) > 1]
            if odd:
                raise _wrong(odd[0], "it is missing, not expected, or there twice")
            for name, size in expected.items():
                _check_file(name, archive.read(name), size)
    except BadZipFile as error:
        raise _wrong(path.name, str(error)) from error


def _check_file(name: str, content: bytes, size: tuple[int, int]) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            ids = np.asarray(picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise _wrong(name, f"it is no PNG picture ({error})") from error
    if (content[PNG_DEPTH], content[PNG_COLOR]) != (8, 0):
        raise _wrong(name, "it has not one channel of 8 bits")
    if ids.shape != size:
        raise _wrong(name, f"it is {ids.shape[1]}x{ids.shape[0]} pixels, its image {size[1]}x{size[0]}")
    if ids.max() > LARGEST_ID:
        raise _wrong(name, f"{int(ids.max())} is no official id (0-{LARGEST_ID})")


def _wrong(name: str, why: str) -> WorkFailed:
    return WorkFailed(f"the archive would not be taken: {name}: {why}; no archive was written")
