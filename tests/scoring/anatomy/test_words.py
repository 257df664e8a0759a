import numpy as np
import pytest

from roadseg.scoring.anatomy.words import near_share, where_it_differs


def bands(*right: int) -> np.ndarray:
    """Confusions of two classes in six bands of 1000 pixels of the first, so many of them right."""
    return np.array([[[n, 1000 - n], [0, 0]] for n in right])


BASE = bands(500, 500, 500, 500, 500, 500)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (bands(580, 500, 500, 520, 500, 500), "account for 80 % of the net gain"),
        (bands(500, 500, 460, 490, 490, 480), "account for 50 % of the net loss"),
        (
            bands(600, 500, 500, 450, 500, 500),
            "account for all of the net gain; farther away the balance is the opposite",
        ),
        (
            bands(450, 500, 500, 600, 500, 500),
            "of the pixels away from boundaries account for all of the net gain; at boundaries",
        ),
    ],
)
def test_where_it_differs(other: np.ndarray, said: str) -> None:
    assert said in (where_it_differs(BASE, other) or "")


def test_nothing_is_said_of_next_to_nothing() -> None:
    assert where_it_differs(BASE, BASE) is None
    assert where_it_differs(BASE, bands(502, 500, 500, 500, 500, 500)) is None


def test_the_opposite_is_said_only_of_what_matters() -> None:
    assert "opposite" in (where_it_differs(BASE, bands(600, 500, 500, 450, 500, 500)) or "")
    assert "opposite" not in (where_it_differs(BASE, bands(600, 500, 500, 498, 500, 500)) or "")


def test_share_of_pixels_near_a_boundary() -> None:
    assert near_share(BASE) == pytest.approx(0.5)
    assert near_share(np.zeros((6, 2, 2), np.int64)) == 0
