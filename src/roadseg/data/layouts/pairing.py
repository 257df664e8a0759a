"""Find image and label files and pair them by id."""

from collections.abc import Callable, Iterable
from pathlib import Path

from roadseg.data.records import Record
from roadseg.errors import DataError


class Unpaired(DataError):
    """Images without a label or labels without an image, for who can go on with the `records` that have both."""

    def __init__(self, message: str, records: list[Record], images: list[Path], labels: list[Path]) -> None:
        super().__init__(message)
        self.records, self.images, self.labels = records, images, labels


def files_by_id(folder: Path, pattern: str, id_of: Callable[[Path], str] = lambda path: path.stem) -> dict[str, Path]:
    """The files of `folder` that match the glob `pattern`, by id (by default the name without its ending).

    Hidden files are passed over (macOS leaves `._name.png` beside unpacked files).
    Raises `DataError` where the folder is missing, nothing matches, or two files have the same id.
    """
    if not folder.is_dir():
        raise DataError(f"no folder {folder}; give the data set's top folder with --data.root")
    paths = [path for path in sorted(folder.glob(pattern)) if path.is_file() and not path.name.startswith(".")]
    if not paths:
        raise DataError(f"no files {pattern} in {folder}; is this the data set's top folder, and is it unpacked?")
    return by_id((id_of(path), path) for path in paths)


def by_id(files: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """Files by id. Raises `DataError` naming the first two files that have the same id."""
    found: dict[str, Path] = {}
    for name, path in files:
        if name in found:
            raise DataError(f"{found[name]} and {path} both have the id {name}; remove or rename one of them")
        found[name] = path
    return found


def paired(images: dict[str, Path], labels: dict[str, Path], group: Callable[[str], str]) -> list[Record]:
    """One record for each id, sorted by id. Raises `Unpaired` naming the first files that have no partner."""
    both = sorted(images.keys() & labels.keys())
    records = [Record(id=name, image=images[name], label=labels[name], group=group(name)) for name in both]
    for have, lack, what in ((images, labels, "label"), (labels, images, "image")):
        alone = sorted(have.keys() - lack.keys())
        if alone:
            more = f" (and {len(alone) - 1} more like it)" if len(alone) > 1 else ""
            raise Unpaired(
                f"{have[alone[0]]} has no {what}{more}; add the missing file or remove this one",
                records,
                [images[name] for name in sorted(images.keys() - labels.keys())],
                [labels[name] for name in sorted(labels.keys() - images.keys())],
            )
    return records
