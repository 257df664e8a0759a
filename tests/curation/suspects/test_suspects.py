"""The command: which images are looked at, what is written, and what is refused."""

import csv
import json
import shutil
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadseg.cli.main import main
from roadseg.curation.suspects import find, write
from roadseg.curation.suspects.held_out import held_out_images, held_out_predictions
from roadseg.curation.suspects.regions import wrong_regions
from roadseg.data.splits import ids_sha256
from roadseg.data.streets import synthesize
from roadseg.errors import DataError, RunError
from roadseg.runs.arms import complete_runs
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow


def test_only_images_outside_training_are_looked_at(trained: RunDir, streets: Path) -> None:
    groups, trained_on = held_out_images([trained], streets)
    splits = trained.splits()
    assert list(groups) == [(trained,)]
    assert {record.id for record in groups[(trained,)]} == {*splits.val, *splits.test}
    assert {record.id for record in trained_on} == set(splits.train)


def test_each_image_is_judged_by_all_runs_that_have_not_seen_it(trained: RunDir, streets: Path, tmp_path: Path) -> None:
    other = RunDir(shutil.copytree(trained.path, tmp_path / "other"))
    splits = trained.splits()
    content = json.loads((other.path / "splits.json").read_text())
    content |= {"train": list(splits.val), "val": list(splits.train)}
    content["sha256"] = ids_sha256({"train": splits.val, "val": splits.train})
    (other.path / "splits.json").write_text(json.dumps(content))
    groups, trained_on = held_out_images([trained, other], streets)
    assert trained_on == []
    assert {runs: {record.id for record in records} for runs, records in groups.items()} == {
        (trained,): set(splits.val), (other,): set(splits.train),
    }  # fmt: skip


def test_the_command_writes_what_it_found(
    trained: RunDir, streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "suspects"
    words = ["suspects", str(trained.path), "--data.root", str(streets), "--output", str(output)]
    assert main(words) == 0
    assert main(words) == 0, "over what it wrote before"
    content = json.loads((output / "suspects.json").read_text())
    rows = content["suspects"]
    assert rows, "two epochs do not make a network that agrees with all labels"
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(before["score"] >= after["score"] for before, after in pairwise(rows))
    with (output / "suspects.csv").open() as file:
        assert [row["label_file"] for row in csv.DictReader(file)] == [row["label_file"] for row in rows]
    first = rows[0]
    names = {label.id: label.name for label in trained.labels().classes}
    ids = np.asarray(Image.open(first["label_file"]))[first["top"] : first["bottom"], first["left"] : first["right"]]
    assert first["label"] in {names.get(int(value)) for value in np.unique(ids)}
    page = (output / "suspects.html").read_text()
    assert page.count("<li>") == min(len(rows), 60)
    assert page.count("data:image/png") == 3 * page.count("<li>")
    told = capsys.readouterr().out
    assert "images were in the training of every run" in told
    assert "suspect regions in" in told


def test_pictures_show_what_was_found_without_predicting_again(trained: RunDir, streets: Path, tmp_path: Path) -> None:
    run = RunDir(shutil.copytree(trained.path, tmp_path / "run"))
    findings = find([run], streets, Display())
    assert findings.predicted.keys() >= {suspect.region.image for suspect in findings.suspects}
    shutil.rmtree(run.path)
    write(findings, tmp_path / "suspects", Display())
    assert "data:image/png" in (tmp_path / "suspects/suspects.html").read_text()


def test_bad_input_is_told(trained: RunDir, streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inside = streets / "suspects"
    assert main(["suspects", str(trained.path), "--data.root", str(streets), "--output", str(inside)]) == 2
    assert "choose another folder" in capsys.readouterr().err
    assert main(["suspects", str(tmp_path), "--data.root", str(streets), "--output", str(tmp_path / "o")]) == 2
    assert not (tmp_path / "o").exists()
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(RunError, match="damaged"):
        complete_runs([tmp_path])


@pytest.fixture
def other_streets(tmp_path: Path) -> Path:
    """Streets whose images have the ids of the usual ones."""
    synthesize(tmp_path / "other", drives=4, frames=2, width=96, height=64, seed=1)
    return tmp_path / "other"


def test_other_data_with_the_same_ids_is_refused(
    trained: RunDir, other_streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "suspects"
    assert main(["suspects", str(trained.path), "--data.root", str(other_streets), "--output", str(output)]) == 2
    message = f"{other_streets} is not the data that {trained.path} was scored on: 4 of 4 images have other labels"
    assert message in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(("corrected", "refusal"), [(2, None), (3, "3 of 4 images have other labels")])
def test_half_of_the_labels_may_be_corrected(
    trained: RunDir, streets: Path, tmp_path: Path, corrected: int, refusal: str | None
) -> None:
    data = shutil.copytree(streets, tmp_path / "data")
    for image in trained.splits().val[:corrected]:
        path = data / "training" / "semantic" / f"{image}.png"
        ids = np.array(Image.open(path))
        ids[50:62, 36:60] = 23
        Image.fromarray(ids).save(path)
    with pytest.raises(DataError, match=refusal) if refusal else nullcontext():
        find([trained], data, Display())


def test_findings_are_not_put_among_other_files(
    trained: RunDir, streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["suspects", str(trained.path), "--data.root", str(streets), "--output", str(tmp_path)]) == 2
    assert f"{tmp_path} holds other files (notes.txt)" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_label_that_was_changed_is_a_region_of_its_own(trained: RunDir, streets: Path, tmp_path: Path) -> None:
    data = shutil.copytree(streets, tmp_path / "data")
    image = trained.splits().val[0]
    path = data / "training" / "semantic" / f"{image}.png"
    ids = np.array(Image.open(path))
    ids[50:62, 36:60] = 23  # sky in the middle of the road
    Image.fromarray(ids).save(path)
    groups, _ = held_out_images([trained], data)
    changed = next(
        prediction for prediction in held_out_predictions(groups, Display()) if prediction.record.id == image
    )
    sky = trained.labels().names.index("sky")
    boxes = [region.box for region in wrong_regions(changed, vague=0) if region.label == sky]
    assert (36, 50, 60, 62) in boxes
