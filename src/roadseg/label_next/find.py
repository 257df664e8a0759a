"""Look at unlabelled images with trained networks, and choose those to label next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from roadseg.atomic import check_unused
from roadseg.data.datasets import split_records
from roadseg.data.decode import read_image
from roadseg.ensemble import Member, probabilities
from roadseg.errors import ConfigError, WorkFailed
from roadseg.evaluate import ready
from roadseg.label_next.choice import Chosen, choose, worth
from roadseg.label_next.sight import Sight, sight, trunk_features
from roadseg.labels import LabelSpace
from roadseg.predict import begun, decoded, find_images, worker_threads
from roadseg.progress import Display
from roadseg.runs import RunDir


@dataclass(frozen=True)
class Findings:
    """What was chosen, in order, among which images, and by whom.

    `files` and `sights` are those of the images that could be read and have no label yet, by name; positions in
    `chosen` are theirs. `labelled` images were kept away from, `unread` ones could not be read.
    """

    chosen: list[Chosen]
    files: dict[str, Path]
    sights: dict[str, Sight]
    labelled: int
    unread: int
    members: list[Member]
    runs: list[RunDir]
    space: LabelSpace

    def picked(self) -> list[tuple[str, Sight, Chosen]]:
        """The chosen images in order: name, what the networks make of it, and why it was chosen."""
        names = list(self.files)
        return [(names[each.position], self.sights[names[each.position]], each) for each in self.chosen]


def find(
    runs: Sequence[RunDir], images: str, count: int, output: Path, root: Path | None, display: Display
) -> Findings:
    """Choose `count` of the images (a folder, a file or a glob pattern) that should be labelled next.

    With a `root` the labelled images of the runs' data set there are not chosen, and what resembles them comes later.
    Raises `ConfigError` for an output among the images or other files, `WorkFailed` where no image could be read, and
    as `find_images` and `split_records`.
    """
    files = find_images([images], output / "next.html")  # there is no image in it that had to be passed over
    check_apart(images, files, output)
    if not (output / "next.json").exists():
        check_unused(output)
    known = _labelled(runs[0], root) if root else {}
    own = {path.resolve() for path in known.values()}
    files = {name: path for name, path in files.items() if path.resolve() not in own}
    if not files:
        raise ConfigError(f"all images in {images} are labelled ones of {root}; give images without labels")
    members = [Member(ready(run), run.config(), run.temperature() or 1.0) for run in runs]
    seen = look(members, known, display, "looking at labelled images")
    sights = look(members, files, display, "looking at images")
    if not sights:
        raise WorkFailed(f"none of the images in {images} could be read; nothing was written")
    features = np.stack([each.features for each in (*sights.values(), *seen.values())])
    weights = worth(np.stack([each.doubts for each in sights.values()]))
    chosen = choose(weights, features[: len(sights)], count, features[len(sights) :])
    read = {name: files[name] for name in sights}
    unread = len(files) - len(read)
    return Findings(chosen, read, sights, len(seen), unread, members, list(runs), runs[0].labels())


def check_apart(images: str, files: Mapping[str, Path], output: Path) -> None:
    """Raises `ConfigError` for an output that is, or lies in, a folder of the images, which are only read."""
    own = output.resolve()
    folders = [Path(images)] if Path(images).is_dir() else [path.parent for path in files.values()]
    among = Path(images).is_dir() and own.is_relative_to(Path(images).resolve())
    if among or own in {folder.resolve() for folder in folders}:
        raise ConfigError(f"--output {output} lies among the images, which are only read; choose another folder")


def _labelled(run: RunDir, root: Path | None) -> dict[str, Path]:
    """The labelled images of the run's data set below `root`, by id: whichever part they are in."""
    data = run.config().data.model_copy(update={"root": root})
    return {record.id: record.image for record in split_records(data, run.splits(), "all")}


def look(members: Sequence[Member], files: Mapping[str, Path], display: Display, what: str) -> dict[str, Sight]:
    """What the networks make of each image that can be read, by name; the others are told and passed over.

    While they look at one image the next one is decoded.
    """
    found: dict[str, Sight] = {}
    if files:
        display.begin(what, len(files))
    with ExitStack() as open_things, torch.inference_mode():
        threads = open_things.enter_context(worker_threads(1))
        features = [open_things.enter_context(trunk_features(member.ready.network)) for member in members]
        readings = zip(files, begun(threads, read_image, files.values(), 1), strict=True)
        for name, image in decoded(readings, display):
            said = [probabilities(member, image) for member in members]
            found[name] = sight(said, [kept[0] for kept in features])
            display.advance()
    return found
