"""roadseg against the course assignment's notebook: the ratios that docs/performance.md reports.

python benchmarks/speed_table.py [--rounds 3]

The notebook's side (benchmarks/assignment_baseline.py) runs in a process of its own, before and after roadseg's, so
that neither gains from the other's settings and a change of the machine's pace shows in the spread. Before anything is
timed, both sides must agree: the losses of one network with the same weights, the scores of the same logits.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

import assignment_baseline as baseline
from roadseg.bench.measure import Timing, extra_memory, in_turn
from roadseg.bench.work import collated, make_learner, make_prediction, settings, street_sample
from roadseg.config.recipes import recipe
from roadseg.config.settings import Config
from roadseg.data.decode import Sample, read_image
from roadseg.data.loading import Batch
from roadseg.models.upsample import Grid, upsampled_classes
from roadseg.scoring.metrics import confusion_matrix, mean_iou
from roadseg.scoring.scores import headline
from roadseg.system.hardware import forget_peak_memory, make_accelerator, peak_memory_gib
from roadseg.system.processes import cpu_count
from roadseg.training.learner import Learner
from roadseg.training.losses import upsampled_cross_entropy_sum

CPU = torch.device("cpu")
CAMVID_STEPS, CAMVID_VAL, CAMVID_CLASSES = 92, 101, 11


class Row(NamedTuple):
    """What is compared, both sides' seconds, and the ratios that were aimed for."""

    what: str
    theirs: Timing
    ours: Timing
    target: float
    stretch: float

    def ratios(self) -> tuple[float, float, float]:
        """Of the medians, and the least and the most that the spreads allow."""
        theirs, ours = self.theirs, self.ours
        return theirs.median / ours.median, theirs.low / ours.high, theirs.high / ours.low


def notebook_side(rounds: int) -> dict[str, dict]:
    """The other side's timings and memory, measured in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "baseline.json"
        script = Path(__file__).with_name("assignment_baseline.py")
        subprocess.run(
            [sys.executable, script, "--rounds", str(rounds), "--output", output], check=True, stdout=subprocess.DEVNULL
        )
        content = json.loads(output.read_text())
    return {"timings": {name: Timing(*timing) for name, timing in content["timings"].items()}} | {
        "memory": content["memory"]
    }


def joined(a: Timing, b: Timing) -> Timing:
    return Timing(statistics.mean([a.median, b.median]), min(a.low, b.low), max(a.high, b.high))


def assignment_config(padding: str, precision: str = "auto") -> Config:
    """The assignment's FCN-32s; with `same`, without its padding of 100 pixels and its learned upsampling."""
    chosen = recipe("kitti-assignment-fcn32s")
    model = chosen.model.model_copy(
        update={"padding": padding, "upsampling": "learned" if padding == "caffe" else "bilinear"}
    )
    train = chosen.train.model_copy(update={"precision": precision})
    return chosen.model_copy(update={"model": model, "train": train})


def make_learner_of(config: Config, classes: int) -> Learner:
    accelerator, layout = make_accelerator(config.train.precision)
    return make_learner(config, classes, accelerator, layout)


def make_step(learner: Learner, batch: Batch) -> Callable[[], tuple[float, Tensor]]:
    weight = learner.weight([batch])
    return lambda: learner.step([batch], 0, 1.0, weight)


def one_batch() -> Batch:
    return collated([street_sample(*baseline.SIZE)], recipe("kitti-assignment-fcn32s"), 0)


def check_losses_agree() -> None:
    """The notebook's network and ours with its weights: the loss in float32, and in bfloat16 to 2 %."""
    theirs = baseline.make_network(dropout=0).eval()
    size = (218, 602)  # 26 more than a multiple of 32: poolings that round up and down give the same cells
    sample = street_sample(*size)
    images, targets = sample.image[None].float() / 255, sample.target[None].long()
    expected = float(
        torch.nn.functional.cross_entropy(theirs(images), targets, ignore_index=255, reduction="sum").detach()
    )
    for precision, tolerance in (("fp32", 1e-4), ("auto", 2e-2)):
        config = assignment_config("caffe", precision)
        learner = make_learner_of(config, baseline.CLASSES)
        tensors = zip(learner.network.parameters(), theirs.parameters(), strict=True)
        with torch.no_grad():
            for ours, parameter in tensors:
                ours.copy_(parameter)
            loss, _ = upsampled_cross_entropy_sum(learner.model.eval()(images), targets, learner.grid)
        assert math.isclose(float(loss), expected, rel_tol=tolerance), f"{precision}: loss {loss}, not {expected}"


def check_scores_agree(outputs: Tensor, label: Tensor) -> None:
    """Micro and macro IoU of the same logits, to the last digits; ours leaves out what never occurs, as theirs does."""
    micro, macro = baseline.score(outputs, [label])
    confusion = confusion_matrix(upsampled_classes(outputs, Grid(1), baseline.SIZE)[0], label[0], outputs.shape[1])
    scores = headline(confusion.numpy())
    assert math.isclose(scores["micro_iou"], micro, rel_tol=1e-9)
    assert math.isclose(scores["mean_iou"], macro, rel_tol=1e-9)


def make_loss() -> Callable[[], float]:
    logits = (3 * torch.randn(1, 19, 64, 128, generator=torch.Generator().manual_seed(0))).requires_grad_()
    target = street_sample(512, 1024).target[None]

    def loss() -> float:
        logits.grad = None
        value, _ = upsampled_cross_entropy_sum(logits, target, Grid(8))
        value.backward()
        return float(value.detach())

    return loss


def step_rows(theirs: dict[str, Timing], rounds: int) -> list[Row]:
    """Training steps and predictions of the assignment's network."""
    batch, rows = one_batch(), []
    for padding, target, stretch in (("same", 7, 10), ("caffe", 3.5, 5)):
        config = assignment_config(padding)
        learner = make_learner_of(config, baseline.CLASSES)
        ours = in_turn({"": make_step(learner, batch)}, rounds, CPU)[""]
        rows.append(Row(f'training step, padding="{padding}"', theirs["step"], ours, target, stretch))
        if padding == "same":
            image = street_sample(*baseline.SIZE).image
            ours = in_turn({"": make_prediction(learner, image, config)}, rounds, CPU)[""]
            rows.append(Row('prediction, padding="same"', theirs["predict"], ours, 8, 11))
        del learner
    return rows


def score_row(theirs: dict[str, Timing], rounds: int) -> Row:
    """Classes and counts of 30 images from coarse logits."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, baseline.CLASSES, 8, 32, generator=generator)
    target = street_sample(*baseline.SIZE).target

    def score() -> float:
        total = torch.zeros(baseline.CLASSES, baseline.CLASSES, dtype=torch.int64)
        for _ in range(baseline.IMAGES):
            total += confusion_matrix(upsampled_classes(coarse, Grid(32), baseline.SIZE)[0], target, baseline.CLASSES)
        return float(mean_iou(total.numpy()))

    return Row("scores of 30 images", theirs["score"], in_turn({"": score}, rounds, CPU)[""], 30, 60)


def sample_row(theirs: dict[str, Timing], rounds: int) -> Row:
    """Four augmented crops of decoded images, against four decoded and resized files."""
    chosen = recipe("kitti-fcn8s")
    config = chosen.model_copy(update={"transforms": chosen.transforms.model_copy(update={"crop": baseline.SIZE})})
    with tempfile.TemporaryDirectory() as folder:
        ids = baseline.draw_streets(Path(folder) / "streets")
        images = [read_image(Path(folder) / "streets/training/image_2" / f"{name}.png") for name in ids]
    samples = [Sample(image, street_sample(*image.shape[1:]).target) for image in images]
    numbers = iter(range(10**9))

    def load() -> list[Batch]:
        return [collated([sample], config, next(numbers)) for sample in samples]

    return Row("4 samples, decoded before", theirs["samples"], in_turn({"": load}, rounds, CPU)[""], 20, 50)


def camvid_step(rounds: int) -> tuple[Timing, Timing]:
    """A step of camvid-fcn8s, and the prediction of a validation image."""
    config = settings("camvid-fcn8s")
    learner = make_learner_of(config, CAMVID_CLASSES)
    sample = street_sample(360, 480, classes=CAMVID_CLASSES)
    step = in_turn({"": make_step(learner, collated([sample] * 4, config, 0))}, rounds, CPU)[""]
    validation = make_prediction(learner, street_sample(360, 480).image, config)
    return step, in_turn({"": validation}, rounds, CPU)[""]


def step_memory() -> float:
    """Peak GiB of training steps in a process that does nothing else."""
    forget_peak_memory(CPU)
    step = make_step(make_learner_of(assignment_config("same"), baseline.CLASSES), one_batch())
    for _ in range(3):
        step()
    return peak_memory_gib(CPU)


def startup(words: list[str]) -> Timing:
    """Seconds of a fresh Python with these arguments."""
    command = [sys.executable, *words]
    return in_turn({"": lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)}, 5, CPU)[""]


def verdict(value: float, target: float, stretch: float, less: bool = False) -> str:
    reached = (lambda aim: value <= aim) if less else (lambda aim: value >= aim)
    return "stretch" if reached(stretch) else "target" if reached(target) else "SHORT"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step-memory", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step_memory:
        print(step_memory())
        return
    print(f"cpu, {cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}", flush=True)
    loss_mib = extra_memory(make_loss(), CPU)  # first: later on this process keeps what it frees
    command = [sys.executable, __file__, "--step-memory"]
    step_gib = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
    check_losses_agree()
    generator = torch.Generator().manual_seed(1)
    check_scores_agree(
        torch.randn(1, baseline.CLASSES, *baseline.SIZE, generator=generator),
        torch.randint(baseline.CLASSES, (1, *baseline.SIZE), generator=generator),
    )
    first = notebook_side(arguments.rounds)
    ours_loss = make_loss()
    loss = in_turn({"": ours_loss}, 10 * arguments.rounds, CPU)[""]
    rows = step_rows(first["timings"], arguments.rounds)
    rows += [score_row(first["timings"], arguments.rounds), sample_row(first["timings"], 10 * arguments.rounds)]
    rows.append(Row("loss and gradient, 19x512x1024", first["timings"]["loss"], loss, 3, 8))
    step, validation = camvid_step(2 * arguments.rounds)
    second = notebook_side(arguments.rounds)
    print_table(rows, first, second)
    memory = first["memory"]
    print_memory('peak memory, padding="same"', memory["step GiB"], step_gib, "GiB", 2, 3)
    print_memory("extra memory of the loss", memory["loss MiB"], loss_mib, "MiB", 20, 50)
    print_epoch(step, validation, second["timings"]["plain step"])
    print_startup()


def print_table(rows: list[Row], first: dict[str, dict], second: dict[str, dict]) -> None:
    names = {id(timing): name for name, timing in first["timings"].items()}
    print(f"{'':<32} {'notebook, s':>20} {'roadseg, s':>20} {'ratio':>18}  aims")
    for row in rows:
        both = row._replace(theirs=joined(row.theirs, second["timings"][names[id(row.theirs)]]))
        ratio, low, high = both.ratios()
        spread = f"{ratio:.1f} ({low:.1f}-{high:.1f})"
        aims = f"{row.target:g}, {row.stretch:g}: {verdict(ratio, row.target, row.stretch)}"
        print(f"{row.what:<32} {span(both.theirs):>20} {span(both.ours):>20} {spread:>18}  {aims}")


def span(timing: Timing) -> str:
    digits = 2 if timing.median >= 1 else 3
    return f"{timing.median:.{digits}f} ({timing.low:.{digits}f}-{timing.high:.{digits}f})"


def print_memory(what: str, theirs: float, ours: float, unit: str, target: float, stretch: float) -> None:
    ratio = theirs / ours
    aims = f"{target:g}, {stretch:g}: {verdict(ratio, target, stretch)}"
    print(f"{what:<32} {theirs:>16.2f} {unit} {ours:>16.2f} {unit} {ratio:>18.1f}  {aims}")


def print_epoch(step: Timing, validation: Timing, plain: Timing) -> None:
    """An epoch of CamVid from its steps; a plain loop's steps beside it."""
    epoch = CAMVID_STEPS * step.median + CAMVID_VAL * validation.median
    print(
        f"epoch of camvid-fcn8s: {CAMVID_STEPS} steps of {span(step)} s, {CAMVID_VAL} images of {span(validation)} s: "
        f"{epoch:.0f} s\n  150 s, 125 s: {verdict(epoch, 150, 125, less=True)}; a plain loop that trains all layers: "
        f"{CAMVID_STEPS * plain.median:.0f} s"
    )


def print_startup() -> None:
    for words in (["-m", "roadseg", "--help"], ["-c", "import roadseg"]):
        timing = startup(words)
        aims = f"0.5 s, 0.2 s: {verdict(timing.median, 0.5, 0.2, less=True)}"
        print(f"python {' '.join(words)}: {span(timing)} s  {aims}")


if __name__ == "__main__":
    main()
