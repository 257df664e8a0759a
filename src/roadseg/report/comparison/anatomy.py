"""Where the arms are right, and what their stride allows: the section "Where and why", and `anatomy.json`.

`anatomy.json` has for each arm, in the order of the report: name, stride (of the network's grid), and shares of 1, or
null where nothing was counted:
  bands, sizes, rows   mIoU by distance to a boundary, recall by size of object, mIoU by strip; each entry with its
                       label, value and ci95
  boundary_iou, boundary_f   means over the classes by tolerance
  oracle_iou           mIoU of the truth at strides 8, 16 and 32, by stride; a network can reach at least that
  where                for arms after the first: where they differ from it, in words
Values are means over the seeds. Classes below 0.1 % of the true pixels of a band or strip are left out of its mIoU.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from roadseg.report.comparison.arms import Comparison, ScoredArm, Seed
from roadseg.scoring import metrics, stats
from roadseg.scoring.anatomy import scores
from roadseg.scoring.anatomy.edges import BANDS, F_PIXELS, F_SHARE, IOU_SHARES
from roadseg.scoring.anatomy.regions import SIDES, STRIPS
from roadseg.scoring.anatomy.stride import STRIDES
from roadseg.scoring.anatomy.words import near_share, where_it_differs
from roadseg.system.progress import percent

Statistic = Callable[[np.ndarray], np.ndarray]

SIZES = (f"< {SIDES[0]}", *(f"{a}–{b - 1}" for a, b in pairwise(SIDES)), f"{SIDES[-1]}+")
ROWS = tuple("top" if n == 0 else "bottom" if n == STRIPS - 1 else str(n + 1) for n in range(STRIPS))
BOUNDARY_SCORES = {
    "boundary_iou": ("Boundary IoU", [f"{100 * share:g} %" for share in IOU_SHARES], scores.boundary_iou),
    "boundary_f": ("Boundary F", [f"{F_PIXELS} px", f"{100 * F_SHARE:g} %"], scores.boundary_f),
}
"""By the part of the counts: the score's title, its tolerances (shares of the diagonal, or pixels), and the score."""

SMALLEST_SHARE = 0.001
"""Classes below this share of the true pixels of a part are left out of its mIoU."""


@dataclass(frozen=True)
class Value:
    """A score and its 95 % interval; None where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Panel:
    """One score of all arms over some parts of the pixels: `values[arm][part]`; `key` is its name in anatomy.json."""

    key: str
    title: str
    parts: tuple[str, ...]
    axis: str
    values: list[list[Value]]


@dataclass(frozen=True)
class BoundaryScore:
    """One score of all arms at boundaries within a tolerance, the mean over the classes."""

    key: str
    tolerance: str
    values: list[Value]

    @property
    def name(self) -> str:
        """As it is shown."""
        return f"{BOUNDARY_SCORES[self.key][0]}, {self.tolerance}"


@dataclass(frozen=True)
class Pair:
    """How much of `truth` near `other` each arm calls `other`."""

    truth: str
    other: str
    shares: list[float | None]


@dataclass(frozen=True)
class Anatomy:
    """An arm's counts by name, (N, seeds, ...), the images in the comparison's order."""

    arm: ScoredArm
    counts: dict[str, np.ndarray]

    @property
    def stride(self) -> int:
        """Of the network's grid; 1 with a CRF, which works on single pixels."""
        return int(self.counts["strides"].max())

    @property
    def oracle_confusions(self) -> dict[int, np.ndarray]:
        """By stride, the summed confusions of the truth brought to it and back."""
        return dict(zip(STRIDES, self.counts["stride"][:, 0].sum(0), strict=True))

    @property
    def bands(self) -> np.ndarray:
        """Confusions by distance to a boundary, summed over images and seeds."""
        return np.asarray(self.counts["band"].sum((0, 1)))


def gather_anatomy(comparison: Comparison) -> tuple[list[Anatomy], list[str]]:
    """The arms' counts; and, where any lacks them, no counts but the names of those that do."""
    found, lacking = [], []
    for arm in comparison.arms:
        seeds = [_of_seed(seed, comparison.ids) for seed in arm.seeds]
        known = [counts for counts in seeds if counts is not None]
        if len(known) < len(seeds):
            lacking.append(arm.name)
        else:
            found.append(Anatomy(arm, {name: np.stack([counts[name] for counts in known], 1) for name in known[0]}))
    return ([], lacking) if lacking else (found, [])


def _of_seed(seed: Seed, ids: tuple[str, ...]) -> dict[str, np.ndarray] | None:
    """The counts of the images, each from the run that scored it; None where one was scored without."""
    place: dict[str, tuple[dict[str, np.ndarray], int]] = {}
    for run in dict.fromkeys(seed.run_of):
        if run.anatomy is None:
            return None
        place |= {name: (run.anatomy[1], row) for row, name in enumerate(run.anatomy[0])}
    if not place.keys() >= set(ids):
        return None  # the counts are of an older evaluation than the scores
    rows = [place[name] for name in ids]
    return {part: np.stack([counts[part][row] for counts, row in rows]) for part in rows[0][0]}


def panels(comparison: Comparison, anatomies: list[Anatomy]) -> list[Panel]:
    """The three figures over parts of the pixels."""
    side = "pixels, side of a square of its area"
    drawn = (
        ("bands", "mIoU by distance to a boundary", BANDS, "pixels to the next class", "band", _iou_score),
        ("sizes", "Recall by size of object", SIZES, side, "size", lambda _: scores.size_recall),
        ("rows", "mIoU by height in the image", ROWS, "strips from top to bottom", "row", _iou_score),
    )

    def values(counts: np.ndarray, score_of: Callable[[np.ndarray], Statistic]) -> list[Value]:
        return [_value(part, score_of(part), comparison) for part in np.moveaxis(counts, 2, 0)]

    return [
        Panel(key, title, parts, axis, [values(anatomy.counts[counted], score_of) for anatomy in anatomies])
        for key, title, parts, axis, counted, score_of in drawn
    ]


def _iou_score(confusions: np.ndarray) -> Statistic:
    """mIoU over the classes that make up enough of a part, from its confusions (N, seeds, C, C).

    The IoU of a class that hardly occurs says what little was wrongly predicted, and not how well it is found.
    """
    pixels = confusions.sum((0, 1, 3))
    kept = pixels >= max(SMALLEST_SHARE * pixels.sum(), 1)
    return lambda sums: metrics.nanmean(metrics.per_class_iou(sums)[..., kept])


def boundary_table(comparison: Comparison, anatomies: list[Anatomy]) -> list[BoundaryScore]:
    """The scores at boundaries, a row for each tolerance."""

    def over_classes(score: Statistic) -> Statistic:
        return lambda counts: metrics.nanmean(score(counts))

    return [
        BoundaryScore(
            key,
            tolerance,
            [_value(anatomy.counts[key][:, :, which], over_classes(score), comparison) for anatomy in anatomies],
        )
        for key, (_, tolerances, score) in BOUNDARY_SCORES.items()
        for which, tolerance in enumerate(tolerances)
    ]


def pairs(comparison: Comparison, anatomies: list[Anatomy], most: int = 8) -> list[Pair]:
    """The pairs of neighbouring classes whose border costs the most pixels, summed over the arms."""
    names = comparison.space.names
    summed = [anatomy.counts["pair"].sum((0, 1)) for anatomy in anatomies]
    lost = np.sum([counts[1] for counts in summed], axis=0)
    order = [divmod(int(cell), len(names)) for cell in np.argsort(-lost, axis=None, kind="stable")[:most]]
    shares = [scores.share_called(counts) for counts in summed]
    return [Pair(names[a], names[b], [metrics.number(each[a, b]) for each in shares]) for a, b in order if lost[a, b]]


def oracle_iou(anatomy: Anatomy) -> dict[int, float | None]:
    """By stride, the mIoU of the truth brought to it and back: a network of that stride can reach at least that."""
    return {stride: metrics.number(metrics.mean_iou(counts)) for stride, counts in anatomy.oracle_confusions.items()}


def stride_sentence(anatomy: Anatomy) -> str | None:
    """How far an arm is below what its stride allows at least; None where nothing is known of its stride."""
    reach, score = oracle_iou(anatomy).get(anatomy.stride), anatomy.arm.score("mean_iou").mean
    if reach is None or score is None:
        return None
    known = f"Best possible mIoU at stride {anatomy.stride}: about {percent(reach)} %. "
    known += f"{anatomy.arm.name} reaches {percent(score)} %: "
    if score >= reach:
        return f"{known}the stride limits it."
    if reach - score > 1 - reach:
        return f"{known}training, data or features limit it more than the stride."
    return f"{known}the stride may limit it most."


def sentences(anatomies: list[Anatomy]) -> list[str]:
    """What the section's figures say; where a gain lies stands in the verdicts."""
    near = f"{100 * near_share(anatomies[0].bands):.0f} % of the labelled pixels are within 7 pixels of a boundary."
    return [near, *(text for text in map(stride_sentence, anatomies) if text)]


def anatomy_file(anatomies: list[Anatomy], drawn: list[Panel], table: list[BoundaryScore]) -> str:
    """The text of `anatomy.json`."""
    arms = []
    for number, anatomy in enumerate(anatomies):
        parts = {
            panel.key: [
                {"label": label, "value": each.value, "ci95": None if each.low is None else [each.low, each.high]}
                for label, each in zip(panel.parts, panel.values[number], strict=True)
            ]
            for panel in drawn
        }
        by = {
            key: {row.tolerance: row.values[number].value for row in table if row.key == key} for key in BOUNDARY_SCORES
        }
        differs = where_it_differs(anatomies[0].bands, anatomy.bands) if number else None
        oracle = {str(stride): value for stride, value in oracle_iou(anatomy).items()}
        arms.append(
            {"name": anatomy.arm.name, "stride": anatomy.stride, **parts, **by, "oracle_iou": oracle, "where": differs}
        )
    return json.dumps({"arms": arms}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _value(counts: np.ndarray, score: Statistic, comparison: Comparison) -> Value:
    """The mean over the seeds of a score of counts (N, seeds, ...), and its interval."""
    value = metrics.number(metrics.nanmean(score(counts.sum(0))))
    if value is None:
        return Value(value)
    low, high = stats.share_interval(
        counts, comparison.group_of, lambda sums: metrics.nanmean(score(sums)), comparison.share_resamples
    )
    return Value(value, metrics.number(low), metrics.number(high))
