"""Built-in streets: the layout on disk, determinism, and whether what is drawn is a street."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from roadseg.data.streets import synthesize
from roadseg.data.streets.drive import Drive
from roadseg.errors import DataError
from roadseg.labels import cityscapes

pytestmark = pytest.mark.slow

IDS = {label.name: label.id for label in cityscapes().classes}
KNOWN = {0, 4} | set(IDS.values())
DRIVES, FRAMES = 6, 2


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streets") / "data"
    assert synthesize(folder, drives=DRIVES, frames=FRAMES) == DRIVES * FRAMES
    return folder


@pytest.fixture(scope="module")
def images(root: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted((root / "training/image_2").iterdir())])


@pytest.fixture(scope="module")
def labels(root: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted((root / "training/semantic").iterdir())])


def digest(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.*")):
        total.update(path.name.encode() + path.read_bytes())
    return total.hexdigest()


def test_files_are_those_of_kitti(root: Path) -> None:
    names = [f"{index:06d}_10.png" for index in range(DRIVES * FRAMES)]
    assert sorted(path.name for path in (root / "training/image_2").iterdir()) == names
    assert sorted(path.name for path in (root / "training/semantic").iterdir()) == names
    assert sorted(path.name for path in root.iterdir()) == ["drives.txt", "training"]


def test_table_names_drive_and_frame_of_each_image(root: Path) -> None:
    rows = [line.split() for line in (root / "drives.txt").read_text(encoding="utf-8").splitlines()]
    assert rows[:3] == [
        ["000000", "drive_0001", "0000000000"],
        ["000001", "drive_0001", "0000000001"],
        ["000002", "drive_0002", "0000000000"],
    ]
    assert len(rows) == DRIVES * FRAMES


def test_images_are_rgb_and_labels_are_bytes(root: Path) -> None:
    with Image.open(root / "training/image_2/000000_10.png") as image:
        assert (image.mode, image.size) == ("RGB", (416, 128))
    with Image.open(root / "training/semantic/000000_10.png") as label:
        assert (label.mode, label.size) == ("L", (416, 128))


def test_labels_hold_official_ids_and_most_classes(labels: np.ndarray) -> None:
    found = set(np.unique(labels).tolist())
    assert found <= KNOWN
    assert len(found & set(IDS.values())) >= 14


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("road", 0.18, 0.38),
        ("sidewalk", 0.02, 0.10),
        ("building", 0.05, 0.32),
        ("vegetation", 0.10, 0.35),
        ("terrain", 0.02, 0.12),
        ("sky", 0.06, 0.20),
        ("car", 0.03, 0.15),
        ("wall", 0.003, 0.08),
        ("fence", 0.001, 0.08),
        ("pole", 0.002, 0.025),
        ("traffic light", 0.0003, 0.01),
        ("traffic sign", 0.001, 0.02),
        ("person", 0.002, 0.025),
        ("rider", 0.0005, 0.02),
        ("bicycle", 0.0005, 0.015),
    ],
)
def test_shares_are_those_of_a_street(labels: np.ndarray, name: str, low: float, high: float) -> None:
    assert low < (labels == IDS[name]).mean() < high


def test_a_drive_is_always_the_same_however_many_there_are(root: Path, tmp_path: Path) -> None:
    synthesize(tmp_path, drives=1, frames=FRAMES)
    drawn = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.png"))
    assert len(drawn) == 2 * FRAMES
    assert [(tmp_path / path).read_bytes() for path in drawn] == [(root / path).read_bytes() for path in drawn]


def test_other_seeds_give_other_streets(tmp_path: Path) -> None:
    for seed in (0, 1):
        synthesize(tmp_path / str(seed), drives=1, frames=1, width=64, height=32, seed=seed)
    assert digest(tmp_path / "0") != digest(tmp_path / "1")


def test_frames_of_a_drive_are_alike_but_not_equal(images: np.ndarray) -> None:
    drives = images.reshape(DRIVES, FRAMES, *images.shape[1:]).astype(float)
    within = np.abs(drives[:, 0] - drives[:, 1]).mean(axis=(1, 2, 3))
    across = [np.abs(drives[a, 0] - drives[b, 0]).mean() for a in range(DRIVES) for b in range(a)]
    assert within.min() > 1.0
    assert within.mean() < 0.7 * np.mean(across)


def test_sky_is_bright_and_blue_road_is_grey_terrain_is_green(images: np.ndarray, labels: np.ndarray) -> None:
    sky, road, terrain = (images[labels == IDS[name]].mean(axis=0) for name in ("sky", "road", "terrain"))
    assert sky.mean() > road.mean() + 40
    assert sky[2] > sky[0]
    assert np.ptp(road) < 20
    assert terrain[1] > terrain[2] + 10


def test_sky_is_above_road(labels: np.ndarray) -> None:
    rows = np.arange(labels.shape[1])[None, :, None] + np.zeros_like(labels, dtype=float)
    assert rows[labels == IDS["sky"]].max() < rows[labels == IDS["road"]].mean()


def test_borders_of_the_labels_lie_on_edges_of_the_image(images: np.ndarray, labels: np.ndarray) -> None:
    """The image changes more where the label changes; moved by three pixels the labels fit it less."""
    change = np.abs(np.diff(images.astype(float), axis=2)).mean(axis=-1)
    border = np.diff(labels.astype(int), axis=2) != 0
    at_border = change[border].mean()
    assert at_border > 2.0 * change[~border].mean()
    assert at_border > 1.3 * change[np.roll(border, 3, axis=2)].mean()


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    synthesize(tmp_path / "d", 2, 1, 64, 32, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]


def test_an_empty_folder_is_used_and_a_full_one_left_alone(tmp_path: Path) -> None:
    synthesize(tmp_path, 1, 1, 64, 32)
    before = digest(tmp_path)
    with pytest.raises(DataError, match=r"not empty.*name a new folder"):
        synthesize(tmp_path, 1, 1, 64, 32, seed=1)
    assert digest(tmp_path) == before


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file"):
        synthesize(tmp_path / "file")


@pytest.mark.parametrize(
    "wrong", [{"drives": 0}, {"frames": -1}, {"width": 31}, {"height": 0}, {"width": 5000}, {"seed": -1}]
)
def test_arguments_out_of_range_are_refused_before_anything_is_written(tmp_path: Path, wrong: dict[str, int]) -> None:
    (name, value) = next(iter(wrong.items()))
    with pytest.raises(DataError, match=rf"{name} is {value}"):
        synthesize(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


@settings(max_examples=6)
@given(
    width=st.integers(32, 120),
    height=st.integers(32, 120),
    drive=st.integers(0, 40),
    frame=st.integers(0, 30),
    seed=st.integers(0, 2**40),
)
def test_any_size_drive_and_frame_can_be_drawn(width: int, height: int, drive: int, frame: int, seed: int) -> None:
    image, label = Drive(seed, drive, frame + 1, width, height).render(frame)
    assert image.size == label.size == (width, height)
    assert set(np.unique(np.asarray(label)).tolist()) <= KNOWN
