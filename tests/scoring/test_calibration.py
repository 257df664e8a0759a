"""What a run's validation images promise."""

import shutil
from pathlib import Path

import pytest

from roadseg.errors import RunError
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.calibration import promised


def test_a_promise_needs_counts_and_must_be_possible(trained: RunDir, tmp_path: Path) -> None:
    shutil.copytree(trained.path, tmp_path / "run")
    run = RunDir(tmp_path / "run")
    with pytest.raises(RunError, match="give a lower share"):
        promised(run, 1 - 1e-9)
    (run.evaluation / "val.confidence.npz").unlink()
    with pytest.raises(RunError, match="roadseg evaluate RUN"):
        promised(run, 0.9)
