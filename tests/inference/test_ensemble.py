"""Which runs are meant, and what several networks say together."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from roadseg.data.decode import read_image
from roadseg.errors import RunError
from roadseg.inference.ensemble import Member, mean_probabilities, named_runs, probabilities
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.evaluate import ready


def test_a_study_stands_for_its_runs(trained: RunDir, tmp_path: Path) -> None:
    shutil.copytree(trained.path, tmp_path / "runs" / "a")
    (tmp_path / "study.json").write_text(json.dumps({"runs": [{"run": "runs/a"}]}))
    assert [run.path for run in named_runs([tmp_path])] == [tmp_path / "runs" / "a"]
    (tmp_path / "runs" / "a" / "COMPLETE").unlink()
    with pytest.raises(RunError, match="not complete"):
        named_runs([tmp_path])


def test_runs_of_other_classes_cannot_answer_together(trained: RunDir, tmp_path: Path) -> None:
    other = RunDir(shutil.copytree(trained.path, tmp_path / "other"))
    content = json.loads((other.path / "labels.json").read_text())
    content["classes"][0]["name"] = "motorway"
    (other.path / "labels.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match="have other classes; name runs of one data set"):
        named_runs([trained.path, other.path])


def test_probabilities_are_the_softmax_after_the_temperature_and_their_mean(trained: RunDir, streets: Path) -> None:
    image = read_image(streets / "training/image_2/000000_10.png")
    network = ready(trained)
    once, twice = (probabilities(Member(network, trained.config(), value), image) for value in (1.0, 2.0))
    assert torch.allclose(once.sum(0), torch.ones(once.shape[1:]), atol=1e-5)
    assert torch.allclose((once.log() / 2).softmax(0), twice, atol=1e-5)
    members = [Member(network, trained.config(), value) for value in (1.0, 2.0)]
    assert torch.allclose(mean_probabilities(members, image), (once + twice) / 2)
