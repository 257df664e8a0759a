"""Results come in order, little is begun ahead, and an error drops the rest."""

import pytest

from roadseg.system.threads import ahead


def test_results_come_in_order() -> None:
    assert list(ahead(lambda number: number**2, range(20), 3)) == [number**2 for number in range(20)]
    assert list(ahead(str, [], 2)) == []


def test_little_is_begun_ahead() -> None:
    taken: list[int] = []
    results = ahead(str, (taken.append(number) or number for number in range(100)), 2)
    assert next(results) == "0"
    assert len(taken) == 5
    results.close()
    assert len(taken) == 5


def test_an_error_comes_in_its_place_and_ends_the_work() -> None:
    results = ahead(lambda number: 1 // (3 - number), range(100), 2)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []
