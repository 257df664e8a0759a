"""Runs side by side."""

from __future__ import annotations

from typing import Any

from roadseg.errors import RunError
from roadseg.runs import RunDir


def comparable(runs: list[RunDir], split: str) -> list[dict[str, Any]]:
    """The runs' reports of `split`. Raises `RunError` where one is missing or is about other images or classes."""
    reports = []
    for run in runs:
        run.config()
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
