"""Read image and label files. Labels are read with Pillow: OpenCV changes the ids of palette PNGs."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from PIL import Image, ImageOps
from torch import Tensor

from roadseg.data.records import Record
from roadseg.errors import DataError
from roadseg.labels import LabelSpace, indices_from_colors, indices_from_ids

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm"}
"""Endings of picture files, in lower case."""

LABEL_MODES = {"L", "P", "1", "I", "I;16", "I;16B"}
WIDE_MODES = {"I", "I;16", "I;16B", "F"}
"""Modes with values above 255, which Pillow would clip when it converts to RGB."""

CAMERA_FORMATS = {"JPEG", "MPO"}
"""Formats of cameras. Only their EXIF orientation is applied."""
EXIF_ORIENTATION = 0x0112
"""EXIF's tag of the orientation."""
SIDEWAYS = 5
"""Orientations from this value on (5 to 8) exchange height and width."""


class Sample(NamedTuple):
    """One image with its target: image uint8 (3, H, W) RGB, target uint8 (H, W) class index or 255.

    The memory of an image that was read is (H, W, 3), as in its file. torch resizes that in half the time.
    """

    image: UInt8[Tensor, "3 h w"]
    target: UInt8[Tensor, "h w"]


def image_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels of the upright image, from the file's header alone."""
    with opened(path) as image:
        on_its_side = image.format in CAMERA_FORMATS and image.getexif().get(EXIF_ORIENTATION, 1) >= SIDEWAYS
        return (image.width, image.height) if on_its_side else (image.height, image.width)


def read_image(path: Path) -> UInt8[Tensor, "3 h w"]:
    """An RGB image, uint8 (3, H, W), upright: the EXIF orientation of photographs is applied.

    Raises `DataError` naming the file when it cannot be decoded or is not 8-bit.
    """
    with opened(path) as image:
        if image.mode in WIDE_MODES:
            raise DataError(f"{path} has more than 8 bits a channel ({image.mode}); convert it to an 8-bit picture")
        pixels = _rgb(_decoded(upright, path, image), path)
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1)


def upright(image: Image.Image) -> Image.Image:
    """A photograph turned as its EXIF orientation says; any other picture as it is."""
    return ImageOps.exif_transpose(image) if image.format in CAMERA_FORMATS else image


def read_target(path: Path, space: LabelSpace) -> UInt8[Tensor, "h w"]:
    """Class indices uint8 (H, W) of a label file.

    Raises `DataError` naming the file when it cannot be decoded, is coded otherwise than `space` says, or holds a value
    outside the table.
    """
    with open_label(path) as image:
        if space.coding == "colors":
            values = rgb_pixels(image, path)
        elif image.mode in LABEL_MODES:
            values = label_values(image, path)
        else:
            raise DataError(
                f"{path} is a {image.mode} picture, but {space.name} labels are one id a pixel; "
                "if colours code the classes, say so with coding: colors in a YAML file (docs/own-data.md)"
            )
    try:
        indices = indices_from_colors(values, space) if space.coding == "colors" else indices_from_ids(values, space)
    except ValueError as error:
        raise DataError(f"{path}: {error}; fix the file or choose the label space that it was made with") from error
    return torch.from_numpy(indices)


def open_label(path: Path) -> Image.Image:
    """A label file, opened but not decoded. Raises `DataError` when it cannot be opened, or is a JPEG."""
    image = opened(path)
    if image.format in CAMERA_FORMATS:
        image.close()
        raise DataError(f"{path} is a JPEG, whose compression changes labels; export the labels as PNG")
    return image


def label_values(image: Image.Image, path: Path) -> UInt8[np.ndarray, "h w"]:
    """The values of a picture with one value per pixel (`LABEL_MODES`), uint8 (H, W); palette indices stay.

    Raises `DataError` naming the file when it cannot be decoded, or holds a value that is not a byte.
    """
    values = stored_values(image, path)
    if values.dtype != np.uint8:
        if values.min() < 0 or values.max() > 255:
            raise DataError(f"{path} holds values from {values.min()} to {values.max()}; label ids are 0 to 255")
        values = values.astype(np.uint8)
    return values


def stored_values(image: Image.Image, path: Path) -> Shaped[np.ndarray, "h w"]:
    """The stored values of a picture with one value per pixel, (H, W); bits become bytes.

    Raises `DataError` naming the file when it cannot be decoded.
    """
    values = np.asarray(_decoded(image.copy, path))
    return values.astype(np.uint8) if values.dtype == np.bool_ else values


def rgb_pixels(image: Image.Image, path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """A picture's colours without transparency, uint8 (H, W, 3). Raises `DataError` if it cannot be decoded."""
    return np.asarray(_rgb(image, path))


def checked_size(record: Record) -> tuple[int, int]:
    """Height and width of a record's image, from the headers. Raises `DataError` when its labels have another size."""
    size, target_size = image_size(record.image), image_size(record.label)
    if size != target_size:
        raise _differing(record, size, target_size)
    return size


def read_sample(record: Record, space: LabelSpace) -> Sample:
    """Image and target of a record. Raises `DataError` when a file is bad or the two differ in size."""
    sample = Sample(read_image(record.image), read_target(record.label, space))
    size, target_size = (sample.image.shape[1], sample.image.shape[2]), (sample.target.shape[0], sample.target.shape[1])
    if size != target_size:
        raise _differing(record, size, target_size)
    return sample


def _differing(record: Record, size: tuple[int, int], target_size: tuple[int, int]) -> DataError:
    (height, width), (rows, columns) = size, target_size
    return DataError(
        f"{record.label} is {columns}x{rows} pixels but its image {record.image.name} is {width}x{height}; "
        "labels must have their image's size"
    )


def opened(path: Path) -> Image.Image:
    """A picture, opened but not decoded. Raises `DataError` naming the file when it cannot be opened."""
    try:
        return Image.open(path)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"cannot read {path}: {_reason(error)}; replace the file") from error


def _rgb(image: Image.Image, path: Path) -> Image.Image:
    """The picture in RGB without its transparency; Pillow warns when it drops that of a palette in one step."""
    opaque = _decoded(image.convert, path, "RGBA") if "transparency" in image.info else image
    return _decoded(opaque.convert, path, "RGB")


def _decoded(decode: Callable[..., Image.Image], path: Path, *arguments: object) -> Image.Image:
    try:
        return decode(*arguments)
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"cannot decode {path}: {_reason(error)}; replace the file") from error


def _reason(error: BaseException) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error).split("\n")[0]
