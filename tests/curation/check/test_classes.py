"""Pixels of each class."""

from pathlib import Path

import numpy as np
import pytest
from faults import spoil
from PIL import Image

from roadseg.curation.check import Inputs, find_pairs, inspect_all, left_out
from roadseg.curation.check.classes import shares
from roadseg.labels import camvid
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow


def test_labels_in_colours_are_unlabelled_by_a_table_of_ids(plain: Path) -> None:
    """Pure blue (0, 0, 3) is no id 3."""
    name = spoil(plain, lambda ids: Image.fromarray(np.dstack([ids * 0, ids * 0, ids])))
    found = Inputs({"all": [one for one in find_pairs(plain).parts["all"] if str(one.label) == name]}, (), (), camvid())
    inspected = inspect_all(found, Display())
    assert shares(inspected, camvid()).pixels[0, :-1].sum() == 0
    assert left_out(found, inspected, camvid()) == ["1 label not coded in ids, counted as unlabelled"]
