"""The estimate of a training: what is timed, what is left, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from roadseg.config.settings import Config, Crf
from roadseg.errors import RunError, WeightsError
from roadseg.runs.run_dir import RunDir
from roadseg.training import forecast as module
from roadseg.training.forecast import Forecast, forecast
from roadseg.training.train import Training

pytestmark = pytest.mark.slow

Configure = Callable[..., Config]


def test_epochs_validate_without_the_crf_and_the_end_with_it(
    tmp_path: Path, tiny: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds(training: Training, crf: Crf) -> float:
        return 1.0 + 10 * crf.iterations

    monkeypatch.setattr(module, "_image_seconds", seconds)
    monkeypatch.setattr(module, "_step_seconds", lambda training: 100.0)
    assert forecast(RunDir(tmp_path), tiny(train__epochs=3)).seconds == 3 * 2 * 100 + 4 * (3 + 2)
    found = forecast(RunDir(tmp_path), tiny(train__epochs=3, crf__iterations=5))
    assert found.seconds == 3 * 2 * 100 + 4 * (3 * 1 + 2 * 51)


def test_a_run_that_was_begun_has_less_left(tiny: Configure, trained: RunDir) -> None:
    found = forecast(trained, tiny(train__epochs=3))
    assert (found.epochs_done, found.steps_done) == (2, 4)
    assert found.seconds == pytest.approx(2 * found.step_seconds + 4 * 3 * found.image_seconds)
    with pytest.raises(RunError, match="has trained 2 epochs already"):
        forecast(trained, tiny(train__epochs=1))


def test_first_weights_that_do_not_fit_are_told(tmp_path: Path, tiny: Configure) -> None:
    with pytest.raises(WeightsError, match=r"no weights file .*nope.pth"):
        forecast(RunDir(tmp_path), tiny(model__weights=str(tmp_path / "nope.pth")))


def test_imagenet_weights_are_not_fetched(tmp_path: Path, tiny: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADSEG_HOME", str(tmp_path / "home"))
    settings = tiny(model__weights="imagenet")
    assert isinstance(forecast(RunDir(tmp_path / "run"), settings), Forecast)
    assert not (tmp_path / "home").exists()
