"""Every `roadseg ...` command in the README and in docs/ is run as it stands, on tiny data with tiny networks."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch.distributed.run import get_args_parser

from roadseg.cli.main import main

pytestmark = pytest.mark.slow

TOP = Path(__file__).parents[1]
SMALL = [
    "--model.width", "0.05", "--train.epochs", "1", "--train.batch_size", "2", "--transforms.crop", "64", "64",
]  # fmt: skip
START = re.compile(r"(?:\w+=\S+ )*(?:torchrun .* )?roadseg ")
"""How a command begins: perhaps with variables of the environment, and with torchrun."""
DATA = {"kitti": "kitti", "demo": "kitti", "camvid": "camvid", "cityscapes": "cityscapes", "folder": "van"}


def commands(page: Path) -> list[str]:
    """The page's commands in order: whole lines of code blocks, and code in a sentence; without their comments."""
    found: list[str] = []
    for number, part in enumerate(page.read_text().split("```")):
        if number % 2:
            lines = re.sub(r"\\\n +", "", part).splitlines()
            found += [line.split("  #")[0].strip() for line in lines if START.match(line)]
        else:
            found += re.findall(r"`(roadseg [^`\n]*)`", part)
    return [command for command in found if not re.search(r"\.\.\.|\b(RECIPE|RUN|COMMAND)\b", command)]


PAGES = [page for page in sorted([TOP / "README.md", *(TOP / "docs").glob("*.md")]) if commands(page)]


@pytest.fixture
def workplace(streets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages speak of: data sets in their layouts, and photos."""
    (tmp_path / "kitti").symlink_to(streets)
    for place in ("PREDICTIONS", "TARGETS"):
        (tmp_path / place).symlink_to(streets / "training/semantic")
    pictures = sorted((streets / "training/image_2").iterdir())
    for number, picture in enumerate(pictures):
        image, ids = Image.open(picture), np.asarray(Image.open(streets / "training/semantic" / picture.name))
        part = ("train", "train", "val", "test")[number // 2]
        city, tour = tmp_path / "cityscapes", f"tour{number // 2}/{number:06d}"
        name = f"{city.name}/{{}}/{part}/town{number // 2}/town{number // 2}_000000_{number:06d}_{{}}.png"
        placed = {
            f"camvid/{part}/film{number // 2}_{number:06d}.png": image,
            f"camvid/{part}annot/film{number // 2}_{number:06d}.png": Image.fromarray(ids % 12),
            name.format("leftImg8bit", "leftImg8bit"): image,
            name.format("gtFine", "gtFine_labelIds"): Image.fromarray(ids),
            f"van/photos/{tour}.jpg": image,
            f"van/masks/{tour}.png": Image.fromarray(ids % 6),
            f"photos/{number}.jpg": image,
            f"unsorted/photos/{number}.jpg": image,
            f"unsorted/masks/{number}.png": Image.fromarray(ids % 6),
            f"new-photos/{number}.jpg": image,
        }
        for place, content in placed.items():
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            content.save(tmp_path / place)
    (tmp_path / "testing/image_2").mkdir(parents=True)
    Image.new("RGB", (1242, 375)).save(tmp_path / "testing/image_2/000000_10.png")  # a submission has KITTI's size
    layout = re.search(r"```yaml\n(images:.*?)```", (TOP / "docs/tutorial.md").read_text(), re.DOTALL)
    assert layout
    (tmp_path / "van/roadseg.yaml").write_text(layout[1])
    (tmp_path / "unsorted/roadseg.yaml").write_text(layout[1].replace("{group}/", ""))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def roadseg_words(words: list[str]) -> list[str]:
    """What roadseg gets of a command, by torchrun's own parser where torchrun starts it; here on one process."""
    if words[0] != "torchrun":
        return words[1:]
    read = get_args_parser().parse_args(words[1:])
    assert read.module, words
    assert read.training_script == "roadseg", words
    given = list(read.training_script_args)
    assert given == words[words.index("roadseg") + 1 :], "torchrun took flags of roadseg's"
    return given


def tiny_words(command: str) -> list[str]:
    """The command with the folder of the data set that it is about, without a download, and small."""
    kind = next((kind for kind in DATA if re.search(rf"\b{kind}-", command)), "kitti")
    words = shlex.split(command.replace(" --model.weights imagenet", "").replace(" DIR", f" {DATA[kind]}"))
    words = roadseg_words([word for word in words if not re.fullmatch(r"[A-Z_]+=\S*", word)])
    if words[0] == "bench":
        return ["bench", "metrics", "--rounds", "1"]
    if words[0] not in ("train", "study") or "--help" in words or "--resume" in words:
        return words
    resize = ["--transforms.resize", "64", "96"] if "assignment" in command else []
    return [*words, *SMALL, *resize]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of(page: Path, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(page):
        for run in re.findall(r"\bruns/(\w+-\w+)/1\b", command):
            if not (workplace / "runs" / run / "1").exists():
                assert main(tiny_words(f"roadseg train {run} --data.root DIR")) == 0
        try:
            code = main(tiny_words(command))
        except SystemExit as leaving:  # --help, and what argparse refuses
            code = int(leaving.code or 0)
        assert code == 0, f"{command}\n{capsys.readouterr().err}"
