"""A wrong word is answered before torch is loaded, which takes longer than everything else together."""

import subprocess
import sys
from pathlib import Path

import pytest

ANSWERS = {
    "train camvid-fcn8 --data.root .": "did you mean camvid-fcn8s?",
    "train camvid-segformer --data.root .": "no recipe 'camvid-segformer'; roadseg recipes",
    "train camvid-fcn8s --data.root . --train.early_stopping 3": "did you mean --train.patience?",
    "train camvid-fcn8s --data.root . --train.early_stoping 3": "see roadseg train --help",
    "train camvid-fcn8s --data.root . --learning_rate 3": "did you mean --optimizer.lr?",
    "train camvid-fcn8s --data.root . --model.name segformer": "no network 'segformer'; choices:",
    "train camvid-fcn8s --data.root . --train.epochs x": "--train.epochs: input should be a valid integer",
    "train camvid-fcn8s --data.root nowhere": "no folder nowhere",
    "train camvid-fcn8s": "--data.root DIR",
    "train camvid-fcn8s --resume": "no run of camvid-fcn8s",
    "infer x": "did you mean predict?",
    "trian x": "did you mean train?",
    "segformer x": "no command 'segformer'; choices: recipes",
    "evaluate none --data.root . --split val": "no run in none",
    "predict none photos --output x": "no run in none",
    "compare none none2": "no run in none",
    "study camvid-fcn8 --data.root . --output x": "did you mean camvid-fcn8s?",
    "study camvid-fcn8s --data.root . --output x --vary optimizer.rate 3": "did you mean optimizer.lr?",
    "study camvid-fcn8s --data.root . --output x --vary optimizer.lr fast": "--optimizer.lr",
    "study camvid-fcn8s --data.root . --output x --seeds one": "--seeds",
    "suspects none --data.root . --output x": "no run in none",
    "data check camvid-fcn8": "did you mean camvid-fcn8s?",
    "data stats camvid-fcn8s": "--data.root DIR",
    "data split camvid-fcn8s --output x.json --data.split.folds 1": "at least 2 folds",
    "runs none": "no folder none",
    "bench --rounds many": "--rounds",
}
CODE = """
import sys
from roadseg.cli.main import main
for line in sys.stdin.read().splitlines():
    try:
        code = main(line.split())
    except SystemExit as stop:
        code = stop.code
    assert code == 2, line
    assert "torch" not in sys.modules, line
    print("end", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said to each line; all in one process, which may not have loaded torch at its end."""
    place = tmp_path_factory.mktemp("empty")
    done = subprocess.run(
        [sys.executable, "-c", CODE], input="\n".join(ANSWERS), cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not list(Path(place).iterdir())
    return dict(zip(ANSWERS, done.stderr.split("end\n"), strict=False))


@pytest.mark.parametrize("line", ANSWERS)
def test_a_wrong_word_is_answered_without_torch(line: str, answers: dict[str, str]) -> None:
    assert ANSWERS[line] in answers[line]
    assert len(answers[line].strip().splitlines()) <= 2
