"""Label spaces: which classes there are, what they are called, how they are drawn, and how label files code them.

One table for each label space; everything else is derived from it. A *class index* is what a model predicts (0 to C-1);
an *id* is what the data set's label files hold. `IGNORE` marks pixels that neither train nor score.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import yaml
from jaxtyping import Int16, Int32, Int64, UInt8
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from roadseg.errors import ConfigError

IGNORE = 255
"""Class index of pixels that are left out of the loss and of every score."""

MAX_CLASSES = IGNORE

Byte = Annotated[int, Field(ge=0, le=255)]
Color = tuple[Byte, Byte, Byte]
ClassChoice = Literal["evaluation", "all"]


class Label(BaseModel):
    """One row of a label table: `id` as the files store it (a byte), `color` as RGB."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    id: Byte
    color: Color
    category: str = ""


class LabelSpace(BaseModel):
    """An ordered set of classes and the labels that are ignored.

    `classes[i]` is the label with class index `i`; `ignored` are labels that read as `IGNORE`. With `coding="colors"`
    label files hold the labels' RGB colours instead of their ids; predictions are written as ids in either case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    classes: tuple[Label, ...] = Field(min_length=2, max_length=MAX_CLASSES)
    ignored: tuple[Label, ...] = ()
    coding: Literal["ids", "colors"] = "ids"

    @model_validator(mode="after")
    def _check_unique(self) -> "LabelSpace":
        labels = self.classes + self.ignored
        columns = {"name": [label.name for label in self.classes], "id": [str(label.id) for label in labels]}
        if self.coding == "colors":
            columns["color"] = [str(label.color) for label in labels]
        for what, values in columns.items():
            repeated = sorted({value for value in values if values.count(value) > 1})
            if repeated:
                raise ValueError(f"{what} {', '.join(repeated)} stands twice; each label needs its own")
        return self

    def __eq__(self, other: object) -> bool:
        """Whether the tables are equal; pydantic's own comparison fails on the cached arrays."""
        return isinstance(other, LabelSpace) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash((self.name, self.classes, self.ignored, self.coding))

    @property
    def names(self) -> list[str]:
        """Class names by class index."""
        return [label.name for label in self.classes]

    @cached_property
    def palette(self) -> UInt8[np.ndarray, "256 3"]:
        """RGB by class index, uint8 (256, 3); `IGNORE` and unused indices are black."""
        palette = np.zeros((256, 3), np.uint8)
        palette[: len(self.classes)] = [label.color for label in self.classes]
        return palette

    @cached_property
    def index_to_id(self) -> UInt8[np.ndarray, " 256"]:
        """File id by class index, uint8 (256,); `IGNORE` becomes the first ignored id (255 where there is none)."""
        table = np.full(256, self.ignored[0].id if self.ignored else IGNORE, np.uint8)
        table[: len(self.classes)] = [label.id for label in self.classes]
        return table

    @cached_property
    def id_to_index(self) -> Int16[np.ndarray, " 256"]:
        """Class index or `IGNORE` by file id, int16 (256,); -1 for ids that are not in the table."""
        table = np.full(256, -1, np.int16)
        table[[label.id for label in self.classes]] = np.arange(len(self.classes))
        table[[label.id for label in self.ignored]] = IGNORE
        return table

    @cached_property
    def color_to_index(self) -> Int64[np.ndarray, "n 2"]:
        """Rows (packed RGB, class index or `IGNORE`) sorted by colour, int64 (n, 2)."""
        rows = [(packed(label.color), index) for index, label in enumerate(self.classes)]
        rows += [(packed(label.color), IGNORE) for label in self.ignored]
        return np.array(sorted(rows), np.int64)


def packed(color: Color) -> int:
    """A colour as one number, 0xRRGGBB."""
    return color[0] << 16 | color[1] << 8 | color[2]


def unpacked(value: int) -> Color:
    """The colour of a number 0xRRGGBB."""
    return value >> 16, value >> 8 & 255, value & 255


def packed_pixels(pixels: UInt8[np.ndarray, "h w 3"]) -> Int32[np.ndarray, "h w"]:
    """Colours as numbers 0xRRGGBB, int32 (H, W)."""
    wide = pixels.astype(np.int32)
    return np.asarray(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2])


def indices_from_ids(values: UInt8[np.ndarray, "h w"], space: LabelSpace) -> UInt8[np.ndarray, "h w"]:
    """Class indices uint8 (H, W) of file ids uint8 (H, W).

    Raises `ValueError` with the unknown ids and the allowed ones; the caller adds the file's name.
    """
    indices: np.ndarray = space.id_to_index[values]
    if (indices < 0).any():
        unknown = sorted({int(value) for value in np.unique(values[indices < 0])})
        raise ValueError(f"label {listed(unknown)} is not a class of {space.name} ({_known_ids(space)})")
    return indices.astype(np.uint8)


def indices_from_colors(pixels: UInt8[np.ndarray, "h w 3"], space: LabelSpace) -> UInt8[np.ndarray, "h w"]:
    """Class indices uint8 (H, W) of colours uint8 (H, W, 3). Raises `ValueError` with the unknown colours."""
    values = packed_pixels(pixels)
    table = space.color_to_index
    position = np.searchsorted(table[:, 0], values).clip(max=len(table) - 1)
    unknown = table[position, 0] != values
    if unknown.any():
        colors = [unpacked(value) for value in np.unique(values[unknown]).tolist()]
        raise ValueError(f"colour {listed(colors)} is not a class of {space.name}")
    indices: np.ndarray = table[position, 1]
    return indices.astype(np.uint8)


def listed(values: Sequence[object], most: int = 5) -> str:
    """The first of some values in words, and how many more there are."""
    shown = ", ".join(str(value) for value in values[:most])
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")


def ranges(ids: Iterable[int]) -> str:
    """Ids in words, for example "0-10, 255"."""
    known = set(ids)
    starts = sorted(i for i in known if i - 1 not in known)
    ends = sorted(i for i in known if i + 1 not in known)
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def _known_ids(space: LabelSpace) -> str:
    """The ids of a table in words, for example "0-10; ignored: 11"."""
    known = ranges(label.id for label in space.classes)
    return f"{known}; ignored: {ranges(label.id for label in space.ignored)}" if space.ignored else known


def load(path: Path, choice: ClassChoice = "evaluation") -> LabelSpace:
    """The label space under the key `labels` of a YAML file (or of the whole file where there is no such key).

    With `all` the ignored labels become classes too, after the others.
    Raises `ConfigError` naming the file and the first thing that is wrong in it.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read labels from {path}: {' '.join(str(error).split())}") from error
    table = content.get("labels", content) if isinstance(content, dict) else content
    try:
        space = LabelSpace.model_validate(table)
        return _without_ignored(space) if choice == "all" else space
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "labels"
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{path}: {where}: {message}; see docs/own-data.md for an example") from error


def _without_ignored(space: LabelSpace) -> LabelSpace:
    return LabelSpace(name=f"{space.name} (all)", classes=space.classes + space.ignored, coding=space.coding)


# Cordts et al., "The Cityscapes Dataset", CVPR 2016; the same ids are used by the KITTI semantic benchmark.
# id, train id (255 = not evaluated), name, category, colour. The licence plate's official id -1 is the byte 255 in
# a file.
_CITYSCAPES: tuple[tuple[int, int, str, str, Color], ...] = (
    (0, 255, "unlabeled", "void", (0, 0, 0)),
    (1, 255, "ego vehicle", "void", (0, 0, 0)),
    (2, 255, "rectification border", "void", (0, 0, 0)),
    (3, 255, "out of roi", "void", (0, 0, 0)),
    (4, 255, "static", "void", (0, 0, 0)),
    (5, 255, "dynamic", "void", (111, 74, 0)),
    (6, 255, "ground", "void", (81, 0, 81)),
    (7, 0, "road", "flat", (128, 64, 128)),
    (8, 1, "sidewalk", "flat", (244, 35, 232)),
    (9, 255, "parking", "flat", (250, 170, 160)),
    (10, 255, "rail track", "flat", (230, 150, 140)),
    (11, 2, "building", "construction", (70, 70, 70)),
    (12, 3, "wall", "construction", (102, 102, 156)),
    (13, 4, "fence", "construction", (190, 153, 153)),
    (14, 255, "guard rail", "construction", (180, 165, 180)),
    (15, 255, "bridge", "construction", (150, 100, 100)),
    (16, 255, "tunnel", "construction", (150, 120, 90)),
    (17, 5, "pole", "object", (153, 153, 153)),
    (18, 255, "polegroup", "object", (153, 153, 153)),
    (19, 6, "traffic light", "object", (250, 170, 30)),
    (20, 7, "traffic sign", "object", (220, 220, 0)),
    (21, 8, "vegetation", "nature", (107, 142, 35)),
    (22, 9, "terrain", "nature", (152, 251, 152)),
    (23, 10, "sky", "sky", (70, 130, 180)),
    (24, 11, "person", "human", (220, 20, 60)),
    (25, 12, "rider", "human", (255, 0, 0)),
    (26, 13, "car", "vehicle", (0, 0, 142)),
    (27, 14, "truck", "vehicle", (0, 0, 70)),
    (28, 15, "bus", "vehicle", (0, 60, 100)),
    (29, 255, "caravan", "vehicle", (0, 0, 90)),
    (30, 255, "trailer", "vehicle", (0, 0, 110)),
    (31, 16, "train", "vehicle", (0, 80, 100)),
    (32, 17, "motorcycle", "vehicle", (0, 0, 230)),
    (33, 18, "bicycle", "vehicle", (119, 11, 32)),
)
_LICENSE_PLATE = Label(name="license plate", id=255, color=(0, 0, 142), category="vehicle")

# Brostow et al., "Semantic object classes in video", PRL 2009, in the 11 classes of Badrinarayanan et al. (SegNet),
# whose label files hold the index in this order.
_CAMVID: tuple[tuple[str, str, Color], ...] = (
    ("sky", "sky", (128, 128, 128)),
    ("building", "construction", (128, 0, 0)),
    ("pole", "object", (192, 192, 128)),
    ("road", "flat", (128, 64, 128)),
    ("pavement", "flat", (60, 40, 222)),
    ("tree", "nature", (128, 128, 0)),
    ("sign", "object", (192, 128, 128)),
    ("fence", "construction", (64, 64, 128)),
    ("car", "vehicle", (64, 0, 128)),
    ("pedestrian", "human", (64, 64, 0)),
    ("bicyclist", "human", (0, 128, 192)),
)


def cityscapes(choice: ClassChoice = "evaluation") -> LabelSpace:
    """Cityscapes' and KITTI's labels.

    `evaluation`: the 19 evaluated classes by train id, the rest ignored. `all`: every id from 0 to 34 a class (35
    channels, as a network that is trained on the raw files has them), where 34 stands for the licence plate, whose id
    is -1 (255 in a file).
    """
    labels = {row[0]: Label(id=row[0], name=row[2], category=row[3], color=row[4]) for row in _CITYSCAPES}
    if choice == "all":
        return LabelSpace(name="cityscapes (all)", classes=(*labels.values(), _LICENSE_PLATE))
    evaluated = sorted((train_id, label_id) for label_id, train_id, *_ in _CITYSCAPES if train_id != IGNORE)
    kept = tuple(labels[label_id] for _, label_id in evaluated)
    ignored = tuple(label for label in labels.values() if label not in kept)
    return LabelSpace(name="cityscapes", classes=kept, ignored=(*ignored, _LICENSE_PLATE))


def camvid(choice: ClassChoice = "evaluation") -> LabelSpace:
    """CamVid's 11 classes; id 11 (unlabelled) is ignored, or with `all` a class of its own."""
    classes = tuple(Label(id=i, name=n, category=c, color=rgb) for i, (n, c, rgb) in enumerate(_CAMVID))
    unlabelled = Label(id=11, name="unlabelled", category="void", color=(0, 0, 0))
    if choice == "all":
        return LabelSpace(name="camvid (all)", classes=(*classes, unlabelled))
    return LabelSpace(name="camvid", classes=classes, ignored=(unlabelled,))
