import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, strategies as st
from rich.console import Console

from roadseg.bench import WORK, bench, bench_table, run
from roadseg.bench.measure import Peak, Plain, Timing, in_turn
from roadseg.bench.run import measured, peak_paces, with_floor
from roadseg.bench.work import Machine, Work, flops_of, street_sample
from roadseg.cli.main import main
from roadseg.labels import IGNORE
from roadseg.system.hardware import make_accelerator
from roadseg.system.progress import Display

CPU = torch.device("cpu")


def test_rounds_go_in_turn_and_the_first_is_not_counted() -> None:
    order: list[str] = []
    ticks: list[int] = []
    timings = in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2, CPU, lambda: ticks.append(1))
    assert order == ["a", "b"] * 3
    assert len(ticks) == 6
    for timing in timings.values():
        assert 0 < timing.low <= timing.median <= timing.high


@pytest.mark.slow
@pytest.mark.slow
def test_extra_memory_is_that_of_the_work_alone() -> None:
    script = (
        "import torch; from roadseg.bench.measure import extra_memory; held = torch.ones(2**22);"
        "print(extra_memory(lambda: torch.ones(2**23).sum(), torch.device('cpu')))"
    )  # in a process of its own: other tests leave freed memory behind
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert 30 <= float(done.stdout) <= 45  # 32 MiB


def test_operations_of_a_product_are_counted_there_and_back() -> None:
    weight = torch.randn(30, 20, requires_grad=True)
    assert flops_of(lambda: (torch.randn(10, 30) @ weight).sum().backward()) == 2 * (2 * 10 * 30 * 20)


def test_a_street_sample_has_classes_and_ignored_pixels() -> None:
    values = set(street_sample(375, 1242).target.unique().tolist())
    assert values == {*range(19), IGNORE}


@pytest.mark.parametrize("name", ["loss", "metrics", "loader"])
def test_works_say_what_they_cannot_do_without(name: str) -> None:
    work = WORK[name](Machine(*make_accelerator("fp32")))
    assert work.resource in Peak._fields
    assert work.amount > 1e6
    work.run()


def row(low: float, median: float = 9.0, resource: str = "flops", amount: float = 8.0) -> dict[str, Any]:
    work = Work("", lambda: None, 1, resource, amount, "")
    return measured(work, Timing(median, low, 10.0))


def test_the_share_of_the_peak_is_that_of_the_least_time() -> None:
    found = with_floor(row(low=4.0), {"flops": 10.0}, peak_paces([row(low=4.0)], {"flops": 10.0}))
    assert found["floor_seconds"] == 0.8
    assert found["share_of_peak"] == 0.2
    assert not found["sets_peak"]


def test_work_faster_than_the_plain_one_sets_the_peak_for_all() -> None:
    """The plain work was disturbed and reached 1 a second; one row shows 4, and no share exceeds 100 %."""
    rows, plain = [row(low=2.0), row(low=4.0), row(low=1.0, resource="bandwidth")], {"flops": 1.0, "bandwidth": 8.0}
    peak = peak_paces(rows, plain)
    assert peak == {"flops": 4.0, "bandwidth": 8.0}
    found = [with_floor(each, plain, peak) for each in rows]
    assert [each["share_of_peak"] for each in found] == [1.0, 0.5, 1.0]
    assert [each["sets_peak"] for each in found] == [True, False, False]


@given(
    st.lists(st.tuples(*[st.floats(1e-6, 1e3)] * 2, st.floats(1, 1e12)), min_size=1, max_size=4), st.floats(1e-3, 1e15)
)
def test_no_share_exceeds_the_whole(timings: list[tuple[float, float, float]], pace: float) -> None:
    rows = [row(min(times), max(times), amount=amount) for *times, amount in timings]
    peak = peak_paces(rows, {"flops": pace})
    assert all(with_floor(each, {"flops": pace}, peak)["share_of_peak"] <= 1 for each in rows)


def test_on_a_machine_that_other_programs_slow_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a made-up clock the plain works are far too slow; the table says that the work itself set the best pace."""
    now = 0.0

    def spend(seconds: float) -> Callable[[], None]:
        def pass_time() -> None:
            nonlocal now
            now += seconds

        return pass_time

    plain: dict[str, tuple[Plain, ...]] = {"comparisons": (Plain(spend(100.0), 10.0), Plain(spend(200.0), 10.0))}
    monkeypatch.setattr(run, "plain_works", lambda *_: plain)
    monkeypatch.setitem(WORK, "metrics", lambda _: Work("maps", spend(2.0), 1, "comparisons", 10.0, "10 comparisons"))
    monkeypatch.setattr("roadseg.bench.measure.time.perf_counter", lambda: now)
    content = bench(["metrics"], 3, Display())
    assert content["machine"]["peak"] == {"comparisons": 5.0}
    assert content["results"]["metrics"]["share_of_peak"] == 1.0
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(bench_table(content))
    shown = console.export_text()
    assert "100 %*" in shown
    assert "set the best pace" in shown


def test_the_table_and_the_file_hold_the_same_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    assert main(["bench", "metrics", "--rounds", "2", "--output", str(file)]) == 0
    content = json.loads(file.read_text())
    assert list(content["results"]) == ["metrics"]
    row = content["results"]["metrics"]
    assert row["share_of_peak"] == pytest.approx(row["floor_seconds"] / row["seconds"]["low"])
    assert row["share_of_peak"] <= 1
    printed = capsys.readouterr().out
    assert "19x512x1024" in printed
    assert f"{100 * row['share_of_peak']:.0f} %" in printed


@pytest.mark.slow
def test_steps_and_predictions_count_their_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrow network; its step does more than its prediction."""
    import roadseg.bench.work as work

    full = work.settings()
    narrow = full.model_copy(update={
        "model": full.model.model_copy(update={"width": 0.05}),
        "transforms": full.transforms.model_copy(update={"crop": (64, 64)}),
    })  # fmt: skip
    monkeypatch.setattr(work, "settings", lambda name=work.RECIPE: narrow)
    monkeypatch.setattr(work, "IMAGE", (64, 96))
    content = bench(["train", "infer"], 1, Display())
    assert set(content["results"]) == {"train", "infer"}
    assert all(row["floor_seconds"] > 0 for row in content["results"].values())
    assert bench_table(content).row_count == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [(["bench", "speed"], "choices: train, infer, loss"), (["bench", "--rounds", "0"], "at least 1")],
)
def test_wrong_words_are_told(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err
