"""How often two systems that are alike are called different, and how often a real difference is found.

python benchmarks/false_alarms.py [--trials 500]

Pairs from the worlds of interval_coverage.py: both systems have the same recall of every class on average, and their
own luck in each drive. Printed is the share of pairs with a verdict on mIoU, and with any class that is named after
Holm's correction; for both 5 % is the most that is allowed. Then the same where nothing but luck of training (a shift
of each seed) tells the systems apart, with three seeds each; coverage of the difference's interval; and the verdicts
where the first system is better by 0.4 in the logit of every recall.
"""

import argparse

import numpy as np
from scipy.special import expit, logit

from interval_coverage import even_drives, film_units, films, rare_drives
from roadseg.scoring import metrics, stats

RESAMPLES = 500
FILMS = ((1, 100, 0.5), (1, 100, 0.7), (1, 100, 0.8), (1, 500, 0.9),
         (2, 100, 0.8), (2, 100, 0.9), (3, 100, 0.9), (4, 60, 0.8), (5, 60, 0.8))  # fmt: skip
"""Number of films, frames of each, and correlation of neighbours."""


def verdicts(first: np.ndarray, second: np.ndarray, trial: int, truth: float = 0.0) -> tuple[bool, bool, bool]:
    """Whether mIoU's difference is told, any class is named, and the interval holds the true difference."""
    units_with_class = metrics.units_of_scores(first[:, 0])
    found = stats.paired(first, second, metrics.scores, units_with_class, RESAMPLES, trial)
    low, high = found.difference.interval_of_differences()[0]
    headline = len(metrics.SCORES)
    family = (np.arange(len(units_with_class)) >= headline) & (units_with_class >= stats.FEWEST_UNITS)
    named = (found.holm(family)[headline:] <= 0.05).any()
    return bool(found.p[0] <= 0.05), bool(named), bool(low <= truth <= high)


def show(name: str, found: list[tuple[bool, bool, bool]]) -> None:
    told, named, held = 100 * np.mean(found, axis=0)
    print(f"{name:<52} verdict {told:5.1f}  class named {named:5.1f}  interval holds {held:5.1f}", flush=True)


def seeded(margins: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """The same drives by a network whose every recall is shifted by its seed: other right pixels for the same truth."""
    right, true, predicted = margins[:, 0], margins[:, 1], margins[:, 2]
    recall = np.where(true > 0, right / np.maximum(true, 1), 0.5)
    shift = deviation * rng.standard_normal(right.shape[-1])
    now = np.round(true * expit(logit(np.clip(recall, 0.001, 0.999)) + shift)).astype(np.int64)
    return np.stack([now, true, np.maximum(predicted + now - right, now)], axis=1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=500)
    trials = parser.parse_args().trials
    print(f"{trials} pairs each, percent (+-2 for a share of 5)\nalike:")
    for name, world in (("even", even_drives), ("rare", rare_drives)):
        rng = np.random.default_rng(1)
        for count in (5, 6, 8, 12, 20, 40):
            pairs = (world(count, rng, 2)[:, :, None] for _ in range(trials))
            show(f"{name}, {count} drives", [verdicts(*pair, trial) for trial, pair in enumerate(pairs)])
    rng = np.random.default_rng(2)
    for count, frames, alike in FILMS:
        units, found = film_units(count, frames), []
        for trial in range(trials):
            levels = 0.5 * rng.standard_normal((count, 2, 6)) if count > 1 else np.zeros((1, 2, 6))
            arms = films(levels, frames, alike, rng, 2)
            found.append(verdicts(*np.stack([units.sums(arm) for arm in arms])[:, :, None], trial))
        show(f"films: {count} of {frames} frames, neighbours {alike}", found)
    rng = np.random.default_rng(3)
    for count in (8, 20):
        for number in (1, 3):
            found = []
            for trial in range(trials):
                arms = even_drives(count, rng, 2)
                seeds = [np.stack([seeded(arm, 0.3, rng) for _ in range(number)], axis=1) for arm in arms]
                found.append(verdicts(*seeds, trial))
            show(f"even, {count} drives, luck of training, seeds: {number}", found)
    print("the first one better:")
    rng = np.random.default_rng(4)
    many = even_drives(40_000, rng, 2)
    better = metrics.scores(shifted(many[0]).sum(0))[0] - metrics.scores(many[1].sum(0))[0]
    for count in (6, 8, 12, 20):
        found = []
        for trial in range(trials):
            first, second = even_drives(count, rng, 2)
            found.append(verdicts(shifted(first)[:, None], second[:, None], trial, better))
        show(f"even, {count} drives, by {100 * better:.1f} points", found)


def shifted(margins: np.ndarray) -> np.ndarray:
    """Every recall's logit raised by 0.4."""
    right, true, predicted = margins[:, 0], margins[:, 1], margins[:, 2]
    recall = np.clip(right / np.maximum(true, 1), 0.001, 0.999)
    now = np.round(true * expit(logit(recall) + 0.4)).astype(np.int64)
    return np.stack([now, true, np.maximum(predicted + now - right, now)], axis=1)


if __name__ == "__main__":
    main()
