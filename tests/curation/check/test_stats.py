"""What the statistics leave out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadseg.cli.main import main
from roadseg.config.settings import Data
from roadseg.curation.check import find_data, inspect_all, left_out
from roadseg.labels import camvid
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow


def test_stats_tell_what_they_could_not_count(plain: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in (plain / "images").iterdir())
    for part, own in (("train", names[:4]), ("val", names[4:8])):
        for folder, kind in ((part, "images"), (f"{part}annot", "labels")):
            (tmp_path / folder).mkdir()
            for name in own:
                (tmp_path / folder / name).write_bytes((plain / kind / name).read_bytes())
    command = ["data", "stats", "camvid-fcn8s", "--data.root", str(tmp_path)]
    assert main(command) == 0
    images, labels = (sorted((tmp_path / kind).iterdir()) for kind in ("train", "trainannot"))
    ids = np.array(Image.open(labels[0]))
    ids[ids == 3] = 20
    Image.fromarray(ids).save(labels[0])
    labels[1].unlink()
    images[2].write_bytes(images[2].read_bytes()[:5000])
    Image.fromarray(ids[::2]).save(labels[3])
    data = Data(name="camvid", root=tmp_path)
    found = find_data(data)
    assert left_out(found, inspect_all(found, Display()), camvid()) == [
        "1 file that cannot be read, left out",
        "1 image without label, left out",
        "1 label not of the image's size",
        "in 2 labels values that camvid does not have (20), counted as unlabelled",
    ]
    assert main(command) == 1
