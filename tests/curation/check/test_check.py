"""The label doctor on real images with planted faults: each is found in its file, and clean data give no alarm."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import ndimage

from roadseg.cli.main import main
from roadseg.config.settings import Data
from roadseg.curation.check import Finding, Inputs, diagnose, draft, find_data, find_pairs, inspect_all, left_out
from roadseg.curation.check.alignment import REACH, Fit
from roadseg.curation.check.borders import SMOOTHED
from roadseg.curation.check.classes import shares
from roadseg.curation.check.facts import read_values
from roadseg.curation.check.measure import lies_between, share_between
from roadseg.curation.check.shift import direction
from roadseg.data.layouts import folder
from roadseg.data.similar import COPY, NEAR, both_hashes, near_pairs, perceptual_hash
from roadseg.errors import DataError
from roadseg.labels import camvid, load
from roadseg.system.progress import Display

Spoil = Callable[[np.ndarray], Image.Image]


@pytest.fixture
def plain(shared_camvid: Path, tmp_path: Path) -> Path:
    """Twelve CamVid images far from each other, in images/ and labels/, without a roadseg.yaml."""
    root = tmp_path / "plain"
    for kind, source in (("images", "train"), ("labels", "trainannot")):
        (root / kind).mkdir(parents=True)
        for path in sorted((shared_camvid / source).iterdir())[5::31]:
            (root / kind / path.name).write_bytes(path.read_bytes())
    return root


def checked(root: Path) -> list[Finding]:
    found = find_pairs(root)
    return diagnose(found, inspect_all(found, Display()))


def spoil(root: Path, change: Spoil, number: int = 3) -> str:
    path = sorted((root / "labels").iterdir())[number]
    with Image.open(path) as file:
        ids = np.asarray(file)
    change(ids).save(path)
    return str(path)


def test_clean_images_give_no_alarm(plain: Path) -> None:
    assert [(one.subject, one.severity) for one in checked(plain)] == [("coding", "hint")]


def smoothed(ids: np.ndarray) -> Image.Image:
    return Image.fromarray(ids).resize((240, 180), Image.Resampling.BILINEAR).resize((480, 360))


def painted(ids: np.ndarray) -> Image.Image:
    colors = np.zeros((256, 3), np.uint8)
    for label in camvid().classes:
        colors[label.id] = label.color
    return Image.fromarray(colors[ids])


FAULTS: dict[str, tuple[str, Spoil]] = {
    "shifted": ("shift", lambda ids: Image.fromarray(ndimage.shift(ids, (4, -6), order=0, mode="nearest"))),
    "mirrored": ("shift", lambda ids: Image.fromarray(np.ascontiguousarray(ids[:, ::-1]))),
    "smoothed": ("borders", smoothed),
    "half size": ("sizes", lambda ids: Image.fromarray(ids[::2, ::2])),
    "three channels": ("coding", lambda ids: Image.fromarray(ids).convert("RGB")),
    "empty": ("classes", lambda ids: Image.fromarray(np.full_like(ids, 11))),
    "mask of one class": ("coding", lambda ids: Image.fromarray(np.where(ids == 3, 255, 0).astype(np.uint8))),
    "colours": ("coding", lambda ids: painted(ids)),
}


@pytest.mark.parametrize(("subject", "change"), FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_found_in_its_file_alone(plain: Path, subject: str, change: Spoil) -> None:
    name = spoil(plain, change)
    alarms = [one for one in checked(plain) if one.severity != "hint"]
    assert [(one.subject, one.files) for one in alarms] == [(subject, (name,))]
    assert alarms[0].remedy


@pytest.mark.parametrize("method", [Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
def test_colours_mixed_along_borders_are_found_in_their_file_alone(plain: Path, method: Image.Resampling) -> None:
    for number in range(12):
        spoil(plain, painted, number)
    assert [(one.subject, one.severity) for one in checked(plain)] == [("coding", "hint")]
    path = sorted((plain / "labels").iterdir())[3]
    with Image.open(path) as picture:
        picture.resize((960, 720), method).resize((480, 360), method).save(path)
    (alarm,) = (one for one in checked(plain) if one.severity != "hint")
    assert (alarm.subject, alarm.files) == ("borders", (str(path),))
    assert "nearest neighbour" in alarm.remedy


def test_a_folder_of_masks_is_told_to_be_one(plain: Path) -> None:
    for number in range(12):
        spoil(plain, FAULTS["mask of one class"][1], number)
    (found,) = (one for one in checked(plain) if one.subject == "coding")
    assert found.severity == "warning"
    assert found.what == "labels are masks of 0 and 255: one class and the rest"


def against_table(root: Path, coding: str = "ids") -> list[Finding]:
    """What is found of CamVid's table; errors and warnings."""
    found = replace(find_pairs(root), space=camvid().model_copy(update={"coding": coding}))
    return [one for one in diagnose(found, inspect_all(found, Display())) if one.severity != "hint"]


def through_jpeg(ids: np.ndarray) -> Image.Image:
    buffer = io.BytesIO()
    Image.fromarray(ids).save(buffer, "JPEG", quality=90)
    return Image.fromarray(np.asarray(Image.open(buffer)))


def test_ids_that_jpeg_made_are_not_to_be_added(plain: Path) -> None:
    """JPEG makes ids up to 20, which neither the table lacks nor the 35 ids explain."""
    names = {spoil(plain, through_jpeg, number) for number in range(12)}
    assert [(one.subject, set(one.files)) for one in against_table(plain)] == [("borders", names)]


def test_colours_that_smoothing_made_are_not_to_be_added(plain: Path) -> None:
    smoothing = [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC]
    for number in range(12):
        colored = spoil(plain, painted, number)
        if number > 1:
            continue
        with Image.open(colored) as picture:
            small = picture.resize((320, 240), smoothing[number])
        small.resize((480, 360), smoothing[number]).save(colored)
    (alarm,) = against_table(plain, "colors")
    assert (alarm.subject, alarm.count) == ("borders", 2)


def test_exchanged_channels_are_told_as_such(plain: Path) -> None:
    def exchanged(ids: np.ndarray) -> Image.Image:
        return Image.fromarray(np.ascontiguousarray(np.asarray(painted(ids))[..., ::-1]))

    names = {spoil(plain, exchanged, number) for number in range(12)}
    (alarm,) = against_table(plain, "colors")
    assert "red and blue exchanged" in alarm.what
    assert set(alarm.files) == names
    assert any("red and blue exchanged" in one.what for one in checked(plain))


def test_masks_against_a_table(plain: Path) -> None:
    for number in range(12):
        spoil(plain, FAULTS["mask of one class"][1], number)
    (alarm,) = (one for one in against_table(plain) if one.subject == "coding")
    assert alarm.what == "labels are masks of 0 and 255, one class and the rest, where camvid has 11 classes"


def test_one_new_id_is_no_other_coding(plain: Path) -> None:
    name = spoil(plain, lambda ids: Image.fromarray(np.where(ids == 3, 20, ids)))
    (alarm,) = against_table(plain)
    assert (alarm.files, alarm.what) == ((name,), "1 label with values that camvid does not have: 20")
    assert "35" not in alarm.remedy


def test_labels_on_their_side(plain: Path) -> None:
    name = spoil(plain, lambda ids: Image.fromarray(np.ascontiguousarray(ids.T)))
    (alarm,) = (one for one in checked(plain) if one.subject == "sizes")
    assert alarm.files == (name,)
    assert "turned by 90 degrees" in alarm.what
    assert "nearest" not in alarm.remedy


TURNS = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


@pytest.mark.parametrize("orientation", TURNS)
def test_labels_drawn_on_a_photo_that_exif_turns(plain: Path, orientation: int) -> None:
    turn, image = TURNS[orientation], sorted((plain / "images").iterdir())[3]
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(image) as picture:
        picture.convert("RGB").transpose(turn).save(image.with_suffix(".jpg"), exif=exif, quality=95)
    image.unlink()
    upright = [(one.subject, one.severity) for one in checked(plain)]
    assert upright == [("sizes", "hint"), ("coding", "hint")]
    name = spoil(plain, lambda ids: Image.fromarray(ids).transpose(turn))
    (alarm,) = (one for one in checked(plain) if one.severity != "hint")
    assert alarm.files == (name,)
    assert ("as stored" in alarm.what) if orientation > 4 else ("turned" in alarm.what)


def test_the_shift_is_told_in_pixels(plain: Path) -> None:
    name = spoil(plain, FAULTS["shifted"][1])
    (found,) = (one for one in checked(plain) if one.subject == "shift")
    right, down = dict(found.details)["pixels_right_down"][name]
    assert abs(right + 6) <= 1
    assert abs(down - 4) <= 1


def test_damaged_missing_and_doubled_files(plain: Path) -> None:
    images, labels = (sorted((plain / kind).iterdir()) for kind in ("images", "labels"))
    images[0].write_bytes(images[0].read_bytes()[:5000])
    labels[1].unlink()
    images[2].unlink()
    images[3].write_bytes(images[4].read_bytes())
    labels[6].write_bytes(labels[5].read_bytes())
    found = {
        one.what.split(" ", 1)[1].split(":")[0]: one.files
        for one in checked(plain)
        if one.subject in ("files", "duplicates")
    }
    assert found == {
        "file cannot be read": (str(images[0]),),
        "image without label": (str(images[1]),),
        "label without image": (str(labels[2]),),
        "image is there twice": (str(images[3]), str(images[4])),
        "pair of different images with one and the same label": (str(images[5]), str(images[6])),
    }


def test_drives_and_near_duplicates_across_official_parts(shared_camvid: Path, tmp_path: Path) -> None:
    root = tmp_path / "camvid"
    for part, names in (("train", ("0016E5_07959", "0006R0_f01260")), ("val", ("0016E5_07961",))):
        for kind in (part, f"{part}annot"):
            (root / kind).mkdir(parents=True)
            for name in names:
                source = next(shared_camvid / f"{place}{kind.removeprefix(part)}" / f"{name}.png" for place in
                              ("train", "val") if (shared_camvid / place / f"{name}.png").exists())  # fmt: skip
                (root / kind / f"{name}.png").write_bytes(source.read_bytes())
    assert main(["data", "check", "camvid-fcn8s", "--data.root", str(root), "--output", str(tmp_path / "out")]) == 0
    content = json.loads((tmp_path / "out/check.json").read_text())
    near = next(one for one in content["findings"] if one["what"].startswith("1 image nearly the same"))
    assert [Path(name).parts[-2:] for name in near["files"][0]] == [
        ("train", "0016E5_07959.png"), ("val", "0016E5_07961.png"),
    ]  # fmt: skip
    assert any("0016E5 (train, val)" in one["what"] for one in content["findings"])


def in_tours(plain: Path, root: Path, again: Callable[[Image.Image], Image.Image]) -> Path:
    """Two images for each of three parts, each part a tour of its own; one of train is in test again."""
    names = [path.name for path in sorted((plain / "images").iterdir())]
    for number, part in enumerate(("train", "val", "test")):
        for kind in ("images", "labels"):
            (root / kind / part / f"tour{number}").mkdir(parents=True)
            for name in names[2 * number : 2 * number + 2]:
                target = root / kind / part / f"tour{number}" / name
                target.write_bytes((plain / kind / name).read_bytes())
    with Image.open(plain / "images" / names[0]) as image:
        again(image.convert("RGB")).save(root / "images/test/tour2/again.jpg", quality=60)
    with Image.open(plain / "labels" / names[0]) as label:
        again(label).save(root / "labels/test/tour2/again.png")
    return root


@pytest.mark.parametrize(
    ("again", "words"),
    [(lambda image: image, "saved again"), (ImageOps.mirror, "turned left to right")],
    ids=["saved", "mirrored"],
)
def test_a_copy_saved_again_is_an_error(
    plain: Path, tmp_path: Path, again: Callable[[Image.Image], Image.Image], words: str
) -> None:
    root = in_tours(plain, tmp_path / "tours", again)
    (copy,) = (one for one in checked(root) if one.subject == "duplicates" and "pair" not in one.what)
    assert (copy.severity, copy.what) == ("error", f"1 image is in two parts, {words}")
    assert [Path(name).parent.parent.name for name in copy.files] == ["train", "test"]
    assert "scheme" not in copy.remedy


def test_neighbours_in_a_film_are_no_copies(shared_camvid: Path) -> None:
    """Of the closest frames of CamVid, a thirtieth of a second or so apart."""
    names = ("0016E5_08015", "0016E5_08017", "0016E5_08021", "0016E5_08023")
    places = [next(shared_camvid.glob(f"*/{name}.png")) for name in names]
    hashes = np.stack([perceptual_hash(np.asarray(Image.open(path).convert("RGB"))) for path in places])
    assert COPY < near_pairs(hashes).bits.min() <= NEAR


def test_the_mirrored_hash_is_that_of_the_mirrored_image(plain: Path) -> None:
    path = next((plain / "images").iterdir())
    pixels = np.array(Image.open(path).convert("RGB"))
    turned = perceptual_hash(np.ascontiguousarray(pixels[:, ::-1]))
    assert np.unpackbits(both_hashes(pixels)[1] ^ turned).sum() <= 12  # the shrunk picture is rounded to bytes


def test_near_images_of_known_groups_are_not_sent_to_grouping(plain: Path, tmp_path: Path) -> None:
    root = in_tours(plain, tmp_path / "tours", lambda image: image.resize(image.size, box=(6, 4, 474, 356), resample=0))
    (near,) = (one for one in checked(root) if one.subject == "duplicates" and one.severity == "warning")
    assert "scheme" not in near.remedy
    assert "one group" in near.remedy


def test_the_draft_has_groups_for_subfolders_and_known_names(plain: Path, tmp_path: Path) -> None:
    root = in_tours(plain, tmp_path / "tours", lambda image: image)
    found = find_pairs(root)
    (root / "roadseg.yaml").write_text(draft(found, inspect_all(found, Display())))
    text = (root / "roadseg.yaml").read_text()
    assert "images: images/{split}/{group}/{id}.*\nmasks: labels/{split}/{group}/{id}.png\n" in text
    assert load(root / "roadseg.yaml").names == camvid().names
    assert [label.id for label in load(root / "roadseg.yaml").ignored] == [11]
    described = sorted(one.group for one in folder.records(root, "all"))
    assert described == sorted(one.group for part in found.parts.values() for one in part)


def test_drafts_of_colours(plain: Path, tmp_path: Path) -> None:
    for number in range(12):
        spoil(plain, painted, number)
    found = find_pairs(plain)
    inspected = inspect_all(found, Display())
    (tmp_path / "a.yaml").write_text(draft(found, inspected))
    space = load(tmp_path / "a.yaml")
    assert (space.coding, space.names, space.ignored[0].color) == ("colors", camvid().names, (0, 0, 0))
    own = [replace(one, label=replace(one.label, values={0: 9, 0x010203: 9, 0x040506: 9})) for one in inspected]
    (tmp_path / "b.yaml").write_text(draft(found, own))
    space = load(tmp_path / "b.yaml")
    assert [label.color for label in space.classes] == [(1, 2, 3), (4, 5, 6)]
    assert [label.color for label in space.ignored] == [(0, 0, 0)]


@pytest.mark.parametrize(
    ("values", "name", "classes"),
    [
        (range(12), "CamVid", 11), ([*range(14), 255], "train ids", 19), (range(7, 34), "35 ids", 19),
        (range(3), "", 3), (range(40), "", 40), ([0, 255], "", 2),
    ],
)  # fmt: skip
def test_drafts_of_ids(plain: Path, tmp_path: Path, values: Sequence[int], name: str, classes: int) -> None:
    found = find_pairs(plain)
    (one,) = inspect_all(replace(found, parts={"all": found.parts["all"][:1]}), Display())
    assert not isinstance(one.label, str)
    text = draft(found, [replace(one, label=replace(one.label, values=dict.fromkeys(values, 9)))])
    (tmp_path / "a.yaml").write_text(text)
    assert len(load(tmp_path / "a.yaml").classes) == classes
    assert (name in text) == ("named after" in text or not name)


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


def test_train_ids_that_pass_for_the_35_ids(streets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for source in streets.rglob("*.png"):
        path = tmp_path / "data" / source.relative_to(streets)
        path.parent.mkdir(parents=True, exist_ok=True)
        ids = np.asarray(Image.open(source))
        Image.fromarray(ids if ids.ndim == 3 else (ids % 19).astype(np.uint8)).save(path)
    assert main(["data", "check", "kitti-fcn8s", "--data.root", str(tmp_path / "data")]) == 1
    assert "train ids" in capsys.readouterr().out
    assert main(["data", "check", "kitti-fcn8s", "--data.root", str(streets)]) == 0
    assert main(["data", "stats", "kitti-fcn8s", "--data.root", str(streets)]) == 0
    assert "unlabelled" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["camvid-fcn9s", "no/such/folder", "nothere"])
def test_neither_recipe_nor_folder(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", word]) == 2
    assert f"neither a folder nor a recipe {word!r}" in capsys.readouterr().err


def test_each_damaged_file_has_its_reason(plain: Path) -> None:
    images = sorted((plain / "images").iterdir())
    images[0].write_bytes(images[0].read_bytes()[:5000])
    for path in images[1:3]:
        path.write_text("<html>404</html>")
    (found,) = (one for one in checked(plain) if one.subject == "files")
    assert found.what == "3 files cannot be read: cannot identify image file (2); image file is truncated"
    assert dict(found.details)["reasons"].keys() == set(map(str, images[:3]))


def test_stats_tell_what_they_could_not_count(shared_camvid: Path, tmp_path: Path) -> None:
    for kind in ("train", "trainannot", "val", "valannot"):
        (tmp_path / kind).mkdir()
        for path in sorted((shared_camvid / kind.removesuffix("annot")).iterdir())[:40:10]:
            source = shared_camvid / kind / path.name
            (tmp_path / kind / path.name).write_bytes(source.read_bytes())
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


def test_labels_in_colours_are_unlabelled_by_a_table_of_ids(plain: Path) -> None:
    """Pure blue (0, 0, 3) is no id 3."""
    name = spoil(plain, lambda ids: Image.fromarray(np.dstack([ids * 0, ids * 0, ids])))
    found = Inputs({"all": [one for one in find_pairs(plain).parts["all"] if str(one.label) == name]}, (), (), camvid())
    inspected = inspect_all(found, Display())
    assert shares(inspected, camvid()).pixels[0, :-1].sum() == 0
    assert left_out(found, inspected, camvid()) == ["1 label not coded in ids, counted as unlabelled"]


def test_a_grey_label_among_colours_is_a_colour(plain: Path) -> None:
    for number in range(3):
        spoil(plain, painted, number)
    sky = spoil(plain, lambda ids: painted(np.where(ids == 0, 0, 11).astype(np.uint8)))
    space = camvid().model_copy(update={"coding": "colors"})
    for table in (None, space):
        found = Inputs({"all": find_pairs(plain).parts["all"][:4]}, (), (), table)
        alarms = [one for one in diagnose(found, inspect_all(found, Display())) if sky in one.files]
        assert [one.subject for one in alarms if one.subject == "coding"] == []


def test_known_groups_name_a_remedy_only_where_there_is_one(
    shared_camvid: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [
        "data",
        "groups",
        "camvid-fcn8s",
        "--data.root",
        str(shared_camvid),
        "--output",
        str(tmp_path / "g.json"),
    ]
    assert main(command) == 2
    assert "roadseg.yaml" not in capsys.readouterr().err


def test_folder_without_pairs(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="no two folders in"):
        find_pairs(tmp_path)


def test_pairs_with_parts_in_either_order(tmp_path: Path) -> None:
    for images, masks in (("images/{}", "masks/{}"), ("{}/a", "{}/b_gt")):
        root = tmp_path / images.replace("/", "").replace("{}", "x")
        for part in ("train", "valid"):
            for place, ending in ((images, "jpg"), (masks, "png")):
                (root / place.format(part)).mkdir(parents=True)
                Image.new("L", (4, 4)).save(root / place.format(part) / f"1.{ending}")
        found = find_pairs(root)
        assert {part: len(records) for part, records in found.parts.items()} == {"train": 1, "val": 1}
        assert found.paths == (f"{images.format('{split}')}/{{id}}.jpg", f"{masks.format('{split}')}/{{id}}.png")


def test_what_lies_between() -> None:
    ramp = np.array([[1, 1, 3, 7, 7], [7, 7, 2, 1, 1], [1, 1, 0, 7, 7]], np.uint8)
    assert lies_between(ramp)[:2].tolist() == [[False, False, True, False, False], [False, False, True, False, False]]
    colors = np.array([[[0, 0, 0], [9, 0, 4], [9, 9, 9]], [[0, 0, 0], [0, 9, 99], [9, 9, 9]]], np.uint8)
    assert lies_between(colors)[:, 1].tolist() == [True, False]


def test_enlarged_labels_are_told_from_untouched(streets: Path) -> None:
    label = Image.open(next((streets / "training/semantic").iterdir()))
    assert share_between(np.asarray(label)) < SMOOTHED / 2
    assert share_between(np.asarray(label.resize((192, 128), Image.Resampling.NEAREST))) < SMOOTHED / 2
    assert share_between(np.asarray(label.resize((192, 128), Image.Resampling.BILINEAR))) > 2 * SMOOTHED


def test_a_place_at_the_end_of_the_search_is_no_shift() -> None:
    at_the_end = Fit((REACH, 0), peak=9.0, gain=5.0, mirrored=0.0, borders=9000)
    assert (at_the_end.shifted, at_the_end.nowhere) == (False, True)
    assert at_the_end._replace(shift=(REACH - 1, 0)).shifted


def test_directions() -> None:
    assert direction(-1, -3) == "1 pixel left and 3 above"
    assert direction(-6, 4) == "6 pixels left and 4 below"
    assert direction(0, -4, move=True) == "4 pixels up"


def test_labels_are_read_as_they_are_stored(tmp_path: Path) -> None:
    wide = np.array([[0, 300], [65535, 7]], np.uint16)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    values, form, mode = read_values(tmp_path / "wide.png")
    assert (values.tolist(), form, mode[0]) == (wide.tolist(), "PNG", "I")
    Image.fromarray(np.array([[0, 1]], bool)).save(tmp_path / "bits.png")
    assert read_values(tmp_path / "bits.png")[0].tolist() == [[0, 1]]
    Image.new("RGBA", (2, 1), (1, 2, 3, 0)).save(tmp_path / "colours.png")
    assert read_values(tmp_path / "colours.png")[0].tolist() == [[[1, 2, 3], [1, 2, 3]]]
    Image.fromarray(np.random.default_rng(0).integers(0, 9, (40, 40), np.uint8)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:300])
    with pytest.raises(DataError, match=r"cannot decode .*cut.png: .*; replace the file"):
        read_values(tmp_path / "cut.png")
