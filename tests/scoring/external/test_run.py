"""Label pictures of every coding and naming, scored from the command line; and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from roadseg.cli.main import main
from roadseg.data.records import Record
from roadseg.errors import DataError
from roadseg.labels import IGNORE, camvid, cityscapes
from roadseg.scoring import metrics, scores
from roadseg.scoring.external.pairing import pair_up
from roadseg.scoring.external.run import report, score
from roadseg.system.progress import Display

pytestmark = pytest.mark.slow

SPACE = cityscapes()
RNG = np.random.default_rng(0)
TRUE = RNG.choice(np.array([0, 1, 2, 8, 13, IGNORE], np.uint8), (3, 12, 16))
PREDICTED = np.where((TRUE == IGNORE) | (RNG.random(TRUE.shape) < 0.3), 8, TRUE).astype(np.uint8)


def coded(indices: np.ndarray, coding: str) -> Image.Image:
    if coding == "ids":
        return Image.fromarray(SPACE.index_to_id[indices])
    if coding == "colors":
        return Image.fromarray(SPACE.palette[indices])
    picture = Image.fromarray(indices)
    if coding == "palette":
        picture = picture.convert("P")
        picture.putpalette(SPACE.palette.ravel().tolist())
        picture.putdata(indices.ravel().tolist())
    return picture


def write(folder: Path, pictures: np.ndarray, coding: str, name: str = "{:06d}_10.png") -> Path:
    for number, indices in enumerate(pictures):
        path = folder / name.format(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        coded(indices, coding).save(path)
    return folder


def expected() -> float:
    known = TRUE != IGNORE
    confusion = np.zeros((19, 19), np.int64)
    np.add.at(confusion, (TRUE[known], PREDICTED[known]), 1)
    return float(metrics.mean_iou(confusion))


@pytest.mark.parametrize("targets", ["ids", "train", "colors", "palette"])
@pytest.mark.parametrize("predictions", ["ids", "train", "colors", "palette"])
def test_every_coding_is_found_out(tmp_path: Path, predictions: str, targets: str) -> None:
    ours, theirs = write(tmp_path / "p", PREDICTED, predictions), write(tmp_path / "t", TRUE, targets)
    scored = score(ours, theirs, "kitti", Display())
    named = {"train": "train-ids", "palette": "train-ids"}
    assert [finding.coding for finding in scored.codings] == [named.get(one, one) for one in (predictions, targets)]
    assert report(scored)["mean_iou"] == pytest.approx(expected())


def test_where_ids_and_train_ids_both_fit_agreement_decides(tmp_path: Path) -> None:
    """Train ids 0-18 are official ids too, most of them ignored ones."""
    theirs = write(tmp_path / "t", TRUE, "ids")
    ours = write(tmp_path / "p", PREDICTED, "train")
    scored = score(ours, theirs, "kitti", Display())
    assert scored.codings[0].coding == "train-ids"
    assert "--predictions-coding ids" in scored.codings[0].how
    given = score(ours, theirs, "kitti", Display(), ("ids", None))
    assert report(given)["mean_iou"] < 0.1
    assert given.codings[0].how == "official ids, as given"


@pytest.mark.parametrize(
    ("predictions", "targets", "how"),
    [
        ("{:06d}_10.png", "{:06d}_10.png", "by path"),
        ("run/{:06d}_10.png", "{:06d}_10.png", "by name"),
        ("aachen_000000_{:06d}_pred.png", "aachen/aachen_000000_{:06d}_gtFine_labelIds.png", "part"),
        ("pred-{:04d}.png", "frame{:04d}_mask.png", "part"),
    ],
)
def test_names_are_paired(tmp_path: Path, predictions: str, targets: str, how: str) -> None:
    ours, theirs = (
        write(tmp_path / "p", PREDICTED, "ids", predictions),
        write(tmp_path / "t", TRUE, "ids", targets),
    )
    paired = pair_up(ours, theirs, lambda name, target: name)
    assert how in paired.how
    for number, pair in enumerate(paired.pairs):
        assert pair.prediction == ours / predictions.format(number)
        assert pair.target == theirs / targets.format(number)


def test_what_follows_the_id_may_vary(tmp_path: Path) -> None:
    theirs = write(tmp_path / "t", TRUE[:2], "ids", "aachen_{:06d}_gtFine_labelIds.png")
    for number, end in enumerate(("pred", "pred_v2")):
        write(tmp_path / "p", PREDICTED[number : number + 1], "ids", f"aachen_00000{number}_x-{end}.png")
    paired = pair_up(tmp_path / "p", theirs, lambda name, target: name)
    assert [pair.prediction.name[:13] for pair in paired.pairs] == ["aachen_000000", "aachen_000001"]


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main(["score", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = write(tmp_path / "p", PREDICTED, "colors"), write(tmp_path / "t", TRUE, "ids")
    file = tmp_path / "scores.json"
    code, said, _ = run(capsys, ours, theirs, "--labels", "kitti", "--output", file)
    assert code == 0
    assert "predictions: colours, found out" in said
    assert "SMP macro-imagewise" in said
    content = json.loads(file.read_text())
    assert content["mean_iou"] == pytest.approx(expected())
    keys = {"pixel_accuracy", "mean_accuracy", "micro_iou", "frequency_weighted_iou", "per_class", "images", "pixels"}
    assert keys <= content.keys()
    wanted = {"name", "package", "version", "score", "absent", "ignored", "averaging", "gap", "because"}
    assert all(entry.keys() == wanted for entry in content["conventions"])
    assert run(capsys, ours, theirs, "--labels", "kitti", "--output", file)[0] == 2


def test_bad_input_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = write(tmp_path / "p", PREDICTED, "ids"), write(tmp_path / "t", TRUE, "ids")
    last = ours / "000002_10.png"

    def refused(*parts: str, labels: str = "kitti") -> None:
        code, _, error = run(capsys, ours, theirs, "--labels", labels, "--output", tmp_path / "no.json")
        assert code == 2
        assert len(error.strip().splitlines()) == 1
        assert all(part in error for part in parts), error
        assert not (tmp_path / "no.json").exists()

    refused("no label space 'kity'", labels="kity")
    Image.fromarray(np.full((12, 16), 200, np.uint8)).save(last)
    refused(str(last), "holds 200", "0-33, 255")
    Image.fromarray(np.zeros((12, 8), np.uint8)).save(last)
    refused(str(last), "8x12", "16x12")
    Image.fromarray(np.full((12, 16, 3), 9, np.uint8)).save(last)
    refused(str(last), "colour (9, 9, 9)")
    coded(PREDICTED[2], "colors").save(last)
    refused(str(last), "colours", "one coding")
    last.write_bytes(b"no picture")
    refused("cannot read", str(last))
    last.unlink()
    refused("000002_10.png has no prediction")


def test_no_png_and_no_folder(tmp_path: Path) -> None:
    theirs = write(tmp_path / "t", TRUE, "ids")
    with pytest.raises(DataError, match="no file or folder"):
        pair_up(tmp_path / "p", theirs, lambda name, target: name)
    (tmp_path / "p").mkdir()
    with pytest.raises(DataError, match="no PNG in"):
        pair_up(tmp_path / "p", theirs, lambda name, target: name)


def test_a_bad_label_is_told_by_the_name_that_was_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, good = tmp_path / "bad.png", tmp_path / "good.png"
    coded(np.full_like(TRUE[0], 0), "ids").save(good)
    Image.fromarray(np.full(TRUE[0].shape, 200, np.uint8)).save(bad)
    code, _, error = run(capsys, bad, good, "--labels", "kitti")
    assert code == 2
    assert f"{bad} holds 200, which is no label of kitti (" in error


def test_one_picture_has_no_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two files are a pair; what is predicted as no class is a miss, and said."""
    ours, theirs = tmp_path / "one.png", tmp_path / "other.png"
    true = np.where(TRUE[0] == IGNORE, 0, TRUE[0]).astype(np.uint8)
    coded(np.where(np.arange(16) < 4, IGNORE, true).astype(np.uint8), "colors").save(ours)
    coded(true, "ids").save(theirs)
    code, said, _ = run(capsys, ours, theirs, "--labels", "kitti", "--output", tmp_path / "scores.json")
    assert code == 0
    assert "25 % of the labelled pixels are predicted as no class; they count as misses" in said
    content = json.loads((tmp_path / "scores.json").read_text())
    assert content["ci95"]["mean_iou"] == [None, None]
    assert content["pixel_accuracy"] == 0.75


def test_a_coding_that_a_file_cannot_have_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = write(tmp_path / "p", PREDICTED, "colors"), write(tmp_path / "t", TRUE, "ids")
    words = (ours, theirs, "--labels", "kitti")
    assert run(capsys, *words, "--targets-coding", "colors")[0::2] == (
        2,
        f"roadseg: {theirs / '000000_10.png'} holds one value a pixel, not colours; call its coding ids or train-ids\n",
    )
    assert "call its coding colors" in run(capsys, *words, "--predictions-coding", "ids")[2]


@pytest.mark.parametrize("role", ["predictions", "targets"])
def test_a_picture_of_another_coding_among_the_others_is_named(tmp_path: Path, role: str) -> None:
    """Train ids are official ids too, and so are scored as such without a word."""
    folders = {
        name: write(tmp_path / name, values, "ids") for name, values in (("predictions", PREDICTED), ("targets", TRUE))
    }
    path = folders[role] / "000001_10.png"
    coded((PREDICTED if role == "predictions" else TRUE)[1], "train").save(path)
    with pytest.raises(DataError, match=f"1 of 3 {role} look like train ids.*: 000001_10.png; .*--{role}-coding ids"):
        score(folders["predictions"], folders["targets"], "kitti", Display())
    given = ("ids", None) if role == "predictions" else (None, "ids")
    assert score(folders["predictions"], folders["targets"], "kitti", Display(), given).codings[0].coding == "ids"


def test_poor_predictions_are_not_taken_for_another_coding(tmp_path: Path) -> None:
    """Sidewalk alone, id 8: the train id of vegetation, of which there is twice as much."""
    wrong, truth = PREDICTED.copy(), TRUE.copy()
    wrong[1] = 1
    truth[1][truth[1] == 0] = 8
    ours, theirs = write(tmp_path / "p", wrong, "ids"), write(tmp_path / "t", truth, "ids")
    assert score(ours, theirs, "kitti", Display()).codings[0].coding == "ids"


def test_groups_come_from_the_names(tmp_path: Path) -> None:
    values = np.resize(np.array([0, 1, 2, 11], np.uint8), (4, 12, 16))
    for name, which in (("a_01.png", 0), ("a_02.png", 1), ("b_01.png", 2), ("b_02.png", 3)):
        for place in ("p", "t"):
            (tmp_path / place).mkdir(exist_ok=True)
            Image.fromarray(values[which]).save(tmp_path / place / name)
    content = report(score(tmp_path / "p", tmp_path / "t", "camvid", Display()))
    assert (content["groups"], content["ci95_resampled"]) == (2, "group")
    assert content["mean_iou"] == 1 or content["void_predictions"]


def test_equals_the_evaluation_of_a_run(shared_camvid: Path, tmp_path: Path) -> None:
    """Real labels against themselves, moved by two pixels; roadseg's own reader, scores and intervals give the same."""
    space = camvid()
    paths = sorted((shared_camvid / "trainannot").glob("*.png"))[::30]
    confusions = np.zeros((len(paths), 12, 12), np.int64)
    for path, confusion in zip(paths, confusions, strict=True):
        true = np.asarray(Image.open(path))
        predicted = np.where(np.roll(true, 2, 1) == 11, 3, np.roll(true, 2, 1)).astype(np.uint8)
        for place, picture in (("p", predicted), ("t", true)):
            (tmp_path / place).mkdir(exist_ok=True)
            Image.fromarray(picture).save(tmp_path / place / path.name)
        np.add.at(confusion, (true, predicted), 1)
    scored = score(tmp_path / "p", tmp_path / "t", "camvid", Display())
    content = report(scored)
    records = [Record(path.stem, path, path, pair.group) for path, pair in zip(paths, scored.pairs, strict=True)]
    evaluated = scores.report(confusions[:, :11, :11], records, space)
    assert evaluated["ci95_resampled"] == "group"
    for name in ("mean_iou", "micro_iou", "frequency_weighted_iou", "pixel_accuracy", "mean_accuracy", "per_class"):
        assert content[name] == pytest.approx(evaluated[name])
        ends, expected_ends = content["ci95"][name], evaluated["ci95"][name]
        assert ends == expected_ends
    for name in ("ci95_units", "units_of_class", "too_few_units", "images", "groups", "pixels"):
        assert content[name] == evaluated[name]


def test_the_intervals_are_about_the_scores_where_nothing_is_predicted_too(tmp_path: Path) -> None:
    predicted = np.where(RNG.random(TRUE.shape) < 0.2, IGNORE, PREDICTED).astype(np.uint8)
    ours = write(tmp_path / "p", predicted, "ids", "{}_frame.png")
    content = report(score(ours, write(tmp_path / "t", TRUE, "ids", "{}_frame.png"), "kitti", Display()))
    assert content["void_predictions"]
    for name in ("mean_iou", "micro_iou", "frequency_weighted_iou", "pixel_accuracy", "mean_accuracy"):
        low, high = content["ci95"][name]
        middle = 1 / (1 + np.exp(-(np.log(low / (1 - low)) + np.log(high / (1 - high))) / 2))
        assert middle == pytest.approx(content[name])
