"""How often the 95 % interval of a learning curve that is carried on holds what comes.

python benchmarks/learning_curve.py [--trials 100]      known curves, simulated
python benchmarks/learning_curve.py --study DIR ...     studies of shares that exist, their largest shares hidden

Simulated: curves of forms that learning curves were found to have (Viering and Loog, "The shape of learning curves: a
review", 2021), of which only the first two and the last are among the forms that are fitted. 3 to 30 points of mIoU are
gained from the smallest share to the whole, 0.3 to 0.75. A study of shares (each twice the one before), seeds and 8
drives is made of each: trainings differ by 0.6 points; which images were drawn moves a score by 0.5 points at the full
number (all seeds alike) and by more with fewer (each seed for itself); drives differ by 8 points, and by 2 in what each
share does on them. Printed is how often the interval of the gain, and of the score, holds the true one at twice and
four times the images, with the median width in points; then how often a gain is told (the interval is above 0.05), and
"hardly" (it ends below 1 point). For 4 shares and 3 seeds also: one power law, fitted by least squares, with an
interval from refitting it to scores that are drawn anew.

Studies: the first three shares or more are fitted, and what is expected of the hidden ones on the same drives is
compared with the mean that was measured; with all seeds, and with each seed alone.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit

from roadseg.report.comparison import learning
from roadseg.report.comparison.findings import Findings
from roadseg.report.comparison.gather import gather_study
from roadseg.runs.arms import read_arm
from roadseg.runs.run_dir import RunDir
from roadseg.scoring import stats

RNG = np.random.Generator
Form = Callable[[np.ndarray], np.ndarray]

TRAINING, DRAW = 0.006, 0.005
DRIVES, BETWEEN_DRIVES, PAIRED = 8, 0.08, 0.02
AT = np.array([2.0, 4.0])


def log_uniform(low: float, high: float, rng: RNG) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def power_law(rng: RNG) -> Form:
    exponent = rng.uniform(0.1, 1.5)
    return lambda n: -(n**-exponent)


def logarithm(rng: RNG) -> Form:
    return np.log


def inverse_logarithm(rng: RNG) -> Form:
    start = log_uniform(10, 200, rng)
    return lambda n: -1 / np.log(start * n + 1)


def exponential(rng: RNG) -> Form:
    scale = log_uniform(0.1, 1.5, rng)
    return lambda n: -np.exp(-n / scale)


def weibull(rng: RNG) -> Form:
    scale, exponent = log_uniform(0.1, 1.5, rng), rng.uniform(0.4, 1.2)
    return lambda n: -np.exp(-((n / scale) ** exponent))


def hill(rng: RNG) -> Form:
    half, exponent = log_uniform(0.05, 1.0, rng), rng.uniform(0.6, 2.0)
    return lambda n: -1 / (1 + (n / half) ** exponent)


def flat(rng: RNG) -> Form:
    return lambda n: np.zeros_like(n)


FORMS = {
    "power law": power_law, "logarithm": logarithm, "1 / logarithm": inverse_logarithm, "exponential": exponential,
    "Weibull": weibull, "Hill (MMF)": hill, "no more gain": flat,
}  # fmt: skip


def true_curve(form: str, sizes: np.ndarray, rng: RNG) -> np.ndarray:
    """Scores at `sizes`, which are shares of the full number, the smallest first."""
    made = FORMS[form](rng)
    raw, (start, full) = made(sizes), made(np.array([sizes[0], 1.0]))
    return np.asarray(rng.uniform(0.3, 0.75) + rng.uniform(0.03, 0.3) * (raw - full) / max(full - start, 1e-9))


def a_study(curve: np.ndarray, sizes: np.ndarray, seeds: int, rng: RNG) -> tuple[list[np.ndarray], np.ndarray]:
    """Scores of the seeds at each size, and the covariance of the means over the drives."""
    drives = BETWEEN_DRIVES * rng.standard_normal((DRIVES, 1)) + PAIRED * rng.standard_normal((DRIVES, len(sizes)))
    scores = []
    for size, mean in zip(sizes, curve + drives.mean(0), strict=True):
        drawn = DRAW * size**-0.5 * rng.standard_normal(1 if size == 1 else seeds)
        scores.append(mean + drawn + TRAINING * rng.standard_normal(seeds))
    return scores, np.cov(drives, rowvar=False) / DRIVES


def single_law(sizes: np.ndarray, scores: list[np.ndarray], rng: RNG, refits: int = 40) -> np.ndarray:
    """95 % intervals (2, 2) of the gain by one power law, refitted to means drawn around the first fit."""

    def law(n: np.ndarray, top: float, loss: float, exponent: float) -> np.ndarray:
        return np.asarray(top - loss * n**-exponent)

    def fitted(means: np.ndarray) -> np.ndarray:
        start, bounds = (min(means[-1] + 0.05, 0.99), 0.05, 0.5), ((0, 0, 0.01), (1, 1, 3))
        return np.asarray(curve_fit(law, sizes, means, p0=start, bounds=bounds, max_nfev=1000)[0])

    first = law(sizes, *fitted(np.array([own.mean() for own in scores])))
    error = (np.mean([own.var(ddof=1) for own in scores]) / len(scores[0])) ** 0.5
    again = [fitted(first + error * rng.standard_normal(len(sizes))) for _ in range(refits)]
    gains = [law(AT, *each) - law(np.array([1.0]), *each) for each in again]
    return np.asarray(np.percentile(gains, [2.5, 97.5], axis=0).T)


def held(ends: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether each interval holds its truth, and its width, (2, N)."""
    return np.stack([(ends[:, 0] <= truth) & (truth <= ends[:, 1]), ends[:, 1] - ends[:, 0]])


def row(form: str, shares: int, seeds: int, trials: int) -> str:
    rng = np.random.default_rng([shares, seeds, list(FORMS).index(form)])
    sizes = 2.0 ** np.arange(1 - shares, 1)
    found: dict[str, list[np.ndarray]] = {"gain": [], "score": [], "one law": []}
    told = []
    for _ in range(trials):
        truth = true_curve(form, np.concatenate([sizes, AT]), rng)
        scores, covariance = a_study(truth[:shares], sizes, seeds, rng)
        curve = stats.learning_curve(sizes, scores, AT, covariance, DRIVES)
        gain = truth[shares:] - truth[shares - 1]
        found["gain"].append(held(curve.gain_interval, gain))
        found["score"].append(held(curve.score_interval, truth[shares:]))
        low, high = curve.gain_interval[0]
        told.append((low >= learning.NOTHING and high >= learning.HARDLY, high < learning.HARDLY))
        if (shares, seeds) == (4, 3):
            found["one law"].append(held(single_law(sizes, scores, rng), gain))
    cells = [f"{form:<14}"]
    for what, each in found.items():
        if each:
            hits, widths = np.array(each).transpose(1, 2, 0)
            pairs = zip(hits.mean(1), np.median(widths, axis=1), strict=True)
            cells.append(f"{what} " + "  ".join(f"{100 * hit:3.0f} ({100 * width:4.1f})" for hit, width in pairs))
    more, hardly = np.mean(told, axis=0)
    return "   ".join([*cells, f"told {100 * more:3.0f}, hardly {100 * hardly:3.0f}"])


def simulated(trials: int) -> None:
    print("intervals that hold the truth at 2x and 4x the images, % (median width in points); 95 would be right")
    for shares, seeds in ((3, 3), (4, 1), (4, 2), (4, 3), (5, 3)):
        print(f"\n{shares} shares, {seeds} seed{'s' * (seeds > 1)}")
        for form in FORMS:
            print(row(form, shares, seeds, trials), flush=True)


def studied(folder: Path, part: str) -> tuple[int, int]:
    """Print what was expected and measured in a study; how many were held, of how many, with all seeds."""
    entries = json.loads((folder / "study.json").read_text())["runs"]
    done = [each for each in entries if each["state"] == "complete"]
    runs = {name: [RunDir(folder / each["run"]) for each in done if each["arm"] == name] for name in arm_names(done)}
    fewest = min(map(len, runs.values()))  # of a study that was stopped: the seeds that are whole
    arms = [read_arm(name, members[:fewest], part) for name, members in runs.items()]
    findings = Findings(gather_study("backtest", arms))
    total = np.zeros((2, 2), dtype=int)
    for curve in findings.curves:
        images = np.array([point.images for point in curve.points])
        scores = [np.array([seed.scores["mean_iou"] for seed in point.arm.seeds]) for point in curve.points]
        steps = "  ".join(
            f"{n:.0f}: {100 * own.mean():.1f} ({spread(own)})" for n, own in zip(images, scores, strict=True)
        )
        print(f"\n{folder.name}, {curve.name}, measured (seeds): {steps}")
        alone = range(len(scores[0])) if len(scores[0]) > 1 else ()
        seeds = [slice(None), *(slice(number, number + 1) for number in alone)]
        for chosen in seeds:
            for known in range(stats.FEWEST_SIZES, len(images)):
                which = "all seeds" if chosen.start is None else f"seed {chosen.start}"
                hits = expected(which, images, [own[chosen] for own in scores], known, scores)
                total[int(chosen.start is not None)] += hits.sum(), len(hits)
    print(f"held with all seeds {total[0, 0]} of {total[0, 1]}, with one {total[1, 0]} of {total[1, 1]}")
    return int(total[0, 0]), int(total[0, 1])


def arm_names(entries: list[dict[str, str]]) -> list[str]:
    return list(dict.fromkeys(each["arm"] for each in entries))


def spread(scores: np.ndarray) -> str:
    return " ".join(f"{100 * score:.1f}" for score in scores)


def expected(
    which: str, images: np.ndarray, scores: list[np.ndarray], known: int, measured: list[np.ndarray]
) -> np.ndarray:
    curve = stats.learning_curve(images[:known], scores[:known], images[known:])
    hits = []
    for place, number in enumerate(images[known:]):
        (low, high), mean = curve.score_interval[place], measured[known + place].mean()
        hits.append(low <= mean <= high)
        print(
            f"{which}, up to {images[known - 1]:.0f} images: at {number:.0f} expected {100 * curve.score[place]:.1f} "
            f"({100 * low:.1f} to {100 * high:.1f}), measured {100 * mean:.1f} {'held' if hits[-1] else 'MISSED'}"
        )
    return np.array(hits)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--study", type=Path, nargs="+", metavar="DIR")
    parser.add_argument("--part", default="val", help="which part was scored (default: val)")
    arguments = parser.parse_args()
    if not arguments.study:
        warnings.simplefilter("ignore", OptimizeWarning)
        simulated(arguments.trials)
        return
    found = [studied(folder, arguments.part) for folder in arguments.study]
    hits, cases = np.sum(found, axis=0)
    print(f"\nin all, with all seeds: {hits} of {cases}")


if __name__ == "__main__":
    main()
