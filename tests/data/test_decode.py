import contextlib
import io
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from roadseg import labels
from roadseg.data import decode
from roadseg.data.decode import image_size, read_image, read_sample, read_target
from roadseg.data.layouts.camvid import records as camvid_records
from roadseg.data.layouts.kitti import records as kitti_records
from roadseg.data.records import Record
from roadseg.errors import DataError
from roadseg.labels import Label, LabelSpace

CAMVID = labels.camvid()
IDS = np.array([[0, 1, 2], [3, 10, 11]], np.uint8)
INDICES = [[0, 1, 2], [3, 10, 255]]
RED_BLUE = LabelSpace(
    name="red and blue",
    coding="colors",
    classes=(Label(name="red", id=0, color=(255, 0, 0)), Label(name="blue", id=1, color=(0, 0, 255))),
)


def png(path: Path, pixels: np.ndarray, mode: str | None = None, **options: object) -> Path:
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def palette_png(path: Path, indices: np.ndarray, **options: object) -> Path:
    """A palette picture whose colours, read as grey, differ from its indices."""
    image = Image.fromarray(indices)
    image.putpalette([value for i in range(256) for value in (255 - i, 0, i)])
    assert image.mode == "P"
    image.save(path, **options)
    return path


class TestImage:
    def test_channels_rows_and_columns_come_in_order(self, tmp_path: Path) -> None:
        pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
        image = read_image(png(tmp_path / "a.png", pixels))
        assert image.dtype == torch.uint8
        assert image.permute(1, 2, 0).is_contiguous()
        assert (image.numpy() == pixels.transpose(2, 0, 1)).all()
        assert image_size(tmp_path / "a.png") == (2, 4)

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "RGBA", "P", "RGB"])
    def test_every_8_bit_mode_becomes_rgb(self, tmp_path: Path, mode: str) -> None:
        pixels = np.full((2, 4, 3), 255, np.uint8)
        assert (read_image(png(tmp_path / "a.png", pixels, mode)) == 255).all()

    @pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
    def test_jpeg(self, tmp_path: Path, mode: str) -> None:
        Image.new("RGB", (8, 4), "white").convert(mode).save(tmp_path / "A.JPEG")
        image = read_image(tmp_path / "A.JPEG")
        assert image.shape == (3, 4, 8)
        assert (image >= 254).all()

    def test_transparent_palette_keeps_its_colours(self, tmp_path: Path) -> None:
        path = palette_png(tmp_path / "a.png", IDS, transparency=bytes([0, 128, 255]))
        assert read_image(path)[:, 0, 2].tolist() == [253, 0, 2]

    def test_16_bits_are_refused_as_they_would_be_cut_off(self, tmp_path: Path) -> None:
        path = png(tmp_path / "a.png", np.full((2, 3), 40000, np.uint16))
        with pytest.raises(DataError, match=r"a\.png has more than 8 bits a channel .*convert it"):
            read_image(path)


class TestTarget:
    def test_grey_png(self, tmp_path: Path) -> None:
        target = read_target(png(tmp_path / "a.png", IDS), CAMVID)
        assert target.dtype == torch.uint8
        assert target.tolist() == INDICES

    @pytest.mark.parametrize("options", [{}, {"transparency": 0}, {"transparency": bytes([0, 128])}])
    def test_palette_png_gives_indices_and_not_colours(self, tmp_path: Path, options: dict[str, object]) -> None:
        path = palette_png(tmp_path / "a.png", IDS, **options)
        with Image.open(path) as image:
            assert image.mode == "P"
        assert read_target(path, CAMVID).tolist() == INDICES

    def test_16_bit_png(self, tmp_path: Path) -> None:
        assert read_target(png(tmp_path / "a.png", IDS.astype(np.uint16)), CAMVID).tolist() == INDICES

    def test_16_bit_values_above_255(self, tmp_path: Path) -> None:
        path = png(tmp_path / "a.png", IDS.astype(np.uint16) * 256)
        with pytest.raises(DataError, match=r"a\.png holds values from 0 to 2816; label ids are 0 to 255"):
            read_target(path, CAMVID)

    def test_1_bit_png(self, tmp_path: Path) -> None:
        path = png(tmp_path / "a.png", np.array([[0, 255], [255, 0]], np.uint8), "1")
        assert read_target(path, CAMVID).tolist() == [[0, 1], [1, 0]]

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
    def test_pictures_with_channels_are_no_ids(self, tmp_path: Path, mode: str) -> None:
        path = png(tmp_path / "a.png", np.zeros((2, 3, 3), np.uint8), mode)
        with pytest.raises(DataError, match=rf"a\.png is a {mode} picture, but camvid labels are one id a pixel"):
            read_target(path, CAMVID)

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
    def test_colours(self, tmp_path: Path, mode: str) -> None:
        pixels = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)
        assert read_target(png(tmp_path / "a.png", pixels, mode), RED_BLUE).tolist() == [[0, 1]]

    def test_unknown_colour(self, tmp_path: Path) -> None:
        path = png(tmp_path / "a.png", np.array([[[255, 0, 0], [254, 0, 0]]], np.uint8))
        with pytest.raises(
            DataError, match=r"a\.png: colour \(254, 0, 0\) is not a class of red and blue; fix the file"
        ):
            read_target(path, RED_BLUE)

    def test_unknown_id(self, tmp_path: Path) -> None:
        path = png(tmp_path / "a.png", np.full((2, 2), 200, np.uint8))
        with pytest.raises(DataError, match=r"a\.png: label 200 is not a class of camvid \(0-10; ignored: 11\); fix"):
            read_target(path, CAMVID)


class TestSample:
    def test_image_and_target(self, tmp_path: Path) -> None:
        image = png(tmp_path / "a.png", np.zeros((2, 3, 3), np.uint8))
        sample = read_sample(Record("a", image, png(tmp_path / "b.png", IDS), "a"), CAMVID)
        assert sample.image.shape == (3, 2, 3)
        assert sample.target.tolist() == INDICES

    def test_sizes_differ(self, tmp_path: Path) -> None:
        image = png(tmp_path / "a.png", np.zeros((3, 2, 3), np.uint8))
        label = png(tmp_path / "b.png", IDS)
        with pytest.raises(DataError, match=r"b\.png is 3x2 pixels but its image a\.png is 2x3; labels must have"):
            read_sample(Record("a", image, label, "a"), CAMVID)


class TestBadFiles:
    @staticmethod
    def readers() -> list[object]:
        return [image_size, read_image, lambda path: read_target(path, CAMVID)]

    @pytest.mark.parametrize("reader", readers(), ids=["size", "image", "target"])
    @pytest.mark.parametrize("content", [b"", b"no picture at all", None], ids=["empty", "text", "missing"])
    def test_unreadable(self, tmp_path: Path, content: bytes | None, reader: object) -> None:
        path = tmp_path / "a.png"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataError, match=r"^cannot read .*a\.png: .*; replace the file$"):
            reader(path)  # type: ignore[operator]

    def test_no_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(decode.Image, "open", refuse)
        with pytest.raises(DataError, match=r"^cannot read .*a\.png: Permission denied; replace the file$"):
            read_image(tmp_path / "a.png")

    @pytest.mark.parametrize("ending", ["png", "jpg"])
    def test_truncated(self, tmp_path: Path, ending: str) -> None:
        path = tmp_path / f"a.{ending}"
        pixels = np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(DataError, match=rf"^cannot decode .*a\.{ending}: .*; replace the file$"):
            read_image(path)
        what = "is a JPEG, whose compression changes labels" if ending == "jpg" else "cannot decode"
        with pytest.raises(DataError, match=what):
            read_target(path, CAMVID)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG"])
    def test_any_damage_reads_or_is_a_data_error(self, tmp_path: Path, kind: str) -> None:
        buffer, rng, path = io.BytesIO(), random.Random(0), tmp_path / "a"
        Image.fromarray(np.resize(IDS, (8, 9))).save(buffer, kind)
        for _ in range(60):
            content = bytearray(buffer.getvalue())
            content[rng.randrange(len(content))] = rng.randrange(256)
            path.write_bytes(content[: rng.choice([len(content), rng.randrange(len(content))])])
            for reader in self.readers():
                with contextlib.suppress(DataError):
                    reader(path)  # type: ignore[operator]


def test_shared_kitti_decodes(shared_kitti: Path) -> None:
    sample = read_sample(kitti_records(shared_kitti, "all")[0], labels.cityscapes())
    assert sample.image.shape == (3, *sample.target.shape)
    assert set(sample.target.unique().tolist()) <= {*range(19), 255}


def test_shared_camvid_decodes(shared_camvid: Path) -> None:
    for split in ("train", "val"):
        sample = read_sample(camvid_records(shared_camvid, split)[0], CAMVID)
        assert sample.image.shape == (3, 360, 480)
        assert set(sample.target.unique().tolist()) <= {*range(11), 255}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_stored_turned_are_read_upright(tmp_path: Path, orientation: int) -> None:
    stored = Image.new("RGB", (40, 20), (255, 0, 0))
    stored.paste((0, 0, 255), (0, 0, 8, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    stored.save(path, exif=exif, quality=95)
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
    read = read_image(path)
    assert tuple(read.shape[1:]) == image_size(path) == (upright.height, upright.width)
    assert np.array_equal(read.permute(1, 2, 0).numpy(), np.asarray(upright))
