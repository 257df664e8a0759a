"""All checks together: clean images give no alarm, and a planted fault is found in its file alone."""

import json
from pathlib import Path

import pytest
from faults import FAULTS, Spoil, checked, smoothed, spoil
from PIL import Image

from roadseg.cli.main import main
from roadseg.data.layouts import folder
from roadseg.labels import camvid, load

pytestmark = pytest.mark.slow


def test_clean_images_give_no_alarm(plain: Path) -> None:
    assert [(one.subject, one.severity) for one in checked(plain)] == [("coding", "hint")]


@pytest.mark.parametrize(("subject", "change"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found_in_its_file_alone(plain: Path, subject: str, change: Spoil) -> None:
    name = spoil(plain, change)
    alarms = [one for one in checked(plain) if one.severity != "hint"]
    assert [(one.subject, one.files) for one in alarms] == [(subject, (name,))]
    assert alarms[0].remedy


def test_command_on_a_plain_folder(plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(plain, FAULTS["shifted"][1])
    spoil(plain, smoothed, 4)
    before = {path: path.read_bytes() for path in plain.rglob("*") if path.is_file()}
    output = tmp_path / "out"
    assert main(["data", "check", str(plain), "--output", str(output)]) == 1
    assert {path: path.read_bytes() for path in plain.rglob("*") if path.is_file()} == before
    assert "12 images (12 in all): 1 error, 1 warning, 1 hint" in capsys.readouterr().out
    assert json.loads((output / "check.json").read_text())["errors"] == 1
    with Image.open(output / "montage.png") as picture:
        assert picture.width > 1000
    (plain / "roadseg.yaml").write_text((output / "roadseg.yaml").read_text())
    assert len(folder.records(plain, "all")) == 12
    assert load(plain / "roadseg.yaml").names == camvid().names
    (output / "roadseg.yaml").write_text("# completed by hand\n")
    (output / "montage.png").write_bytes(b"old")
    assert main(["data", "check", str(plain), "--output", str(output)]) == 1, "its own output is replaced"
    assert (output / "montage.png").read_bytes() != b"old"
    assert (output / "roadseg.yaml").read_text() == "# completed by hand\n"
    (output / "notes.txt").touch()
    assert main(["data", "check", str(plain), "--output", str(output)]) == 2, "other files are not"
    assert "holds other files (notes.txt)" in capsys.readouterr().err
    assert main(["data", "check", str(plain), "--output", str(plain / "out")]) == 2
    assert "lies in the data" in capsys.readouterr().err
