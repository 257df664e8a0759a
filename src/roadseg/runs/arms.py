"""Runs side by side."""

from __future__ import annotations

from typing import Any

from roadseg.config.settings import Config
from roadseg.errors import RunError
from roadseg.runs.run_dir import RunDir


def comparable(runs: list[RunDir], split: str) -> list[dict[str, Any]]:
    """The runs' reports of `split`.

    Raises `RunError` where one is missing or is about other images or classes, and as `RunDir` where a file of a run is
    missing or damaged.
    """
    reports = []
    for run in runs:
        run.config()
        run.splits()
        run.labels()
        run.metrics()
        evaluations = run.evaluations()
        if split not in evaluations:
            known = ", ".join(evaluations) or "none"
            raise RunError(f"{run.path} has no evaluation of {split!r} (has: {known}); make it with roadseg evaluate")
        reports.append(evaluations[split])
    for run, report in zip(runs, reports, strict=True):
        if list(report["per_class"]) != list(reports[0]["per_class"]):
            raise RunError(f"{run.path} and {runs[0].path} score other classes; their means cannot be compared")
        if report["targets_sha256"] != reports[0]["targets_sha256"]:
            raise RunError(
                f"{run.path} and {runs[0].path} were scored on other images; divide both by one file: "
                "--data.split.scheme file --data.split.file splits.json"
            )
    return reports


def by_seed(runs: list[RunDir], names: list[str]) -> list[tuple[str, list[RunDir]]]:
    """The runs put together that differ in their training seed alone, by their recipe or their first one's name."""
    found: dict[Config, list[int]] = {}
    for index, run in enumerate(runs):
        settings = run.config()
        split = settings.data.split.model_copy(update={"share_seed": 0})  # in a study it goes with the seed
        data = settings.data.model_copy(update={"root": None, "split": split})
        alike = settings.model_copy(update={"seed": 0, "data": data})
        found.setdefault(alike, []).append(index)
    recipes = [settings.recipe for settings in found]
    together: list[tuple[str, list[RunDir]]] = []
    for settings, indices in found.items():
        members = [runs[index] for index in indices]
        if len({run.config().seed for run in members}) < len(members):  # one seed twice: each for itself
            together += [(names[index], [runs[index]]) for index in indices]
        else:
            together.append((settings.recipe if recipes.count(settings.recipe) == 1 else names[indices[0]], members))
    return together
