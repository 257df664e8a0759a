"""Event files, read back with TensorBoard's own reader."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from roadseg.errors import WorkFailed
from roadseg.training.event_file import EventFile


def test_points_and_pictures_come_back(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    events = EventFile.begin(tmp_path / "new/folder", 1)
    events.point("IoU/traffic sign", 3, 0.25)
    events.picture("val/a b", 4, pixels)
    reader = EventAccumulator(str(tmp_path / "new/folder")).Reload()  # while the file is still open
    assert [(event.step, event.value) for event in reader.Scalars("IoU/traffic sign")] == [(3, 0.25)]
    (picture,) = reader.Images("val/a b")
    assert (picture.step, picture.width, picture.height) == (4, 7, 5)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(picture.encoded_image_string))), pixels)
    events.close()


def test_a_later_file_hides_what_it_tells_anew(tmp_path: Path) -> None:
    for begin, value in ((1, 0.0), (3, 1.0)):
        events = EventFile.begin(tmp_path, begin)
        for step in range(begin, 5):
            events.point("loss", step, value)
        events.close()
    points = [(event.step, event.value) for event in EventAccumulator(str(tmp_path)).Reload().Scalars("loss")]
    assert points == [(1, 0.0), (2, 0.0), (3, 1.0), (4, 1.0)]


def test_a_full_disk_is_told_at_once() -> None:
    path = Path("/dev/full")
    if not path.exists():
        pytest.skip("no /dev/full here")
    events = EventFile(path, path.open("wb"))
    with pytest.raises(WorkFailed, match="cannot write /dev/full: No space left"):
        events.point("loss", 1, 0.5)
    events.close()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkFailed, match="cannot write"):
        EventFile.begin(tmp_path / "file", 1)
