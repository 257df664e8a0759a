"""Which images a run is scored on: its own where they were moved, never those of another data set in their place."""

import shutil
from pathlib import Path

import pytest

from roadseg.data.streets import synthesize
from roadseg.errors import ConfigError, RunError
from roadseg.runs.run_dir import RunDir
from roadseg.scoring.images import choose

pytestmark = pytest.mark.slow


def remove(root: Path, *ids: str) -> None:
    for name in ids:
        for folder in ("image_2", "semantic"):
            (root / f"training/{folder}/{name}.png").unlink()


@pytest.fixture
def moved(streets: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(streets, tmp_path / "moved"))


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Another data set whose images have the same ids."""
    synthesize(tmp_path / "foreign", drives=4, frames=2, width=96, height=64, seed=1)
    return tmp_path / "foreign"


def test_moved_data_needs_the_images_of_the_part_alone(trained: RunDir, moved: Path) -> None:
    lost, *_ = trained.splits().train
    remove(moved, lost)
    for split in ("val", None):
        images = choose(trained, moved, split)
        assert (images.name, images.root, images.other) == ("val", moved, None)
        assert [record.id for record in images.records] == sorted(trained.splits().val)
    with pytest.raises(ConfigError, match=r"does not hold all images of train of .*, and has no split 'train'"):
        choose(trained, moved, "train")
    remove(moved, trained.splits().val[0])
    with pytest.raises(ConfigError, match="was trained on 3 of the 6 images of all in"):
        choose(trained, moved, None)


def test_other_data_may_have_an_id_that_was_trained_on(trained: RunDir, foreign: Path) -> None:
    assert choose(trained, foreign, None).other == foreign
    kept, *others = trained.splits().train
    remove(foreign, *others, *trained.splits().val)
    images = choose(trained, foreign, None)
    assert (images.name, images.other) == ("foreign-all", foreign)
    assert [record.id for record in images.records] == [kept]


def test_before_the_first_scores_nothing_tells_own_data_from_other(
    trained: RunDir, foreign: Path, tmp_path: Path
) -> None:
    run = RunDir(tmp_path / "run")
    shutil.copytree(trained.path, run.path, ignore=shutil.ignore_patterns("evaluation"))
    with pytest.raises(RunError, match=r"not scored yet, .* score it first where it was trained: roadseg evaluate"):
        choose(run, foreign, "val")
    remove(foreign, *run.splits().train, *run.splits().val[1:])
    assert choose(run, foreign, None).other == foreign, "an id in common, but of none that was trained on"


def test_damaged_scores_are_told(trained: RunDir, foreign: Path, tmp_path: Path) -> None:
    run = RunDir(Path(shutil.copytree(trained.path, tmp_path / "run")))
    (run.evaluation / "foreign-all.json").write_text('{"root": ')
    remove(foreign, *run.splits().train, *run.splits().val[1:])
    with pytest.raises(RunError, match=r"foreign-all\.json is damaged; remove it"):
        choose(run, foreign, None)
