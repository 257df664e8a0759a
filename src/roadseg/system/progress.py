"""Progress of long work: bars on a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn


class Display:
    """Progress of training, evaluation and prediction. This one is silent, for use as a library."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def stage(self, what: str, done: int, total: int, seconds_left: float | None) -> None:
        """Start the next large task, after `done` of `total`; all of them together still take `seconds_left`."""

    def begin(self, what: str, total: int, done: int = 0) -> None:
        """Start a task of `total` steps."""

    def advance(self, detail: str = "") -> None:
        """Count one step of the task."""


class Plain(Display):
    """A line at most every `seconds`, for log files and pipes."""

    def __init__(self, console: Console, seconds: float = 30.0) -> None:
        self.console = console
        self.seconds = seconds
        self.last = time.monotonic()
        self.what, self.total, self.done = "", 0, 0

    def say(self, text: str) -> None:
        """Print the line."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def stage(self, what: str, done: int, total: int, seconds_left: float | None) -> None:
        """Print it as a headline."""
        self.say(f"== {what}{_all_left(seconds_left)}")

    def begin(self, what: str, total: int, done: int = 0) -> None:
        """Start a task without a line."""
        self.what, self.total, self.done = what, total, done

    def advance(self, detail: str = "") -> None:
        """Print the progress, at most every `seconds`."""
        self.done += 1
        if time.monotonic() - self.last >= self.seconds:
            self.last = time.monotonic()
            self.say(f"  {self.what} {self.done}/{self.total} {detail}".rstrip())


class Bars(Display):
    """A live bar with the time left."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=console,
            transient=True,
            expand=True,
        )
        self.task: TaskID | None = None
        self.stages: TaskID | None = None

    def __enter__(self) -> "Bars":
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def say(self, text: str) -> None:
        """Print the line above the bar."""
        self.progress.console.print(text, highlight=False, markup=False)

    def stage(self, what: str, done: int, total: int, seconds_left: float | None) -> None:
        """Move a bar of its own, above the other one."""
        for task in (self.stages, self.task):
            if task is not None:
                self.progress.remove_task(task)
        self.task = None
        self.stages = self.progress.add_task(what, total=total, completed=done, detail=_all_left(seconds_left).strip())

    def begin(self, what: str, total: int, done: int = 0) -> None:
        """Replace the bar."""
        if self.task is not None:
            self.progress.remove_task(self.task)
        self.task = self.progress.add_task(what, total=total, completed=done, detail="")

    def advance(self, detail: str = "") -> None:
        """Move the bar by one; without a detail it says how much time is left."""
        if self.task is None:
            return
        self.progress.update(self.task, advance=1)
        left = next(task.time_remaining for task in self.progress.tasks if task.id == self.task)
        self.progress.update(self.task, detail=detail or (f"{duration(left)} left" if left is not None else ""))


def _all_left(seconds: float | None) -> str:
    return "" if seconds is None else f"  ({duration(seconds)} left in all)"


def epoch_line(entry: dict[str, Any], epochs: int, better: bool) -> str:
    """One line about an epoch: training / validation, scores in percent."""
    parts = (entry["train"], entry["val"])
    loss = "/".join(f"{part['loss']:.3f}" for part in parts)
    scores = ["/".join(percent(part[key]) for part in parts) for key in ("mean_iou", "micro_iou")]
    seconds = entry["seconds"]["train"] + entry["seconds"]["val"]
    return (
        f"epoch {entry['epoch']:>{len(str(epochs))}}/{epochs}  loss {loss}  mIoU {scores[0]}  micro IoU {scores[1]}  "
        f"{duration(seconds)}{'  best' if better else ''}"
    )


def percent(score: float | None) -> str:
    """A score in percent with one decimal; a dash for None."""
    return "–" if score is None else f"{100 * score:.1f}"


def duration(seconds: float) -> str:
    """A time in seconds, minutes, hours or days."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
