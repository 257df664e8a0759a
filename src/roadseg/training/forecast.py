"""What a training would do, and how long it would take here: a few steps are made, and nothing is written."""

import time
from dataclasses import dataclass
from statistics import median

from roadseg.config.settings import Config, Crf, as_trained, difference
from roadseg.inference.predictor import NO_CRF
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display
from roadseg.training.interrupt import StopFlag
from roadseg.training.train import Training, lengthened

SECONDS = 8.0
"""How long steps are made, and then validation images predicted; two steps and one image take longer if they must."""
MOST_STEPS, MOST_IMAGES = 6, 4


@dataclass(frozen=True)
class Forecast:
    """Images and groups of each part, steps of an epoch, what is done already, and measured seconds.

    Seconds of a step, of a validation image in each epoch, and of one at the end, where the CRF is applied.
    """

    images: dict[str, int]
    groups: dict[str, int]
    steps_per_epoch: int
    epochs_done: int
    steps_done: int
    step_seconds: float
    image_seconds: float
    final_image_seconds: float
    settings: Config

    @property
    def seconds(self) -> float:
        """Of what is left: the epochs with their validation, and the final calibration and scores."""
        epochs = self.settings.train.epochs
        steps = (epochs * self.steps_per_epoch - self.steps_done) * self.step_seconds
        image = (epochs - self.epochs_done) * self.image_seconds + 2 * self.final_image_seconds
        return steps + self.images["val"] * image


def forecast(run: RunDir, settings: Config) -> Forecast:
    """Read the data, and time the first steps of the network; where a run is begun, of what it has left.

    First weights are read, but those of ImageNet are not fetched for it. Raises as `train` with `new_length`.
    """
    settings = as_trained(settings)
    begun, done = (run.path / "config.json").exists(), run.has_checkpoint("last")
    if begun and difference(run.config(), settings):
        lengthened(run, run.config(), settings)
    training = Training(run, settings, Display(), pretrained=not done and settings.model.weights != "imagenet")
    if begun:
        training.check_data()
    where = run.progress("last") if done else {"epoch": 0, "step": 0}
    step_seconds, image_seconds = _step_seconds(training), _image_seconds(training, NO_CRF)
    records = {part: samples.records for part, samples in training.samples.items()}
    return Forecast(
        {part: len(members) for part, members in records.items()} | {"test": len(training.splits.test)},
        {part: len({record.group for record in members}) for part, members in records.items()},
        training.steps_per_epoch,
        where["epoch"],
        where["step"],
        step_seconds,
        image_seconds,
        _image_seconds(training, settings.crf) if settings.crf.iterations else image_seconds,
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


def _image_seconds(training: Training, crf: Crf) -> float:
    val = training.samples["val"]
    times: list[float] = []
    for index in range(min(MOST_IMAGES, len(val))):
        clock = time.monotonic()
        training.pipeline(crf)(val[index].image).classes().cpu()
        times.append(time.monotonic() - clock)
        if sum(times) > SECONDS:
            break
    return median(times)
