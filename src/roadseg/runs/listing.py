"""The runs below some folders: how far each is, and how good. Reads text files alone."""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from roadseg.errors import RoadsegError, RunError
from roadseg.runs import lock
from roadseg.runs.run_files import RunFiles
from roadseg.system.progress import duration, percent

STYLES = {"complete": "green", "training": "bold cyan", "stopped": "yellow", "damaged": "red"}


@dataclass(frozen=True)
class Listed:
    """A run in the list.

    `state` is one of `STYLES`. `epochs` are those done and those planned, `best` is the best mIoU on the validation
    images and its epoch, `changed` the time of the last change, `size` in bytes. `damage` says what cannot be read.
    """

    path: Path
    state: str
    changed: float
    size: int
    epochs: tuple[int, int] | None = None
    best: tuple[float, int] | None = None
    damage: str = ""


def find_runs(roots: Sequence[Path]) -> list[Path]:
    """Every folder in or below `roots` that holds a config.json and checkpoints/, as `roadseg train` makes them.

    Raises `RunError` for a root that does not exist.
    """
    missing = [root for root in roots if not root.is_dir()]
    if missing:
        raise RunError(f"no folder {missing[0]}; give one that holds runs")
    found = (path for root in roots for path in _runs_in(root))
    return list({path.resolve(): path for path in found}.values())


def _runs_in(root: Path) -> Iterator[Path]:
    for folder, inside, files in os.walk(root):
        if "config.json" in files and "checkpoints" in inside:
            yield Path(folder)
            inside.clear()


def read(path: Path) -> Listed:
    """What there is to say about the run in `path`; a damaged one is described, not refused."""
    size = sum(_size(file) for file in path.rglob("*"))
    # Not of every file: evaluate writes into a run that was complete long before.
    marks = [path / name for name in ("config.json", "metrics.jsonl", "checkpoints/last.json", "COMPLETE")]
    changed = max(mark.stat().st_mtime for mark in marks if mark.exists())
    try:
        return _read(RunFiles(path), changed, size)
    except RoadsegError as error:
        damage = str(error)
    except OSError as error:
        damage = f"{error.filename}: {error.strerror}"
    except (KeyError, TypeError):
        damage = f"{path / 'metrics.jsonl'} is damaged; restore it from a copy of the run"
    return Listed(path, "damaged", changed, size, damage=damage)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except FileNotFoundError:  # a temporary file of the process that trains
        return 0


def _read(run: RunFiles, changed: float, size: int) -> Listed:
    settings = run.config()
    scores = [(entry["val"]["mean_iou"], entry["epoch"]) for entry in run.metrics()]
    run.check_whole()
    run.evaluations()
    if run.complete and not run.evaluated("val"):
        again = f"roadseg evaluate {run.path} --split val --data.root {settings.data.root}"
        raise RunError(f"{run.evaluation} has no scores of val, or not all of them; make them with {again}")
    state = "complete" if run.complete else "training" if lock.is_held(run.path) else "stopped"
    known = [(score, epoch) for score, epoch in scores if score is not None]
    best = max(known, key=lambda pair: (pair[0], -pair[1]), default=None)
    epochs = (len(scores), settings.train.epochs)
    return Listed(run.path, state, changed, size, epochs, best)


def run_table(runs: Sequence[Listed]) -> Table:
    """One row for each run, the one that changed last on top; times are counted back from now."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("run", overflow="fold")
    table.add_column("state", no_wrap=True)
    for title in ("epochs", "best\nepoch", "val\nmIoU", "changed", "size"):
        table.add_column(title, justify="right", no_wrap=True)
    now = time.time()
    for run in sorted(runs, key=lambda run: (-run.changed, run.path)):
        score, epoch = run.best or (None, "–")
        table.add_row(
            escape(str(run.path)),
            f"[{STYLES[run.state]}]{run.state}[/]",
            "/".join(map(str, run.epochs)) if run.epochs else "–",
            str(epoch),
            percent(score),
            f"{duration(max(now - run.changed, 0))} ago",
            decimal(run.size, precision=0),
        )
    return table
