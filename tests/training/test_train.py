"""The loop: exactness of accumulation and resume, checkpoints, what stops it."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from roadseg.cli.main import main
from roadseg.config.settings import Config, Stretch
from roadseg.errors import DataError, RunError, WorkFailed
from roadseg.models.base import Trunk
from roadseg.runs import lock
from roadseg.runs.run_dir import RunDir
from roadseg.system.progress import Display, epoch_line
from roadseg.training.interrupt import Interrupted
from roadseg.training.train import train

pytestmark = pytest.mark.slow

Configure = Callable[..., Config]


class StopAt(Display):
    """Raises SIGTERM in this process at the n-th training step that is displayed."""

    def __init__(self, step: int) -> None:
        self.left = step
        self.training = False

    def begin(self, what: str, total: int, done: int = 0) -> None:
        self.training = what.startswith("epoch")

    def advance(self, detail: str = "") -> None:
        self.left -= self.training
        if self.left == 0 and self.training:
            os.kill(os.getpid(), signal.SIGTERM)


class Told(Display):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def comparable_metrics(run: RunDir) -> list[dict[str, object]]:
    """The entries without what a clock or the machine decides."""
    return [{k: v for k, v in entry.items() if k not in ("seconds", "memory_gib")} for entry in run.metrics()]


def same_weights(a: RunDir, b: RunDir, name: str = "last") -> bool:
    one, other = a.weights(name), b.weights(name)
    return all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_leaves_what_the_design_says(trained: RunDir) -> None:
    found = {str(path.relative_to(trained.path)) for path in trained.path.rglob("*") if path.is_file()}
    predicted = {f"evaluation/val/{image_id}.png" for image_id in trained.splits().val}
    assert found == predicted | {
        "train.lock", "config.json", "environment.json", "labels.json", "splits.json", "metrics.jsonl", "COMPLETE",
        "checkpoints/last.safetensors", "checkpoints/last.json", "checkpoints/last.trainer",
        "checkpoints/best.safetensors", "checkpoints/best.json", "evaluation/val.json", "evaluation/val.confusion.npz",
        "evaluation/val.confidence.npz", "evaluation/val.anatomy.npz", "temperature.json",
    }  # fmt: skip
    assert [entry["epoch"] for entry in trained.metrics()] == [1, 2]
    assert [entry["images_at_once"] for entry in trained.metrics()] == [2, 2]
    report = json.loads((trained.path / "evaluation/val.json").read_text())
    best = max(entry["val"]["mean_iou"] for entry in trained.metrics())
    assert report["mean_iou"] == pytest.approx(best, abs=1e-9)
    assert report["mean_iou"] == pytest.approx(trained.progress("best")["mean_iou"], abs=1e-9)


def test_the_loss_falls(tmp_path: Path, tiny: Configure) -> None:
    run = RunDir(tmp_path / "run")
    train(run, tiny(train__epochs=8), Display())
    losses = [entry["train"]["loss"] for entry in run.metrics()]
    assert losses[-1] < 0.9 * losses[0]


def test_the_same_settings_give_the_same_run(tmp_path: Path, tiny: Configure, trained: RunDir) -> None:
    again = RunDir(tmp_path / "again")
    train(again, trained.config(), Display())
    assert same_weights(trained, again)
    other = RunDir(tmp_path / "other")
    train(other, tiny(seed=1), Display())
    assert not same_weights(trained, other)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_an_interrupted_run_resumes_bit_for_bit(tmp_path: Path, trained: RunDir, step: int) -> None:
    run = RunDir(tmp_path / "run")
    with pytest.raises(Interrupted, match="--resume"):
        train(run, trained.config(), StopAt(step))
    assert not run.complete
    train(run, trained.config(), Display(), resume=True)
    assert run.complete
    assert same_weights(trained, run)
    assert same_weights(trained, run, "best")
    assert comparable_metrics(run) == comparable_metrics(trained)


def test_accumulation_equals_one_large_batch(tmp_path: Path, tiny: Configure) -> None:
    """Without normalisation over the batch, 2 x 2 images and 1 x 4 images are the same step."""
    common = {"model__batch_norm": "false", "model__skips": "scaled", "model__dropout": 0, "train__epochs": 1}
    common |= {"train__precision": "fp32"}  # AdamW blows up what bfloat16 rounds differently
    large, small = RunDir(tmp_path / "large"), RunDir(tmp_path / "small")
    train(large, tiny(train__batch_size=4, **common), Display())
    train(small, tiny(train__batch_size=2, train__accumulate=2, **common), Display())
    one, other = large.weights("last"), small.weights("last")
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-4, atol=1e-5)


def test_recomputed_activations_give_the_same_run_and_may_be_chosen_on_resuming(
    tmp_path: Path, tiny: Configure, trained: RunDir
) -> None:
    whole, cut = RunDir(tmp_path / "whole"), RunDir(tmp_path / "cut")
    train(whole, tiny(train__recompute="true"), Display())
    with pytest.raises(Interrupted):
        train(cut, tiny(), StopAt(1))
    train(cut, tiny(train__recompute="true"), Display(), resume=True)
    for run in (whole, cut):
        assert same_weights(trained, run)
        assert comparable_metrics(run) == comparable_metrics(trained)


class LittleMemory(StopAt):
    """After the first training step there is memory for a single image at a time; stops after the n-th, if any."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: int = 0) -> None:
        super().__init__(step)
        self.monkeypatch = monkeypatch
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def advance(self, detail: str = "") -> None:
        super().advance(detail)
        if self.training:
            self.monkeypatch.setattr(Trunk, "run", run_if_alone)


def run_if_alone(trunk: Trunk, block: nn.Module, features: Tensor) -> Tensor:
    if len(features) > 1:
        torch.empty(2**50, dtype=torch.uint8)  # a PiB: torch's own error
    passed: Tensor = block(features)
    return passed


def test_a_run_with_too_little_memory_goes_on_says_so_and_resumes_bit_for_bit(
    tmp_path: Path, tiny: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where there is enough memory when it is resumed."""
    whole, cut, display = RunDir(tmp_path / "whole"), RunDir(tmp_path / "cut"), LittleMemory(monkeypatch)
    train(whole, tiny(), display)
    told = [text for text in display.said if "memory" in text]
    assert told == ["out of memory with 2 images at a time; going on with 1 at a time, the same 2 a step"]
    assert [entry["images_at_once"] for entry in whole.metrics()] == [1, 1]
    monkeypatch.undo()
    with pytest.raises(Interrupted):
        train(cut, tiny(), LittleMemory(monkeypatch, step=2))
    monkeypatch.undo()
    train(cut, tiny(), Display(), resume=True)
    assert same_weights(whole, cut)
    assert comparable_metrics(cut) == comparable_metrics(whole)


def test_a_share_of_the_images_takes_as_many_steps_as_all_of_them(
    tmp_path: Path, tiny: Configure, trained: RunDir
) -> None:
    told = Told()
    run = RunDir(tmp_path / "run")
    train(run, tiny(data__split__share=0.5), told)
    assert len(run.splits().train) == 2
    assert len(run.splits().left_out) == 2
    assert run.splits().val == trained.splits().val
    assert [entry["step"] for entry in run.metrics()] == [entry["step"] for entry in trained.metrics()]
    assert any("2 of 4 training and 4 validation images" in line for line in told.lines)


def test_resuming_with_other_settings_is_refused(trained: RunDir, tiny: Configure) -> None:
    with pytest.raises(RunError, match="other settings"):
        train(trained, tiny(optimizer__lr=0.5), Display(), resume=True)


def test_one_process_trains_a_run(tmp_path: Path, trained: RunDir) -> None:
    """Another one is refused before it reads data or changes anything, whether it resumes or begins the run."""
    run, begun = RunDir(tmp_path / "run"), RunDir(tmp_path / "begun")
    shutil.copytree(trained.path, run.path)
    (run.path / "COMPLETE").unlink()
    for other, resume in ((run, True), (begun, False)):
        with lock.held(other.path):
            before = {path: path.read_bytes() for path in other.path.rglob("*") if path.is_file()}
            with pytest.raises(RunError, match=f"is being trained by process {os.getpid()} on"):
                train(other, trained.config(), Display(), resume=resume)
            assert {path: path.read_bytes() for path in other.path.rglob("*") if path.is_file()} == before
        train(other, trained.config(), Display(), resume=resume)
        assert other.complete


def test_the_lock_is_held_while_training_and_free_after_a_failure(tmp_path: Path, tiny: Configure) -> None:
    run = RunDir(tmp_path / "run")
    held = []

    class Looks(Display):
        def advance(self, detail: str = "") -> None:
            held.append(lock.is_held(run.path))

    with pytest.raises(WorkFailed):
        train(run, tiny(optimizer__name="sgd", optimizer__lr=1e30, optimizer__warmup=0, train__epochs=9), Looks())
    reading = 8
    assert held[:reading] == [False] * reading
    assert held[reading:]
    assert all(held[reading:])
    assert not lock.is_held(run.path)


def test_a_run_is_never_overwritten(trained: RunDir) -> None:
    before = (trained.path / "metrics.jsonl").read_bytes()
    with pytest.raises(RunError, match="already holds a run"):
        train(trained, trained.config(), Display())
    assert (trained.path / "metrics.jsonl").read_bytes() == before


def test_a_loss_that_is_not_finite_names_the_images_and_saves_nothing(tmp_path: Path, tiny: Configure) -> None:
    run = RunDir(tmp_path / "run")
    with pytest.raises(WorkFailed, match=r"loss is (nan|inf).* on 0000\d\d_10") as caught:
        train(run, tiny(optimizer__name="sgd", optimizer__lr=1e30, optimizer__warmup=0, train__epochs=9), Display())
    assert "--optimizer.lr" in str(caught.value)
    for name in ("last", "best"):
        if run.has_checkpoint(name):
            assert all(torch.isfinite(tensor).all() for tensor in run.weights(name).values())


def test_a_network_that_diverges_within_an_epoch_keeps_the_last_good_checkpoint(
    tmp_path: Path, tiny: Configure
) -> None:
    """One step an epoch: the weights are finite and huge after it, and only the validation loss tells."""
    run = RunDir(tmp_path / "run")
    settings = tiny(
        optimizer__name="sgd", optimizer__lr=1e30, optimizer__warmup=0, train__epochs=3, train__batch_size=4
    )
    with pytest.raises(WorkFailed, match=r"not finite|loss is"):
        train(run, settings, Display())
    for name in ("last", "best"):
        assert not run.has_checkpoint(name)
    assert "NaN" not in (run.metrics_file.read_text() if run.metrics_file.exists() else "")


class StopWhile(Display):
    """Raises SIGTERM at the first step of the n-th piece of work of a kind."""

    def __init__(self, what: str, nth: int) -> None:
        self.what, self.left, self.now = what, nth, False

    def begin(self, what: str, total: int, done: int = 0) -> None:
        self.now = what.startswith(self.what)
        self.left -= self.now

    def advance(self, detail: str = "") -> None:
        if self.now and self.left == 0:
            self.now = False
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("validation", [1, 2, 3])
def test_a_signal_while_validating_is_obeyed(tmp_path: Path, trained: RunDir, validation: int) -> None:
    """After the first and the second epoch, and when the best one is scored at the end."""
    run = RunDir(tmp_path / "run")
    with pytest.raises(Interrupted, match="validating"):
        train(run, trained.config(), StopWhile("validating", validation))
    train(run, trained.config(), Display(), resume=True)
    assert same_weights(trained, run)
    assert same_weights(trained, run, "best")
    assert comparable_metrics(run) == comparable_metrics(trained)


def test_changed_data_is_not_resumed(tmp_path: Path, tiny: Configure, streets: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(streets, root)
    run = RunDir(tmp_path / "run")
    settings = tiny(data__root=str(root))
    with pytest.raises(Interrupted):
        train(run, settings, StopAt(1))
    for folder in ("image_2", "semantic"):
        shutil.copy(root / "training" / folder / "000000_10.png", root / "training" / folder / "000099_10.png")
    with pytest.raises(RunError, match="images have changed"):
        train(run, settings, Display(), resume=True)


def test_a_split_through_a_drive_is_told(tmp_path: Path, tiny: Configure) -> None:
    class Said(Display):
        text = ""

        def say(self, text: str) -> None:
            self.text += text

    random, grouped_ = Said(), Said()
    train(RunDir(tmp_path / "random"), tiny(data__split__scheme="random"), random)
    train(RunDir(tmp_path / "grouped"), tiny(data__split__scheme="grouped"), grouped_)
    assert "more than one part: the scores may flatter" in random.text
    assert "more than one part" not in grouped_.text


def test_a_bad_file_met_by_a_loader_process_is_one_line(tmp_path: Path, tiny: Configure, streets: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(streets, root)
    settings = tiny(data__root=str(root), data__cache_gib=0, data__workers=1, train__class_weights="none")
    for label in (root / "training/semantic").iterdir():
        label.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        train(RunDir(tmp_path / "run"), settings, Display())
    assert str(caught.value).count("\n") == 0
    assert "_10.png" in str(caught.value)
    assert "replace the file" in str(caught.value)


def test_staged_training_with_learned_upsampling(tmp_path: Path, tiny: Configure) -> None:
    coarse = RunDir(tmp_path / "32s")
    learned = {"model__upsampling": "learned", "train__epochs": 1}
    train(coarse, tiny("demo-fcn32s", **learned), Display())
    finer = learned | {"model__skips": "plain"}
    train(RunDir(tmp_path / "16s"), tiny(model__from_run=str(coarse.path), **finer), Display())
    train(RunDir(tmp_path / "8s"), tiny("demo-fcn8s", model__from_run=str(tmp_path / "16s"), **finer), Display())


def test_early_stopping_outlives_a_resume(tmp_path: Path, tiny: Configure) -> None:
    settings = tiny(optimizer__lr=1e-12, train__epochs=9, train__patience=2, optimizer__warmup=0)
    whole, cut = RunDir(tmp_path / "whole"), RunDir(tmp_path / "cut")
    train(whole, settings, Display())
    epochs = len(whole.metrics())
    with pytest.raises(Interrupted):
        train(cut, settings, StopWhile("validating", epochs + 1))
    train(cut, settings, Display(), resume=True)
    assert len(cut.metrics()) == epochs


def test_early_stopping(tmp_path: Path, tiny: Configure) -> None:
    run = RunDir(tmp_path / "run")
    train(run, tiny(optimizer__lr=1e-12, train__epochs=9, train__patience=2, optimizer__warmup=0), Display())
    entries = run.metrics()
    best = max(range(len(entries)), key=lambda i: entries[i]["val"]["mean_iou"])
    assert len(entries) == best + 1 + 2 < 9


def test_a_finer_network_starts_from_a_trained_coarser_one(tmp_path: Path, tiny: Configure) -> None:
    """Plain skips begin at zero: before the first step FCN-16s gives FCN-32s's predictions on the cells' centres."""
    coarse = RunDir(tmp_path / "32s")
    train(coarse, tiny("demo-fcn32s"), Display())
    fine = RunDir(tmp_path / "16s")
    train(fine, tiny(model__skips="plain", model__from_run=str(coarse.path), optimizer__lr=1e-12), Display())
    for name, tensor in coarse.weights("best").items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(fine.weights("last")[name], tensor, rtol=1e-5, atol=1e-6)
    assert not fine.weights("last")["skips.0.score.weight"].abs().gt(1e-9).any()


def test_a_start_from_an_unfit_run_is_refused(tmp_path: Path, tiny: Configure, trained: RunDir) -> None:
    with pytest.raises(RunError, match="no place in this network"):
        train(RunDir(tmp_path / "a"), tiny("demo-fcn32s", model__from_run=str(trained.path)), Display())
    assert not (tmp_path / "a").exists()


def test_bad_data_stops_before_anything_is_written(tmp_path: Path, tiny: Configure, streets: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(streets, root)
    label = sorted((root / "training/semantic").iterdir())[0]
    Image.fromarray(np.full((64, 96), 200, np.uint8)).save(label)
    with pytest.raises(DataError, match=f"{label.name}.*200"):
        train(RunDir(tmp_path / "run"), tiny(data__root=str(root)), Display())
    assert not (tmp_path / "run").exists()


def test_images_that_are_all_ignored_do_not_disturb(tmp_path: Path, tiny: Configure, streets: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(streets, root)
    for label in (root / "training/semantic").iterdir():
        Image.fromarray(np.zeros((64, 96), np.uint8)).save(label)
    run = RunDir(tmp_path / "run")
    train(run, tiny(data__root=str(root), train__class_weights="none"), Display())
    assert run.metrics()[0]["train"]["loss"] == 0
    assert run.metrics()[0]["train"]["mean_iou"] is None


def test_learned_upsampling_and_the_decoder_train(tmp_path: Path, tiny: Configure) -> None:
    for number, settings in enumerate(
        (
            tiny(model__upsampling="learned"),
            tiny(model__padding="caffe", model__head="vgg"),
            tiny("demo-fcn16_decoder"),
            tiny("demo-fcn8s"),
        )
    ):
        run = RunDir(tmp_path / str(number))
        train(run, settings, Display())
        assert run.complete


def test_bfloat16_trains_to_nearly_the_same_loss(tmp_path: Path, tiny: Configure, trained: RunDir) -> None:
    run = RunDir(tmp_path / "run")
    train(run, tiny(train__precision="bf16"), Display())
    assert run.metrics()[-1]["train"]["loss"] == pytest.approx(trained.metrics()[-1]["train"]["loss"], rel=0.05)


def test_the_line_of_an_epoch_survives_missing_scores() -> None:
    part = {"loss": 0.0, "mean_iou": None, "micro_iou": None}
    assert "–" in epoch_line({"epoch": 1, "train": part, "val": part, "seconds": {"train": 1, "val": 1}}, 3, True)


def test_a_complete_run_is_trained_longer_and_says_so(
    tmp_path: Path, trained: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDir(tmp_path / "run")
    shutil.copytree(trained.path, run.path)
    words = ["train", "demo-fcn16s", "--run", str(run.path), "--resume"]
    assert main([*words, "--train.epochs", "1"]) == 2
    assert "has trained 2 epochs already" in capsys.readouterr().err
    assert run.complete
    assert main([*words, "--train.epochs", "3"]) == 0
    assert "3 epochs from here on, 2 before" in capsys.readouterr().out
    assert run.complete
    assert run.config().train.epochs == 3
    assert run.config().earlier == (Stretch(steps=4, epochs=2, patience=None),)
    assert comparable_metrics(run)[:2] == comparable_metrics(trained)
    assert [entry["epoch"] for entry in run.metrics()] == [1, 2, 3]
    assert main(words) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_a_stopped_run_is_finished(tmp_path: Path, trained: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "demo-fcn16s", "--run", str(tmp_path / "run"), "--resume", "--finish"]
    run = RunDir(tmp_path / "run")
    with pytest.raises(Interrupted):
        train(run, trained.config(), StopAt(1))
    assert main(words) == 2
    assert "no epoch" in capsys.readouterr().err
    with pytest.raises(Interrupted):
        train(run, trained.config(), StopAt(2), resume=True)
    assert run.progress("last") == {**run.progress("last"), "epoch": 1, "step": 4}
    assert main(words) == 0
    assert run.complete
    assert run.config().train.epochs == 1
    assert run.config().earlier == (Stretch(steps=4, epochs=2, patience=None),)
    assert comparable_metrics(run) == comparable_metrics(trained)[:1]
    assert run.evaluated("val")
    assert main([*words[:-2], "--finish"]) == 2
    assert "--finish goes with --resume" in capsys.readouterr().err


def copied(trained: RunDir, place: Path) -> RunDir:
    shutil.copytree(trained.path, place)
    return RunDir(place)


def contents(run: RunDir) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file() and path.name != lock.NAME}


def test_a_complete_run_is_not_trained_again(tmp_path: Path, trained: RunDir) -> None:
    """Also where its last checkpoint is gone, with which a training would begin anew."""
    run = copied(trained, tmp_path / "run")
    for path in run.checkpoints.glob("last.*"):
        path.unlink()
    before, settings = contents(run), run.config()
    longer = settings.model_copy(update={"train": settings.train.model_copy(update={"epochs": 3})})
    for given, new_length, message in (
        (settings, False, "is complete; there is nothing to train"),
        (longer, False, "has another length .train.epochs is 2 there and 3 here.; train it on with new_length=True"),
        (longer, True, "no last checkpoint to train on from"),
    ):
        with pytest.raises(RunError, match=message):
            train(run, given, Display(), resume=True, new_length=new_length)
    assert contents(run) == before


def test_a_run_that_cannot_be_trained_on_stays_complete(tmp_path: Path, trained: RunDir) -> None:
    run = copied(trained, tmp_path / "run")
    (run.checkpoints / "last.trainer").unlink()
    before = contents(run)
    assert main(["train", "demo-fcn16s", "--run", str(run.path), "--resume", "--train.epochs", "3"]) == 2
    assert contents(run) == before


def test_a_run_that_stopped_early_has_nothing_to_finish(
    tmp_path: Path, trained: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    run = copied(trained, tmp_path / "run")
    content = json.loads((run.path / "config.json").read_text())
    content["train"] |= {"epochs": 4, "patience": 1}
    (run.path / "config.json").write_text(json.dumps(content))
    before = contents(run)
    assert main(["train", "demo-fcn16s", "--run", str(run.path), "--resume", "--finish"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert contents(run) == before


def test_scores_stay_as_long_as_the_best_weights(tmp_path: Path, tiny: Configure, trained: RunDir) -> None:
    same, new = copied(trained, tmp_path / "same"), RunDir(tmp_path / "new")
    with pytest.raises(Interrupted):
        train(new, tiny(train__epochs=1), StopAt(1))
    for run in (same, new):
        (run.evaluation / "test.json").write_text("{}")
    train(same, tiny(train__patience=9), Display(), resume=True, new_length=True)
    train(new, tiny(train__epochs=1), Display(), resume=True)
    assert list(same.evaluations()) == ["test", "val"], "no epoch was trained"
    assert list(new.evaluations()) == ["val"], "the weights of the first epoch are others"


def test_the_record_of_a_length_is_the_run_s_own(tmp_path: Path, tiny: Configure, trained: RunDir) -> None:
    run, new = copied(trained, tmp_path / "run"), RunDir(tmp_path / "new")
    train(run, tiny(train__patience=9), Display(), resume=True, new_length=True)
    record = (Stretch(steps=4, epochs=2, patience=None),)
    assert run.config().earlier == record
    (run.path / "COMPLETE").unlink()
    train(run, tiny(train__patience=9), Display(), resume=True)
    train(run, tiny(train__patience=8), Display(), resume=True, new_length=True)
    assert run.config().earlier == (*record, Stretch(steps=4, epochs=2, patience=9))
    with pytest.raises(Interrupted):
        train(new, run.config(), StopAt(1))
    assert new.config().earlier == ()
