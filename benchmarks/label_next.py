"""Whether labelling what `roadseg next` chooses makes a better network than labelling images at random.

python benchmarks/label_next.py [--films even|uneven] [--seeds 1 2 ...] [--start 12] [--count 12] [--epochs 40]

For each seed other built-in streets are drawn: 24 films to choose from, 6 to validate and 12 to test on. Even films
have 10 frames, about a metre apart; of uneven ones 4 have 16 frames and 20 have 2, as where a camera runs on at times.
A small network is trained on `start` images at random; then `count` more are labelled, chosen by

- random: at random (two draws, each with a training of its own);
- unsure: those with the most doubt, as the network says it;
- farthest: those that differ most from what is labelled and from each other;
- next: the choice of `roadseg next`;

and a network is trained anew on all that are labelled then. Printed: mIoU on the test films for each seed, with the
number of films that labels are from, and the mean gain over random, paired by seed, with its standard deviation and its
95 % interval (t).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from roadseg.config import Config
from roadseg.data.datasets import load_records
from roadseg.data.records import Record
from roadseg.data.splits import Splits, ids_sha256
from roadseg.data.streets import synthesize
from roadseg.ensemble import Member
from roadseg.evaluate import evaluate_run, ready
from roadseg.flags import overridden
from roadseg.label_next.choice import choose, distances, worth
from roadseg.label_next.find import look
from roadseg.label_next.sight import Sight
from roadseg.progress import Display
from roadseg.recipes import recipe
from roadseg.runs import RunDir
from roadseg.train import train

POOL, VAL, TEST, FRAMES = 24, 6, 12, 10
"""Films to choose from, to validate and to test on, and the frames of each."""
SHOWN = 3
"""Frames of a film that are validated or tested on, far apart: the others look the same."""
LONG, LONG_FRAMES, SHORT_FRAMES = 4, 16, 2
"""Of uneven films the first are long and all others short: a camera that runs on, and stretches that were cut out."""


@dataclass(frozen=True)
class Pool:
    """What there is to choose from, what is labelled, and what the network makes of them."""

    member: Member
    records: Sequence[Record]
    sights: Sequence[Sight]
    labelled: Sequence[Record]
    known: Sequence[Sight]
    rng: np.random.Generator


def at_random(pool: Pool, count: int) -> list[int]:
    return [int(index) for index in pool.rng.permutation(len(pool.sights))[:count]]


def unsure(pool: Pool, count: int) -> list[int]:
    return [int(index) for index in np.argsort(-doubt(pool), kind="stable")[:count]]


def doubt(pool: Pool) -> np.ndarray:
    return np.array([each.doubt for each in pool.sights])


def farthest(pool: Pool, count: int) -> list[int]:
    """k-centres (Sener and Savarese, ICLR 2018): always the one that is farthest from all that are labelled."""
    features, known = (np.stack([each.features for each in part]) for part in (pool.sights, pool.known))
    apart = distances(features, known).min(1)
    found: list[int] = []
    for _ in range(count):
        found.append(int(apart.argmax()))
        apart = np.minimum(apart, distances(features, features[found[-1:]])[:, 0])
    return found


def by_next(pool: Pool, count: int) -> list[int]:
    features, known = (np.stack([each.features for each in part]) for part in (pool.sights, pool.known))
    weights = worth(np.stack([each.doubts for each in pool.sights]))
    return [each.position for each in choose(weights, features, count, known)]


Arm = Callable[[Pool, int], list[int]]
ARMS: dict[str, Arm] = {
    "random": at_random,
    "random again": at_random,
    "unsure": unsure,
    "farthest": farthest,
    "next": by_next,
}


@dataclass(frozen=True)
class Streets:
    """A data set, its settings, and which of its records are for what."""

    settings: Config
    pool: list[Record]
    val: list[Record]
    test: list[Record]


def streets(folder: Path, seed: int, epochs: int, uneven: bool = False) -> Streets:
    """Other built-in streets for each seed."""
    root = folder / "streets"
    frames = LONG_FRAMES if uneven else FRAMES
    synthesize(root, drives=POOL + VAL + TEST, frames=frames, width=208, height=64, seed=1000 + seed)
    settings = overridden(
        recipe("demo-fcn8s"),
        {"data.root": str(root), "train.epochs": epochs, "transforms.crop": [64, 128], "seed": seed},
    )
    by_film: dict[str, list[Record]] = {}
    for record in sorted(record for part in load_records(settings.data).records.values() for record in part):
        by_film.setdefault(record.group, []).append(record)
    films = [by_film[name] for name in sorted(by_film)]
    lengths = [LONG_FRAMES] * LONG + [SHORT_FRAMES] * (POOL - LONG) if uneven else [FRAMES] * POOL
    pool = [record for film, length in zip(films, lengths, strict=False) for record in film[:length]]
    shown = [[film[round(place)] for place in np.linspace(0, frames - 1, SHOWN)] for film in films[POOL:]]
    val, test = ([record for film in part for record in film] for part in (shown[:VAL], shown[VAL:]))
    return Streets(settings, pool, val, test)


def trained(data: Streets, labelled: Sequence[Record], run: Path) -> RunDir:
    """A run of the settings on these labels."""
    parts = {
        name: tuple(sorted(record.id for record in part))
        for name, part in (("train", labelled), ("val", data.val), ("test", data.test))
    }
    run.parent.mkdir(parents=True, exist_ok=True)
    file = run.with_suffix(".splits.json")
    Splits(scheme="random", seed=0, sha256=ids_sha256(parts), **parts).save(file)
    chosen = {"data.split.scheme": "file", "data.split.file": str(file)}
    directory = RunDir(run)
    train(directory, overridden(data.settings, chosen), Display())
    return directory


def tested(run: RunDir, data: Streets) -> float:
    """mIoU on the test part, in percent."""
    assert data.settings.data.root
    return 100 * float(evaluate_run(run, data.settings.data.root, "test", Display())["mean_iou"])


def trial(data: Streets, folder: Path, seed: int, start: int, count: int, arms: dict[str, Arm]) -> dict[str, float]:
    """mIoU with the labels of the start, and with those that each arm adds."""
    rng = np.random.default_rng([seed, 21])
    order = rng.permutation(len(data.pool))
    labelled, rest = ([data.pool[index] for index in sorted(part)] for part in (order[:start], order[start:]))
    base = trained(data, labelled, folder / "start")
    scores = {"start": tested(base, data)}
    member = Member(ready(base), base.config(), base.temperature() or 1.0)
    known, sights = (
        list(look([member], {r.id: r.image for r in part}, Display(), "").values()) for part in (labelled, rest)
    )
    for number, (name, arm) in enumerate(arms.items()):
        pool = Pool(member, rest, sights, labelled, known, np.random.default_rng([seed, number]))
        added = [rest[index] for index in arm(pool, count)]
        scores[name] = tested(trained(data, [*labelled, *added], folder / f"arm-{number}"), data)
        films = len({record.group for record in [*labelled, *added]})
        print(f"  seed {seed}, {name}: {scores[name]:.2f} ({films} films)", flush=True)
    return scores


def summary(results: Sequence[dict[str, float]]) -> list[str]:
    """Mean mIoU of each arm, and its gain over random with spread and interval."""
    names = list(results[0])
    random = np.mean([[each[name] for each in results] for name in names if name in ("random", "random again")], axis=0)
    lines = []
    for name in names:
        values = np.array([each[name] for each in results])
        gain = values - random
        line = f"{name:<22} mIoU {values.mean():.1f}   gain over random {gain.mean():+.2f}"
        if len(gain) > 1:
            spread = gain.std(ddof=1)
            half = stats.t.ppf(0.975, len(gain) - 1) * spread / np.sqrt(len(gain))
            line += f" (sd {spread:.2f}; 95 % {gain.mean() - half:+.2f} to {gain.mean() + half:+.2f})"
        lines.append(line)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--films", choices=("even", "uneven"), default="uneven")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 11)))
    parser.add_argument("--start", type=int, default=12)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--work", type=Path, help="folder to keep everything in; default: a temporary one")
    arguments = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        for seed in arguments.seeds:
            folder = (arguments.work or Path(temporary)) / str(seed)
            data = streets(folder, seed, arguments.epochs, arguments.films == "uneven")
            results.append(trial(data, folder, seed, arguments.start, arguments.count, ARMS))
            print(
                f"seed {seed}: " + ", ".join(f"{name} {score:.1f}" for name, score in results[-1].items()), flush=True
            )
    print(*summary(results), sep="\n")


if __name__ == "__main__":
    main()
