"""Every convention beside the real package: those that are installed run here, of the others the stored scores hold."""

import importlib.util
import json
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, strategies as st

from roadseg.scoring.external.conventions import CONVENTIONS, OURS, Counts, Rule, parts
from roadseg.scoring.external.explain import because, steps

pytestmark = pytest.mark.slow

BENCHMARK = Path(__file__).parents[3] / "benchmarks/conventions.py"
STORED = json.loads(Path(__file__).with_name("package_scores.json").read_text())
"""What the packages say of the benchmark's pictures: `python benchmarks/conventions.py --json`, 2026-11-24."""
RULES = list(dict.fromkeys([*(convention.rule for convention in CONVENTIONS)]))


def _benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conventions_benchmark", BENCHMARK)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


benchmark = _benchmark()


def near(ours: float | None, theirs: float | None, tolerance: float) -> bool:
    unknown = [value is None or math.isnan(value) for value in (ours, theirs)]
    return all(unknown) if any(unknown) else abs((ours or 0) - (theirs or 0)) < tolerance


@pytest.mark.parametrize("which", benchmark.SETS)
def test_equals_the_packages(which: str) -> None:
    """Mmsegmentation rounds to a hundredth of a percent; torch counts in float32."""
    made = benchmark.pictures(which)
    ours = benchmark.ours(made)
    assert ours.keys() == {convention.name for convention in CONVENTIONS} == STORED[which].keys()
    for name, theirs in STORED[which].items():
        assert near(ours[name], theirs, 6e-5 if name.startswith("mmseg") else 1e-6), name
    live = {
        **benchmark.with_cityscapes_scripts(made),
        **benchmark.with_torchmetrics(made),
        **benchmark.mean_of_images(made),
    }
    for name, theirs in live.items():
        assert near(ours[name], theirs, 1e-6), name


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_equals_scikit_learn() -> None:
    made = benchmark.pictures("void")
    ours = benchmark.ours(made)
    for name, theirs in benchmark.with_scikit_learn(made).items():
        assert near(ours[name], theirs, 1e-9), name


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    """Counts of 1 to 4 images of 3 classes, of which often some are absent, with ignored pixels."""
    shape = (draw(st.integers(1, 4)), 4, 4)
    values = draw(st.lists(st.integers(0, 9) | st.just(0), min_size=shape[0] * 16, max_size=shape[0] * 16))
    made = np.array(values, np.int64).reshape(shape)
    made[:, 0, 0] += 1
    return made


@given(counts(), st.sampled_from(RULES))
def test_steps_add_up_to_the_gap(made: Counts, rule: Rule) -> None:
    path = steps(made, rule)
    gap = parts(made, rule).score - parts(made, OURS).score
    total = sum(step.change for step in path)
    np.testing.assert_allclose(total, gap, atol=1e-12)
    for step in path:
        if not math.isnan(step.change):
            assert step.by_class.sum() == pytest.approx(step.change, abs=1e-9)
    assert because(made, rule, ["road", "car", "person"])


@given(counts(), st.sampled_from(RULES))
def test_weights_sum_to_one_and_scores_are_shares(made: Counts, rule: Rule) -> None:
    found = parts(made, rule)
    if not math.isnan(found.score):
        assert found.weights.sum() == pytest.approx(1)
        assert -1e-12 <= found.score <= 1 + 1e-12


def test_the_reason_names_the_absent_class() -> None:
    made = np.zeros((10, 4, 4), np.int64)
    made[:, 0, 0], made[:, 1, 1], made[:, 0, 1] = 5, 5, 5
    made[:6, 2, 2] = 5
    made[:, 3, 3] = 1
    said = because(made, Rule(averaging="pairs", absent=1), ["road", "car", "pole"])
    assert "a class that an image lacks counts as 1" in said
    assert "pole, absent in 40 % of the images, +" in said
    assert because(made, OURS, ["road", "car", "pole"]) == "the same definition"
    assert "another definition" in because(made, Rule(absent=0), ["road", "car", "pole"])


def test_a_class_that_never_occurs() -> None:
    made = np.zeros((1, 3, 3), np.int64)
    made[0, 0, 0] = 4
    names = ["road", "train"]
    assert because(made, Rule(absent="undefined"), names) == "train never occurs: 0/0 makes the mean undefined"
    assert because(made, Rule(absent=0), names) == "a class that never occurs counts as 0: −50.0 (train −50.0)"
    assert parts(made, Rule(absent=1)).score == 1
