"""How often 95 % intervals of mIoU and of a class's IoU cover the truth, by the number of drives.

python benchmarks/interval_coverage.py [--trials 500]

Two worlds of drives. Even: six classes in every drive, each drive with its own recall of every class (a logit shifted
by a normal of standard deviation 0.7) and its own mix of classes. Rare: eleven classes, the smallest in four drives
of ten, drives of 2 to some 30 frames, and whole drives that are harder. The true scores are those of 40,000 drives.
Many samples of n drives are drawn, and the share of their intervals that hold the truth is printed, with the median
width in points: of the interval that roadseg states, of the same error on the scale of the logit, of the plain
percentiles of the same bootstrap, of the expanded percentiles (Hesterberg 2015) and of t with the jackknife's standard
error. 95 % would be right.

Below: one film of consecutive frames that are alike (autoregressive, correlation of neighbours as given), its mIoU
against that of an endless film, by the number of stretches that are resampled. At last a few films that differ as
drives do: the stretches that roadseg cuts them into, against endless versions of the same films.
"""

import argparse
import time

import numpy as np
from scipy import stats as scipy_stats
from scipy.special import expit, logit

from roadseg.scoring import metrics, stats
from roadseg.scoring.stats import bootstrap

RNG = np.random.Generator


def even_drives(count: int, rng: RNG, arms: int = 1) -> np.ndarray:
    """Margins (arms, count, 3, C) of drives of a world of six classes, each scored by systems that are alike."""
    shares = rng.dirichlet(np.linspace(8, 1, 6), size=count)
    drive = 0.5 * rng.standard_normal((count, 6))
    own = 0.5 * rng.standard_normal((arms, count, 6))
    return _margins(np.round(5000 * shares), expit(np.linspace(2.5, 0.0, 6) + drive + own), np.ones(6), rng)


def rare_drives(count: int, rng: RNG, arms: int = 1) -> np.ndarray:
    """The same of eleven classes, some of them rare, in drives of unequal lengths."""
    base = np.array([30, 25, 20, 10, 6, 4, 2, 1, 0.6, 0.3, 0.2])
    occurs = rng.random((count, 11)) < np.array([1, 1, 1, 1, 1, 0.9, 0.9, 0.7, 0.6, 0.5, 0.4])
    shares = rng.gamma(np.broadcast_to(2 * base, (count, 11))) * occurs
    frames = 1 + rng.geometric(1 / 8, size=(count, 1))
    drive = 0.5 * rng.standard_normal((count, 1)) + 0.4 * rng.standard_normal((count, 11))
    own = 0.45 * rng.standard_normal((arms, count, 11))
    pixels = np.round(2000 * frames * shares / shares.sum(1, keepdims=True))
    return _margins(pixels, expit(np.linspace(2.8, -0.5, 11) + drive + own), base, rng)


def _margins(pixels: np.ndarray, recall: np.ndarray, claimed_for: np.ndarray, rng: RNG) -> np.ndarray:
    true = np.broadcast_to(pixels, recall.shape).astype(np.int64)
    right = rng.binomial(true, recall)
    others = claimed_for * (1 - np.eye(len(claimed_for)))
    wrong = (true - right) @ (others / others.sum(1, keepdims=True))
    return np.stack([right, true, right + np.round(wrong).astype(np.int64)], axis=-2)


def film(frames: int, alike: float, rng: RNG, arms: int = 1, level: np.ndarray | float = 0.0) -> np.ndarray:
    """Margins (arms, frames, 3, 6) of consecutive frames; `alike` is the correlation of neighbours.

    `level` (2, 6) is what is the film's own: the logarithms of its classes' shares, and the logits of their recalls.
    """
    shares_level, recall_level = np.broadcast_to(level, (2, 6))
    walks = np.empty((arms + 2, frames, 6))
    walks[:, 0] = rng.standard_normal((arms + 2, 6))
    steps = (1 - alike**2) ** 0.5 * rng.standard_normal(walks.shape)
    for frame in range(1, frames):
        walks[:, frame] = alike * walks[:, frame - 1] + steps[:, frame]
    shares = np.linspace(8, 1, 6) * np.exp(0.5 * walks[0] + shares_level)
    pixels = np.round(5000 * shares / shares.sum(1, keepdims=True))
    recall = np.linspace(2.5, 0.0, 6) + 0.5 * walks[1] + 0.5 * walks[2:] + recall_level
    return _margins(pixels, expit(recall), np.ones(6), rng)


def films(levels: np.ndarray, frames: int, alike: float, rng: RNG, arms: int = 1) -> np.ndarray:
    """Margins (arms, films * frames, 3, 6) of films that differ by their levels (films, 2, 6)."""
    return np.concatenate([film(frames, alike, rng, arms, level) for level in levels], axis=1)


def film_units(count: int, frames: int) -> stats.Units:
    """What roadseg resamples where so many films of so many frames are scored."""
    return stats.resampling_units([str(number) for number in range(count) for _ in range(frames)])


def intervals(counts: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Intervals (S, 2) of all scores, by method."""
    units_with_class = metrics.units_of_scores(counts)
    found = stats.estimate(counts, metrics.scores, units_with_class, 1000, seed)
    units = len(counts)
    score = metrics.scores(counts.sum(0))
    resampled = np.concatenate(bootstrap._resampled(counts, metrics.scores, 1000, seed))
    t = scipy_stats.t.ppf(0.975, units - 1)
    beyond = 100 * scipy_stats.norm.cdf(-t * (units / (units - 1)) ** 0.5)
    without = metrics.scores(counts.sum(0) - counts)
    error = ((units - 1) / units * ((without - without.mean(0)) ** 2).sum(0)) ** 0.5
    with np.errstate(all="ignore"):
        half = np.stack([t * error, scipy_stats.t.ppf(0.975, found.degrees_of_freedom) * found.standard_error])
        half = (half / (score * (1 - score)))[:, :, None] * np.array([-1, 1])
        jackknife, of_logit = expit(logit(score)[:, None] + half)
    return {
        "roadseg": found.interval_of_shares(),
        "logit": of_logit,
        "percentile": np.nanpercentile(resampled, [2.5, 97.5], axis=0).T,
        "expanded": np.nanpercentile(resampled, [beyond, 100 - beyond], axis=0).T,
        "jackknife": jackknife,
    }


def drives_table(name: str, world: object, trials: int) -> None:
    rng = np.random.default_rng(0)
    truth = metrics.scores(world(40_000, rng)[0].sum(0))
    which = {"mIoU": 0, "the least class": len(truth) - 1}
    print(f"\n{name} drives, true mIoU {100 * truth[0]:.1f}; covered % (median width in points)")
    for count in (3, 5, 6, 8, 12, 20, 40):
        held: dict[tuple[str, str], list[tuple[bool, float]]] = {}
        for trial in range(trials):
            for method, ends in intervals(world(count, rng)[0], trial).items():
                for what, index in which.items():
                    low, high = ends[index]
                    if not np.isnan(low):
                        held.setdefault((what, method), []).append((low <= truth[index] <= high, high - low))
        for what in which:
            cells = []
            for (of, method), found in held.items():
                if of == what:
                    covered, width = np.mean([hit for hit, _ in found]), np.median([width for _, width in found])
                    cells.append(f"{method} {100 * covered:5.1f} ({100 * width:4.1f})")
            print(f"{count:>3} drives, {what:<15} " + "  ".join(cells), flush=True)


def film_table(trials: int) -> None:
    print("\none film, mIoU; covered %")
    rng = np.random.default_rng(0)
    truth = metrics.scores(film(100_000, 0.0, rng)[0].sum(0))[0]
    for frames, alike in ((100, 0.6), (100, 0.8), (100, 0.9), (500, 0.8), (500, 0.9), (500, 0.95)):
        covered = dict.fromkeys((stats.FEWEST_UNITS, 10, 20, frames), 0)
        for trial in range(trials):
            counts = film(frames, alike, rng)[0]
            for blocks in covered:
                summed = np.add.reduceat(counts, np.arange(blocks) * frames // blocks)
                units_with_class = metrics.units_of_scores(summed)
                low, high = stats.estimate(summed, metrics.scores, units_with_class, 300, trial).interval_of_shares()[0]
                covered[blocks] += low <= truth <= high
        cells = "  ".join(f"{blocks:>3} stretches {100 * hits / trials:5.1f}" for blocks, hits in covered.items())
        print(f"{frames} frames, neighbours correlate by {alike}: {cells}", flush=True)


def films_table(trials: int) -> None:
    print("\nfew films that differ, mIoU of more of the same films; covered % (median width in points)")
    rng = np.random.default_rng(0)
    for count, frames, alike in ((2, 100, 0.8), (2, 100, 0.9), (3, 100, 0.9), (4, 60, 0.8), (5, 60, 0.8)):
        units, held, widths = film_units(count, frames), 0, []
        for trial in range(trials):
            levels = 0.5 * rng.standard_normal((count, 2, 6))
            truth = metrics.scores(films(levels, 5000, 0.0, rng)[0].sum(0))[0]
            summed = units.sums(films(levels, frames, alike, rng)[0])
            units_with_class = metrics.units_of_scores(summed)
            low, high = stats.estimate(summed, metrics.scores, units_with_class, 300, trial).interval_of_shares()[0]
            held += low <= truth <= high
            widths.append(high - low)
        print(f"{count} films of {frames} frames, neighbours correlate by {alike}: {units.count} stretches "
              f"{100 * held / trials:5.1f} ({100 * np.median(widths):4.1f})", flush=True)  # fmt: skip


def speed() -> None:
    counts = np.random.default_rng(0).integers(1, 10_000, (500, 3, 19))
    counts[:, 1:] += counts[:, :1]
    units_with_class = metrics.units_of_scores(counts)
    started = time.perf_counter()
    stats.estimate(counts, metrics.scores, units_with_class)
    once = time.perf_counter() - started
    started = time.perf_counter()
    stats.paired(counts[:, None], counts[::-1][:, None], metrics.scores, units_with_class)
    print(f"\n10,000 resamples of 500 images as units, 19 classes: {once:.2f} s; paired, with 10,000 swaps: "
          f"{time.perf_counter() - started:.2f} s")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=500)
    trials = parser.parse_args().trials
    speed()
    drives_table("even", even_drives, trials)
    drives_table("rare", rare_drives, trials)
    film_table(trials)
    films_table(trials)


if __name__ == "__main__":
    main()
