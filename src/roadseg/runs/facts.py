"""What a run and one of its evaluations say, each file read once: what comparisons and reports are made from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from roadseg.config.settings import Config
from roadseg.data.splits import Splits
from roadseg.errors import RunError
from roadseg.labels import LabelSpace
from roadseg.runs.run_dir import Confusions, RunDir


@dataclass(frozen=True, eq=False)
class RunFacts:
    """A run and its evaluation of `split`, as they were on disk when they were read.

    `history` is metrics.jsonl, `report` the evaluation's scores, `environment` empty where the run has none.
    `confusions`, `anatomy` and `confidence` are counts of the images by id; the last two are None where they were not
    counted, as is `confidence_of_val`, those of the validation images, which thresholds rest on.
    """

    path: Path
    split: str
    settings: Config
    splits: Splits
    space: LabelSpace
    history: list[dict[str, Any]]
    environment: dict[str, Any]
    report: dict[str, Any]
    confusions: Confusions
    anatomy: tuple[list[str], dict[str, np.ndarray]] | None
    confidence: tuple[list[str], np.ndarray] | None
    confidence_of_val: tuple[list[str], np.ndarray] | None
    temperature: float | None


def read_facts(run: RunDir, split: str) -> RunFacts:
    """All that a report says of the run. Raises `RunError` where `split` is not evaluated, and as `RunDir`."""
    settings, splits, space, history = run.config(), run.splits(), run.labels(), run.metrics()
    reports = run.evaluations()
    if split not in reports:
        known = ", ".join(reports) or "none"
        raise RunError(f"{run.path} has no evaluation of {split!r} (has: {known}); make it with roadseg evaluate")
    confidence = run.confidence(split)
    return RunFacts(
        path=run.path,
        split=split,
        settings=settings,
        splits=splits,
        space=space,
        history=history,
        environment=_environment(run.path / "environment.json"),
        report=reports[split],
        confusions=run.confusions(split),
        anatomy=run.anatomy(split),
        confidence=confidence,
        confidence_of_val=confidence if split == "val" else run.confidence("val"),
        temperature=run.temperature(),
    )


def _environment(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
