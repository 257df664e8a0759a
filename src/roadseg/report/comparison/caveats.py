"""What the reader of a report has to know before believing more than its figures show."""

from roadseg.report.comparison.arms import Comparison
from roadseg.report.comparison.verdicts import listed
from roadseg.scoring.stats import FEWEST_UNITS


def caveats(comparison: Comparison) -> list[str]:
    """What the reader has to know before believing more than the figures show."""
    arms = comparison.arms
    found = []
    if comparison.split == "val":
        found.append("The epoch was chosen by the score on these very images, which flatters every score a little.")
    if comparison.split in ("train", "all"):
        found.append("Images that are scored here were trained on: the scores say little about other images.")
    continued = [arm.name for arm in arms if any(run.settings.earlier for run in arm.arm.runs)]
    if continued:
        change = f"The length of {listed(continued)} was changed while it was trained"
        found.append(f"{change}; the command that repeats it trains in one go, so that scores differ a little.")
    found += _neighbours(comparison)
    found += _units(comparison)
    seeds = {len(arm.seeds) for arm in arms}
    if seeds == {1}:
        each = "Each arm" if len(arms) > 1 else "The network"
        found.append(
            f"{each} was trained with one seed: what is said is about "
            f"{'these networks' if len(arms) > 1 else 'this network'}, "
            "and another seed may move the score."
        )
    elif len(seeds) > 1:
        found.append("The arms have different numbers of seeds: the more, the wider their range tends to be.")
    return found


def _neighbours(comparison: Comparison) -> list[str]:
    """How near the images that were trained on may be."""
    if comparison.first_run.splits.scheme == "random":
        return ["Images were divided one by one; frames of a drive may be on both sides, which flatters scores."]
    near = comparison.neighbours
    if near is None:
        return []
    if not near.drives_known:
        done = "divided and resampled" if comparison.first_run.splits.scheme == "grouped" else "resampled"
        alone = f"No drives or sequences are known: every image was {done} by itself. If some are frames of one drive"
        return [f"{alone}, scores flatter and intervals are too narrow (docs/own-data.md says how to name drives)."]
    if not near.shared or comparison.split in ("train", "all"):
        return []
    names = sorted(near.shared)
    drives = "the drive that is" if len(names) == 1 else "drives that are"
    shown = f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
    trained = (
        f"{sum(near.shared.values())} of the {near.trained} training images are from {drives} scored here ({shown})"
    )
    return [f"{trained}: the networks know it, which flatters scores."]


def _units(comparison: Comparison) -> list[str]:
    """On how few drives intervals and tests rest."""
    units = comparison.units
    found = []
    if units.kind == "none":
        found.append("All images are of one drive or sequence, and too few to say anything beyond them.")
    elif units.kind == "block":
        few = "one drive or sequence" if comparison.groups == 1 else f"{comparison.groups} drives or sequences"
        found.append(
            f"All images are of {few}, too few to stand for others. {units.count} stretches of consecutive images were "
            "resampled: intervals and verdicts are about more of the same, and nothing is known about other drives."
        )
    elif units.count < FEWEST_UNITS:
        found.append(
            f"There are only {units.count} drives or sequences: intervals are wide, and no test can tell arms apart."
        )
    return found
