"""Signals stop training where they can arrive, and nowhere else."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import roadseg
from roadseg.training.interrupt import Interrupted, stop_on_signals


def asked_to_stop() -> bool:
    with stop_on_signals() as stop:
        return stop.asked


def test_a_signal_is_remembered_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals() as stop:
        assert not stop.asked
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_trains_without_handlers() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asked_to_stop).result() is False
    assert signal.getsignal(signal.SIGTERM) is before


def test_who_calls_from_python_can_catch_it() -> None:
    assert roadseg.Interrupted is Interrupted
