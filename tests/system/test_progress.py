"""What is shown on a terminal and in a log."""

import io

from rich.console import Console

from roadseg.system.progress import Bars, Display, Plain


def work(display: Display) -> None:
    display.begin("epoch 1/2", 3, done=1)
    display.advance("loss 1.0")
    display.advance("loss 0.5")
    display.say("epoch 1/2  loss 0.5")


def test_a_log_gets_plain_lines() -> None:
    text = io.StringIO()
    work(Plain(Console(file=text, width=80), seconds=0))
    assert text.getvalue().splitlines() == [
        "  epoch 1/2 2/3 loss 1.0",
        "  epoch 1/2 3/3 loss 0.5",
        "epoch 1/2  loss 0.5",
    ]


def test_a_log_is_not_flooded() -> None:
    text = io.StringIO()
    work(Plain(Console(file=text, width=80), seconds=3600))
    assert text.getvalue().splitlines() == ["epoch 1/2  loss 0.5"]


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    text = io.StringIO()
    with Bars(Console(file=text, width=100, force_terminal=True)) as bars:
        work(bars)
        bars.progress.refresh()
    assert "3/3" in text.getvalue()
    assert "loss 0.5" in text.getvalue()
    assert text.getvalue().count("epoch 1/2  loss 0.5") == 1


def test_the_silent_display_says_nothing() -> None:
    work(Display())
