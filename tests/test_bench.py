import json
from pathlib import Path

import pytest
import torch

from roadseg.bench import WORK, bench, bench_table
from roadseg.bench.measure import Peak, extra_memory, in_turn
from roadseg.bench.work import Machine, flops_of, street_sample
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


def test_extra_memory_is_that_of_the_work_alone() -> None:
    held = torch.ones(2**22)
    needed = extra_memory(lambda: torch.ones(2**23).sum(), CPU)
    assert held.sum() == 2**22
    assert 30 <= needed <= 45  # 32 MiB


def test_operations_of_a_product_are_counted_there_and_back() -> None:
    weight = torch.randn(30, 20, requires_grad=True)
    assert flops_of(lambda: (torch.randn(10, 30) @ weight).sum().backward()) == 2 * (2 * 10 * 30 * 20)


def test_a_street_sample_has_classes_and_ignored_pixels() -> None:
    values = set(street_sample(375, 1242).target.unique().tolist())
    assert values == {*range(19), IGNORE}


@pytest.mark.parametrize("name", ["loss", "metrics", "loader"])
def test_floors_follow_from_the_peak(name: str) -> None:
    accelerator, layout = make_accelerator("fp32")
    slow, fast = (
        WORK[name](Machine(accelerator, layout, Peak(1e9 * factor, 1e9 * factor, 1e9 * factor))) for factor in (1, 4)
    )
    assert slow.floor == pytest.approx(4 * fast.floor)
    slow.run()


def test_the_table_and_the_file_hold_the_same_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    assert main(["bench", "metrics", "--rounds", "2", "--output", str(file)]) == 0
    content = json.loads(file.read_text())
    assert list(content["results"]) == ["metrics"]
    row = content["results"]["metrics"]
    assert row["share_of_peak"] == pytest.approx(row["floor_seconds"] / row["seconds"]["median"])
    printed = capsys.readouterr().out
    assert "19x512x1024" in printed
    assert f"{100 * row['share_of_peak']:.0f} %" in printed


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
