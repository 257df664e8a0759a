"""Results come in order, little is begun ahead, and an error drops the rest."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from roadseg.system.threads import ahead, begun


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


def test_work_is_handed_out_in_order_and_begun_no_further_ahead_than_asked() -> None:
    running = threading.Semaphore(0)
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        running.acquire()
        if number == 4:
            raise ValueError("no four")
        return 10 * number

    with ThreadPoolExecutor(2) as threads:
        results = []
        for future in begun(threads, work, items(), 2):
            assert len(taken) <= len(results) + 3
            running.release()
            results.append(future.exception() or future.result())
    assert [str(result) for result in results] == ["0", "10", "20", "30", "no four", "50"]
