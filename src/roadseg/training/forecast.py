"""What a training would do, and how long it would take here: a few steps are made, and nothing is written."""

import time
from dataclasses import dataclass
from statistics import median

from roadseg.config.settings import Config, as_trained
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display
from roadseg.training.interrupt import StopFlag
from roadseg.training.train import Training

SECONDS = 8.0
"""How long steps are made, and then validation images predicted; two steps and one image take longer if they must."""
MOST_STEPS, MOST_IMAGES = 6, 4


@dataclass(frozen=True)
class Forecast:
    """Images and groups of each part, steps of an epoch, and measured seconds of a step and of a validation image."""

    images: dict[str, int]
    groups: dict[str, int]
    steps_per_epoch: int
    step_seconds: float
    image_seconds: float
    settings: Config

    @property
    def seconds(self) -> float:
        """Of the whole training: all epochs with their validation, and the final calibration and scores."""
        epochs = self.settings.train.epochs
        steps = epochs * self.steps_per_epoch * self.step_seconds
        return steps + (epochs + 2) * self.images["val"] * self.image_seconds


def forecast(run: RunDir, settings: Config) -> Forecast:
    """Read the data, and time the first steps of the network, with random weights. Raises as `train`."""
    settings = as_trained(settings)
    training = Training(run, settings, Display(), pretrained=False)
    records = {part: samples.records for part, samples in training.samples.items()}
    return Forecast(
        {part: len(members) for part, members in records.items()} | {"test": len(training.splits.test)},
        {part: len({record.group for record in members}) for part, members in records.items()},
        training.steps_per_epoch,
        _step_seconds(training),
        _image_seconds(training),
        settings,
    )


def _step_seconds(training: Training) -> float:
    """The median without the first step, which sets up."""
    training.learner.begin_epoch()
    times: list[float] = []
    started = clock = time.monotonic()
    for group in training.batches_left():
        training.step(group, StopFlag())
        times.append(time.monotonic() - clock)
        clock = time.monotonic()
        if len(times) == MOST_STEPS or (len(times) > 1 and clock - started > SECONDS):
            break
    return median(times[1:] or times)


def _image_seconds(training: Training) -> float:
    val = training.samples["val"]
    times: list[float] = []
    for index in range(min(MOST_IMAGES, len(val))):
        clock = time.monotonic()
        training.predict(val[index].image)
        times.append(time.monotonic() - clock)
        if sum(times) > SECONDS:
            break
    return median(times)
