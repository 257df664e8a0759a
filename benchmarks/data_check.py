"""Faults planted in copies of real data: which of them `roadseg data check` finds, its false alarms, and its speed.

python benchmarks/data_check.py [--camvid DIR] [--kitti DIR] [--images 60] [--many 4000]

In each copy of about --images images the fault is planted in every tenth file. Inputs are the spoilt files that a
finding of the fault's subject names; false alarms are other files that an error or a warning names. Streets are drawn.
At last --many links to CamVid's images and labels are checked, for files a second and memory.
"""

import argparse
import io
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from roadseg.curation.check.inputs import Inputs
from roadseg.curation.check.run import diagnose, inspect_all
from roadseg.data.datasets import dataset
from roadseg.data.records import Record
from roadseg.data.streets import synthesize
from roadseg.labels import _CITYSCAPES, LabelSpace, camvid, cityscapes
from roadseg.system.progress import Display

Spoil = Callable[[np.ndarray, Path], None]
"""Writes a spoilt label in place of the one with these ids."""


def save(values: np.ndarray, path: Path) -> None:
    path.unlink()
    Image.fromarray(values).save(path)


def shifted(right: int, down: int) -> Spoil:
    return lambda ids, path: save(ndimage.shift(ids, (down, right), order=0, mode="nearest"), path)


def resized(factor: float, back: bool, method: Image.Resampling) -> Spoil:
    def spoil(ids: np.ndarray, path: Path) -> None:
        height, width = ids.shape
        small = Image.fromarray(ids).resize((round(width * factor), round(height * factor)), method)
        save(np.asarray(small.resize((width, height), method) if back else small), path)

    return spoil


def cropped(share: float) -> Spoil:
    def spoil(ids: np.ndarray, path: Path) -> None:
        height, width = ids.shape
        top, left = round(share * height), round(share * width)
        part = Image.fromarray(ids[top : height - top, left : width - left])
        save(np.asarray(part.resize((width, height), Image.Resampling.NEAREST)), path)

    return spoil


def truncated(ids: np.ndarray, path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def jpeg(ids: np.ndarray, path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(ids).save(buffer, "JPEG", quality=90)
    path.unlink()
    path.write_bytes(buffer.getvalue())


def grey_rgb(ids: np.ndarray, path: Path) -> None:
    save(np.repeat(ids[..., None], 3, axis=2), path)


def colors(ids: np.ndarray, path: Path) -> None:
    save(np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8)[ids], path)


def train_ids(ids: np.ndarray, path: Path) -> None:
    table = np.full(256, 255, np.uint8)
    for number, train, *_ in _CITYSCAPES:
        table[number] = train
    save(table[ids], path)


def unlabelled(ids: np.ndarray, path: Path) -> None:
    void = np.uint8(0 if ids.max() > 11 else 11)
    save(np.where(np.arange(len(ids))[:, None] < 0.05 * len(ids), ids, void), path)


SPOILS: dict[str, tuple[str, Spoil]] = {
    **{
        f"shifted by {abs(x)}, {abs(y)} pixels": ("shift", shifted(x, y))
        for x, y in ((1, 0), (2, 0), (3, 0), (0, 4), (-6, 4), (10, -8), (20, 16))
    },
    "mirrored left to right": ("shift", lambda ids, path: save(np.ascontiguousarray(ids[:, ::-1]), path)),
    "upside down": ("shift", lambda ids, path: save(np.ascontiguousarray(ids[::-1]), path)),
    "cropped by 3 % a side, enlarged": ("shift", cropped(0.03)),
    "cropped by 10 % a side, enlarged": ("shift", cropped(0.10)),
    "halved, bilinear, and enlarged": ("borders", resized(0.5, True, Image.Resampling.BILINEAR)),
    "enlarged from 3/4, bicubic": ("borders", resized(0.75, True, Image.Resampling.BICUBIC)),
    "half the size, nearest": ("sizes", resized(0.5, False, Image.Resampling.NEAREST)),
    "truncated": ("files", truncated),
    "JPEG": ("coding", jpeg),
    "three equal channels": ("coding", grey_rgb),
    "colours": ("coding", colors),
    "empty (all one id)": ("classes", lambda ids, path: save(np.full_like(ids, ids.max()), path)),
    "95 % unlabelled": (
        "classes", unlabelled,
    ),
}  # fmt: skip


def copied(records: list[Record], folder: Path) -> list[Record]:
    """Copies of images and labels."""
    made = []
    for record in records:
        paths = [
            folder / kind / f"{record.id}{path.suffix}" for kind, path in (("i", record.image), ("l", record.label))
        ]
        for path, source in zip(paths, (record.image, record.label), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.read_bytes())
        made.append(Record(record.id, paths[0], paths[1], record.group))
    return made


def check(records: list[Record], space: LabelSpace, subject: str) -> tuple[set[str], set[str]]:
    """Labels that findings of the subject name, and those that other errors and warnings name."""
    found = Inputs({"all": records}, (), (), space)
    findings = [finding for finding in diagnose(found, inspect_all(found, Display())) if finding.severity != "hint"]
    to_label = {str(record.image): str(record.label) for record in records}
    named = [{to_label.get(name, name) for name in finding.files} for finding in findings]
    mine = set().union(*(files for files, finding in zip(named, findings, strict=True) if finding.subject == subject))
    return mine, set().union(*named)


def plant(name: str, records: list[Record], space: LabelSpace) -> None:
    clean = check(records, space, "")[1]
    print(f"| {name} | nothing | 0 | | {len(clean)} of {len(records)} |", flush=True)
    spoils = dict(SPOILS)
    if space.name == "cityscapes":
        spoils["train ids"] = ("coding", train_ids)
    for fault, (subject, spoil) in spoils.items():
        with tempfile.TemporaryDirectory() as folder:
            made = copied(records, Path(folder))
            chosen = made[:: max(1, len(made) // max(6, len(made) // 10))]
            for record in chosen:
                spoil(np.asarray(Image.open(record.label)), record.label)
            bad = {str(record.label) for record in chosen}
            mine, named = check(made, space, subject)
        print(
            f"| {name} | {fault} | {len(bad)} | {len(bad & mine)}"
            + (f" ({len(bad & named)} by any)" if len(bad & named) > len(bad & mine) else "")
            + f" | {len(named - bad)} of {len(made) - len(bad)} |",
            flush=True,
        )
    plant_pairs(name, records, space)


def plant_pairs(name: str, records: list[Record], space: LabelSpace) -> None:
    """Faults that two files have together, between train and val."""
    half = len(records) // 2
    kinds: dict[str, Callable[[Record, Record], None]] = {
        "label of another image": lambda one, other: one.label.write_bytes(other.label.read_bytes()),
        "image in two parts": lambda one, other: one.image.write_bytes(other.image.read_bytes()),
        "image in two parts, as JPEG": lambda one, other: (
            Image.open(other.image).convert("RGB").save(one.image, "JPEG", quality=60)
        ),
    }
    for fault, spoil in kinds.items():
        with tempfile.TemporaryDirectory() as folder:
            made = copied(records, Path(folder))
            chosen = list(zip(made[:half:5], made[half::5], strict=False))
            for one, other in chosen:
                spoil(one, other)
            parts = {"train": made[half:], "val": made[:half]}
            found = Inputs(parts, (), (), space)
            findings = [
                one
                for one in diagnose(found, inspect_all(found, Display()))
                if one.subject == "duplicates" and one.mark
            ]
            named = {name for one in findings if one.subject == "duplicates" and one.mark for name in one.files}
        bad = {str(one.image) for one, _ in chosen}
        others = {str(other.image) for _, other in chosen}
        print(
            f"| {name} | {fault} | {len(bad)} | {len(bad & named)} | {len(named - bad - others)} of {len(made) - len(bad)} |"  # noqa: E501
        )


def speed(records: list[Record], space: LabelSpace, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = []
        for number in range(count):
            source, name = records[number % len(records)], f"{number:06d}"
            paths = Path(folder) / f"{name}i.png", Path(folder) / f"{name}l.png"
            paths[0].symlink_to(source.image.resolve())
            paths[1].symlink_to(source.label.resolve())
            made.append(Record(name, paths[0], paths[1], source.group))
        found = Inputs({"train": made[: count // 2], "val": made[count // 2 :]}, (), (), space)
        for threads in (1, 2):
            started = time.perf_counter()
            inspected = inspect_all(found, Display(), threads)
            looked = time.perf_counter() - started
            diagnose(found, inspected)
            print(
                f"{2 * count} files, {threads} threads: looked at in {looked:.0f} s ({2 * count / looked:.0f} a second), "  # noqa: E501
                f"judged in {time.perf_counter() - started - looked:.1f} s, "
                f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB", flush=True,
            )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--camvid", type=Path, default=Path("../shared/data/camvid"))
    parser.add_argument("--kitti", type=Path, default=Path("../shared/data/kitti"))
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--many", type=int, default=4000)
    arguments = parser.parse_args()
    print("| data | planted | spoilt | found | false alarms |\n|---|---|---|---|---|")
    films = [record for part in ("train", "val") for record in dataset("camvid").records(arguments.camvid, part)]
    plant("CamVid", films[:: len(films) // arguments.images], camvid())
    plant("KITTI", dataset("kitti").records(arguments.kitti, "all"), cityscapes())
    with tempfile.TemporaryDirectory() as folder:
        synthesize(Path(folder) / "streets", drives=20, frames=3)
        plant("streets", dataset("kitti").records(Path(folder) / "streets", "all"), cityscapes())
    print()
    speed(films, camvid(), arguments.many)


if __name__ == "__main__":
    main()
