"""Which images a report shows, and the pictures of each: photo, truth, and every arm's prediction and errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image

from roadseg.data.decode import read_sample
from roadseg.data.records import Record
from roadseg.errors import RoadsegError, RunError
from roadseg.labels import indices_from_ids
from roadseg.report.comparison.arms import Comparison, ScoredArm
from roadseg.report.figures import pictures
from roadseg.report.figures.pictures import Indices
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display

KINDS = {"best": "best", "worst": "worst", "differ": "most different"}
"""Why an image is shown, and how that is called."""

MOST_OF_A_KIND = 4
NEIGHBOURS = 5
"""Images of one drive that are at most so many apart look alike; of those of a kind one is shown."""
LONGEST_SIDE = 1024
"""Pictures are shrunk to this many pixels: as wide as they are ever shown on most screens."""

MOST_BYTES = 10_000_000
"""Of all pictures together, so that the page stays below 15 MB with their base64 text."""


@dataclass(frozen=True)
class Prediction:
    """An arm's label picture and error map of an image, as PNG files, and its mIoU on that image alone."""

    score: float
    labels: bytes
    errors: bytes


@dataclass(frozen=True)
class Shown:
    """An image of the gallery as files: photo (WebP), true labels (PNG), and what each arm makes of it.

    `strip` (WebP) has all of them in one picture: photo above truth, then each arm's labels above its errors.
    """

    id: str
    group: str
    kinds: tuple[str, ...]
    size: tuple[int, int]
    photo: bytes
    truth: bytes
    predictions: tuple[Prediction, ...]
    strip: bytes

    @property
    def difference(self) -> float:
        """Between the best and the worst arm."""
        scores = [prediction.score for prediction in self.predictions]
        return max(scores) - min(scores)

    @property
    def mean(self) -> float:
        """Over the arms."""
        return sum(prediction.score for prediction in self.predictions) / len(self.predictions)

    @property
    def weight(self) -> int:
        """Bytes of all files that the page holds."""
        inside = [len(prediction.labels) + len(prediction.errors) for prediction in self.predictions]
        return len(self.photo) + len(self.truth) + sum(inside)


@dataclass(frozen=True)
class Gallery:
    """The images, or why there are none; `left_out` were too many for one page."""

    shown: tuple[Shown, ...]
    missing: str = ""
    left_out: int = 0


def chosen(
    scores: Float[np.ndarray, "arms images"], groups: Sequence[str], most: int = MOST_OF_A_KIND
) -> dict[int, tuple[str, ...]]:
    """The images to show and their kinds: the highest and lowest mean score, and the largest gap between arms.

    The images are in the order of their ids, `groups` are their drives. Of few images each kind takes a third.
    Neighbours of one that is shown come after all others. An image that no arm has a score for is never chosen.
    """
    known = np.flatnonzero(~np.isnan(scores).any(0))
    most = min(most, -(-len(known) // 3))
    mean, gap = scores[:, known].mean(0), np.ptp(scores[:, known], axis=0)
    orders = {"best": np.argsort(-mean, kind="stable"), "worst": np.argsort(mean, kind="stable")}
    if len(scores) > 1:
        orders["differ"] = np.argsort(-gap, kind="stable")
    kinds: dict[int, tuple[str, ...]] = {}
    for kind, order in orders.items():
        for index in _apart([int(known[position]) for position in order], groups)[:most]:
            kinds[index] = (*kinds.get(index, ()), kind)
    return kinds


def _apart(order: Sequence[int], groups: Sequence[str]) -> list[int]:
    """The same images, those behind that are neighbours of one that comes before."""
    first: list[int] = []
    for index in order:
        if not any(groups[index] == groups[other] and abs(index - other) <= NEIGHBOURS for other in first):
            first.append(index)
    taken = set(first)
    return first + [index for index in order if index not in taken]


def make_gallery(comparison: Comparison, display: Display) -> Gallery:
    """Read the chosen images and what the first seed of each arm predicted for them."""
    if comparison.records is None:
        return Gallery((), comparison.missing)
    kinds = chosen(np.stack([arm.per_image for arm in comparison.arms]), comparison.group_of)
    display.begin("drawing pictures", len(kinds))
    shown: list[Shown] = []
    for index, why in kinds.items():
        record = comparison.records[comparison.ids[index]]
        try:
            picture = _shown(record, index, why, comparison)
        except (RoadsegError, OSError) as error:
            return Gallery((), str(error))
        if sum(before.weight for before in shown) + picture.weight > MOST_BYTES:
            return Gallery(tuple(shown), left_out=len(kinds) - len(shown))
        shown.append(picture)
        display.advance()
    return Gallery(tuple(shown))


def _shown(record: Record, index: int, kinds: tuple[str, ...], comparison: Comparison) -> Shown:
    arms, space = comparison.arms, comparison.space
    image, target = read_sample(record, space)
    height, width = target.shape
    factor = min(1.0, LONGEST_SIDE / max(height, width))
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    photo = pictures.shrunk(image.permute(1, 2, 0).numpy(), size)
    truth = pictures.nearest(target.numpy(), size)
    found = [pictures.nearest(_predicted(arm, index, record.id, comparison.split), size) for arm in arms]
    errors = pictures.error_maps(truth, found)
    predictions = tuple(
        Prediction(float(arm.per_image[index]), pictures.label_file(indices, space), pictures.error_file(wrong))
        for arm, indices, wrong in zip(arms, found, errors, strict=True)
    )
    return Shown(
        id=record.id,
        group=record.group,
        kinds=kinds,
        size=size,
        photo=pictures.photo_file(photo),
        truth=pictures.label_file(truth, space),
        predictions=predictions,
        strip=pictures.photo_file(pictures.strip(photo, truth, found, errors, space)),
    )


def _predicted(arm: ScoredArm, index: int, image_id: str, split: str) -> Indices:
    """Class indices as the arm's first seed predicted them, at the size that they were scored at."""
    run = arm.seeds[0].run_of[index]
    try:
        with Image.open(RunDir(run.path).prediction_file(split, image_id)) as picture:
            return indices_from_ids(np.asarray(picture.convert("L")), run.space)
    except (OSError, ValueError) as error:
        raise RunError(
            f"the predictions of {run.path} are missing or damaged; make them with roadseg evaluate --split {split}"
        ) from error
