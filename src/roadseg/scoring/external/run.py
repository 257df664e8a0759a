"""From two folders of label pictures to scores."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from roadseg import labels
from roadseg.config.registry import DATASETS
from roadseg.data.datasets import dataset
from roadseg.data.layouts.folder import FILE
from roadseg.errors import ConfigError, DataError
from roadseg.labels import LabelSpace
from roadseg.scoring import metrics, stats
from roadseg.scoring.external.coding import Finding, Guess, class_counts, refuse_mixed, settle
from roadseg.scoring.external.conventions import CONVENTIONS, OURS, Convention, Counts, parts
from roadseg.scoring.external.explain import because
from roadseg.scoring.external.pairing import grouping, pair_up
from roadseg.scoring.external.read import CODINGS, Coding, Pair, tally
from roadseg.scoring.metrics import number
from roadseg.scoring.scores import intervals
from roadseg.system.processes import cpu_count
from roadseg.system.progress import Display
from roadseg.system.threads import ahead


class Scored(NamedTuple):
    """The pairs and how they were found, the codings of both folders, the counts of each image, and the label space."""

    pairs: list[Pair]
    how: str
    codings: tuple[Finding, Finding]
    counts: Counts
    space: LabelSpace


def label_space(name: str) -> LabelSpace:
    """The label space of a name, or of a `roadseg.yaml` or the folder that holds one. Raises `ConfigError`."""
    published = [known for known in DATASETS if dataset(known).tables]
    path = Path(name) / FILE if Path(name).is_dir() else Path(name)
    if name in published:
        return dataset(name).labels(path, "evaluation").model_copy(update={"name": name})
    if not path.exists():
        raise ConfigError(
            f"no label space {name!r}; choose one of {', '.join(published)}, or give a YAML file (docs/own-data.md)"
        )
    return labels.load(path)


def score(
    predictions: Path,
    targets: Path,
    labels_name: str,
    display: Display,
    codings: tuple[Coding | None, Coding | None] = (None, None),
) -> Scored:
    """Count the pixels of all pairs of a prediction and its target.

    Every file is read once. Only the counts of each image are kept.
    Raises `DataError` naming the first file that is wrong, and `ConfigError` as `label_space`.
    """
    space = label_space(labels_name)
    for role, coding in zip(("predictions", "targets"), codings, strict=True):
        if coding not in (None, *CODINGS):
            raise ConfigError(f"--{role}-coding {coding}: choose one of {', '.join(CODINGS)}")
    pairs, how = pair_up(predictions, targets, grouping(labels_name, targets))
    guesses = Guess("predictions", space, codings[0]), Guess("targets", space, codings[1])
    display.begin("reading", len(pairs))
    tallies = []
    for pair, one in zip(pairs, ahead(lambda pair: tally(pair, space, codings), pairs, cpu_count()), strict=True):
        guesses[0].update(pair.prediction, np.unique(one.cells & 255), one.colored_prediction)
        guesses[1].update(pair.target, np.unique(one.cells >> 8), one.colored_target)
        tallies.append(one)
        display.advance()
    findings = settle(guesses, tallies)
    refuse_mixed(guesses, findings, pairs, tallies)
    counts = np.stack([class_counts((findings[0].coding, findings[1].coding), space, one) for one in tallies])
    if not counts[:, :-1].any():
        raise DataError(
            f"the targets in {targets} hold no pixel of a class of {space.name}, only ignored ones; "
            "choose another label space or --targets-coding"
        )
    return Scored(pairs, how, findings, counts, space)


def report(scored: Scored) -> dict[str, Any]:
    """What `evaluation/<split>.json` holds, and the score under each convention.

    Pixels that are predicted as no class are wrong and belong to no class, so that they lower the IoU of their true
    class alone.
    """
    counts, space = scored.counts, scored.space
    groups = [pair.group for pair in scored.pairs]
    known = counts.copy()
    known[:, -1] = 0  # ignored pixels
    margins = metrics.margins(known)[..., :-1]
    values = metrics.by_score(metrics.scores(margins.sum(0)))
    return {
        **{name: number(value) for name, value in values.headline.items()},
        "per_class": dict(zip(space.names, map(number, values.per_class), strict=True)),
        "images": len(scored.pairs),
        "groups": len(set(groups)),
        "pixels": int(known.sum()),
        **intervals(margins, stats.resampling_units(groups), space.names),
        "labels": space.name,
        "paired": scored.how,
        "codings": {
            "predictions": scored.codings[0]._asdict(),
            "targets": scored.codings[1]._asdict(),
        },
        "ignored_pixels": int(counts[:, -1].sum()),
        "void_predictions": int(known[:, :, -1].sum()),
        "conventions": [_entry(convention, counts, space.names) for convention in CONVENTIONS],
    }


def _entry(convention: Convention, counts: Counts, names: list[str]) -> dict[str, Any]:
    rule = convention.rule
    ours, theirs = parts(counts, OURS).score, parts(counts, rule).score
    return {
        "name": convention.name,
        "package": convention.package or None,
        "version": convention.version or None,
        "score": number(theirs),
        "absent": str(rule.absent),
        "ignored": rule.ignored,
        "averaging": rule.averaging,
        "gap": number(theirs - ours),
        "because": because(counts, rule, names),
    }
