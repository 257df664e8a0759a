"""Pixels between two neighbours, counted."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadseg.curation.check.borders import SMOOTHED
from roadseg.curation.check.measure import lies_between, share_between

pytestmark = pytest.mark.slow


def test_what_lies_between() -> None:
    ramp = np.array([[1, 1, 3, 7, 7], [7, 7, 2, 1, 1], [1, 1, 0, 7, 7]], np.uint8)
    assert lies_between(ramp)[:2].tolist() == [[False, False, True, False, False], [False, False, True, False, False]]
    colors = np.array([[[0, 0, 0], [9, 0, 4], [9, 9, 9]], [[0, 0, 0], [0, 9, 99], [9, 9, 9]]], np.uint8)
    assert lies_between(colors)[:, 1].tolist() == [True, False]


def test_enlarged_labels_are_told_from_untouched(streets: Path) -> None:
    label = Image.open(next((streets / "training/semantic").iterdir()))
    assert share_between(np.asarray(label)) < SMOOTHED / 2
    assert share_between(np.asarray(label.resize((192, 128), Image.Resampling.NEAREST))) < SMOOTHED / 2
    assert share_between(np.asarray(label.resize((192, 128), Image.Resampling.BILINEAR))) > 2 * SMOOTHED
