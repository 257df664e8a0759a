"""While tests run, annotations are checked: types by beartype, shapes by jaxtyping (tests/conftest.py)."""

from pathlib import Path
from typing import Any

import pytest
import torch
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import TypeCheckError

from roadseg.data.records import Record
from roadseg.errors import out_of_memory
from roadseg.models.upsample import Grid
from roadseg.scoring.metrics import confusion_matrix, scores

WRONG: Any = "text"


def test_types_are_checked() -> None:
    with pytest.raises(BeartypeCallHintViolation):
        out_of_memory(WRONG)
    with pytest.raises(BeartypeCallHintViolation):
        Record("id", WRONG, Path("label"), "group")
    assert Grid(2).stride == 2
    with pytest.raises((BeartypeCallHintViolation, TypeCheckError)):
        Grid(WRONG)


def test_shapes_are_checked_one_by_one_and_between_arguments() -> None:
    indices = torch.zeros(2, 3, dtype=torch.uint8)
    assert confusion_matrix(indices, indices, 4).shape == (4, 4)
    with pytest.raises(TypeCheckError):
        confusion_matrix(indices.float(), indices, 4)
    with pytest.raises(TypeCheckError):
        confusion_matrix(indices, indices.T, 4)
    with pytest.raises(TypeCheckError, match="margins"):  # an alias of an annotation
        scores(torch.zeros(3, 4).numpy().astype("int32"))
