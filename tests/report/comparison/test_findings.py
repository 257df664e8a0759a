"""A report reads once what is on disk, and computes once what it says in several places."""

import builtins
import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from roadseg.cli.compare import say_findings
from roadseg.cli.main import main
from roadseg.report import write_report
from roadseg.report.comparison import anatomy, confidence, leakage, learning, verdicts
from roadseg.report.comparison.findings import Findings
from roadseg.report.comparison.gather import gather_study
from roadseg.runs.arms import read_arm
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow

MakeRun = Callable[..., RunDir]


def test_compare_reads_each_file_of_a_run_once(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [make_run("a"), make_run("b", 0.5), make_run("c", 0.4, seed=1)]
    opened: Counter[str] = Counter()
    really_open = io.open

    def counted(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if not isinstance(file, int) and "r" in mode:
            opened[str(Path(file).absolute())] += 1
        return really_open(file, mode, *rest, **options)

    monkeypatch.setattr(builtins, "open", counted)
    monkeypatch.setattr(io, "open", counted)
    assert main(["compare", *(str(run.path) for run in runs), "--output", str(tmp_path / "report")]) == 0
    for run in runs:
        pictures = str(run.evaluation / "val") + "/"
        read = {path: times for path, times in opened.items() if path.startswith(f"{run.path}/")}
        own = {path: times for path, times in read.items() if not path.startswith(pictures)}
        names = {"config.json", "splits.json", "labels.json", "metrics.jsonl", "environment.json"}
        names |= {"evaluation/val.json", "evaluation/val.confusion.npz"}
        once = dict.fromkeys((f"{run.path}/{name}" for name in names), 1)
        assert own == once | {f"{run.path}/config.json": 2}, "compare looks at the settings before torch is loaded"
        assert len(read) > len(own), "pictures are read when they are drawn"


def test_a_whole_report_computes_everything_once(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = (
        (leakage, "measure"), (verdicts, "verdicts"), (verdicts, "against_first"), (anatomy, "gather_anatomy"),
        (confidence, "gathered"), (learning, "curves"),
    )  # fmt: skip
    calls: Counter[str] = Counter()
    for module, name in made:
        original = getattr(module, name)

        def counted(*values: Any, _name: str = name, _original: Callable[..., Any] = original) -> Any:
            calls[_name] += 1
            return _original(*values)

        monkeypatch.setattr(module, name, counted)
    arms = []
    folds = {"data.split.folds": 2}
    for scheme, wrong, share in (
        ("grouped", 0.6, 0.4),
        ("grouped", 0.4, 0.7),
        ("grouped", 0.3, 1.0),
        ("random", 0.2, 1.0),
    ):
        runs = [
            make_run(
                f"{scheme}-{share}-{fold}", wrong,
                **folds, **{"data.split.scheme": scheme, "data.split.share": share, "data.split.fold": fold},
            )
            for fold in (0, 1)
        ]  # fmt: skip
        arms.append(read_arm("net", runs, "val", None if scheme == "random" else share, scheme == "random"))
    findings = Findings(gather_study("a study", arms, resamples=50))
    write_report(findings, tmp_path / "report", Display())
    say_findings(findings, Console(quiet=True))
    assert findings.leakage
    assert findings.curves
    assert calls == {name: 1 for _, name in made}
