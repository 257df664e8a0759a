"""What is read of a label file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadseg.curation.check.facts import read_values
from roadseg.errors import DataError

pytestmark = pytest.mark.slow


def test_labels_are_read_as_they_are_stored(tmp_path: Path) -> None:
    wide = np.array([[0, 300], [65535, 7]], np.uint16)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    values, form, mode = read_values(tmp_path / "wide.png")
    assert (values.tolist(), form, mode[0]) == (wide.tolist(), "PNG", "I")
    Image.fromarray(np.array([[0, 1]], bool)).save(tmp_path / "bits.png")
    assert read_values(tmp_path / "bits.png")[0].tolist() == [[0, 1]]
    Image.new("RGBA", (2, 1), (1, 2, 3, 0)).save(tmp_path / "colours.png")
    assert read_values(tmp_path / "colours.png")[0].tolist() == [[[1, 2, 3], [1, 2, 3]]]
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (40, 40), np.uint8)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:300])
    with pytest.raises(DataError, match=r"cannot decode .*cut.png: .*; replace the file"):
        read_values(tmp_path / "cut.png")
