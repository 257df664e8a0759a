"""Runs with real pictures and real scores that no network had to be trained for."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from roadseg.config.settings import Config
from roadseg.data import label_space, load_records
from roadseg.data.decode import read_target
from roadseg.data.splits import Splits, ids_sha256
from roadseg.inference.visualize import png
from roadseg.labels import IGNORE, Label, LabelSpace
from roadseg.report import write_report
from roadseg.report.comparison.arms import Study
from roadseg.report.comparison.findings import Findings
from roadseg.report.comparison.gather import gather
from roadseg.runs.arms import Arm, read_arm
from roadseg.runs.facts import RunFacts
from roadseg.runs.run_dir import Confusions, RunDir
from roadseg.scoring.metrics import confusion_matrix
from roadseg.scoring.scores import headline, report
from roadseg.system.progress import Display

MakeRun = Callable[..., RunDir]
FEW = 200
"""Resamples of tests that do not look at intervals closely."""
MakeDrives = Callable[[int, int], Path]


def predicted(target: torch.Tensor, wrong: float, seed: int) -> torch.Tensor:
    """The labels, with whole blocks of 8x8 pixels called road (class 0): a share `wrong` of them."""
    rng = np.random.default_rng([seed, int(target.sum())])
    blocks = rng.random((-(-target.shape[0] // 8), -(-target.shape[1] // 8))) < wrong
    mask = torch.from_numpy(np.kron(blocks, np.ones((8, 8), bool))[: target.shape[0], : target.shape[1]])
    return torch.where(mask | (target == IGNORE), 0, target.long())


def score(run: RunDir, settings: Config, wrong: float, split: str, space: LabelSpace) -> None:
    """Evaluate made-up predictions as evaluate_run does those of a network."""
    records = load_records(settings.data).records[split]
    confusions, pictures = [], {}
    for record in records:
        target = read_target(record.label, space)
        indices = predicted(target, wrong, settings.seed)
        confusions.append(confusion_matrix(indices, target, len(space.classes)).numpy())
        pictures[record.id] = png(space.index_to_id[indices.numpy().astype(np.uint8)])
    scores = report(np.stack(confusions), records, space) | {"seconds_per_image": 0.25}
    run.save_predictions(split, pictures)
    counts = {"confusions": np.stack(confusions), "groups": np.array([record.group for record in records])}
    run.save_counts(split, "confusion", [record.id for record in records], counts)
    run.save_evaluation(split, scores)
    entry = {"loss": 1.0 + wrong, **headline(np.stack(confusions).sum(0))}
    history = [
        {"epoch": n, "train": entry, "val": entry | {"mean_iou": n / 10}, "seconds": {"train": 60.0, "val": 2.0},
         "memory_gib": (4 - n) / 2, "images_at_once": 2}
        for n in (1, 2, 3)
    ]  # fmt: skip
    run.write_metrics(history)


@pytest.fixture
def make_drives(streets: Path, tmp_path: Path) -> MakeDrives:
    """A data set of so many drives and frames, without drawing: the images of `streets` under more names."""

    def make(drives: int, frames: int) -> Path:
        root, table = tmp_path / f"{drives}-drives", []
        for kind in ("image_2", "semantic"):
            drawn = sorted((streets / "training" / kind).iterdir())
            (root / "training" / kind).mkdir(parents=True)
            for index in range(drives * frames):
                (root / "training" / kind / f"{index:06d}_10.png").symlink_to(drawn[index % len(drawn)])
        for index in range(drives * frames):
            drive, frame = divmod(index, frames)
            table.append(f"{index:06d} drive_{drive + 1:04d} {frame:010d}\n")
        (root / "drives.txt").write_text("".join(table))
        return root

    return make


@pytest.fixture
def make_run(tiny: Callable[..., Config], tmp_path: Path) -> MakeRun:
    """A complete run whose predictions are the labels with a share `wrong` of the blocks called road."""

    def make(name: str = "a", wrong: float = 0.3, split: str = "val", **changes: object) -> RunDir:
        settings = tiny(**changes)
        space = label_space(settings.data)
        run = RunDir(tmp_path / "runs" / name)
        run.create(settings, space, load_records(settings.data).splits)
        score(run, settings, wrong, split, space)
        run.finish()
        return run

    return make


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., str]:
    """The text of the page about some arms, given as names and lists of runs."""

    def write(
        arms: dict[str, list[RunDir]],
        title: str = "A comparison",
        split: str = "val",
        resamples: int = FEW,
        failures: Sequence[str] = (),
    ) -> str:
        made = [read_arm(name, runs, split) for name, runs in arms.items()]
        write_report(
            Findings(Study(gather(title, made, resamples=resamples))), tmp_path / "report", Display(), failures
        )
        return (tmp_path / "report" / "report.html").read_text()

    return write


@pytest.fixture
def made_arm(tiny: Callable[..., Config], tmp_path: Path) -> Callable[..., Arm]:
    """An arm of one run that is on no disk: images of three classes, of which a share `wrong` is called road."""
    classes = tuple(
        Label(name=name, id=index, color=(9 * index, 0, 0)) for index, name in enumerate(("road", "car", "sky"))
    )

    def make(name: str, groups: Sequence[str], wrong: float, **changes: object) -> Arm:
        ids = tuple(f"{group}-{number:03d}" for number, group in enumerate(groups))
        confusions = np.zeros((len(ids), 3, 3), np.int64)
        for number, confusion in enumerate(confusions):
            rng = np.random.default_rng(number)
            truth = rng.integers(200, 400, 3)
            lost = rng.binomial(truth, [0, wrong, wrong])
            confusion[range(3), range(3)] = truth - lost
            confusion[:, 0] += lost
        parts = {"train": ("t",), "val": tuple(sorted(ids)), "test": ()}
        facts = RunFacts(
            path=tmp_path / name, split="val", settings=tiny(**{"data.root": str(tmp_path / "no data"), **changes}),
            splits=Splits(scheme="grouped", seed=0, sha256=ids_sha256(parts), **parts),
            space=LabelSpace(name="made", classes=classes), history=[], environment={}, report={},
            confusions=Confusions(list(ids), confusions, list(groups)), anatomy=None, confidence=None,
            confidence_of_val=None, temperature=None,
        )  # fmt: skip
        return Arm(name, (facts,))

    return make
