r"""Your own images and labels in folders of any shape, described by a `roadseg.yaml` in their top folder.

images: images/{split}/{group}/{id}.jpg      # {id} may span folders; {split} and {group} are optional
masks: labels/{split}/{group}/{id}_mask.png  # the ending .* fits jpg, jpeg and png, small or capital
group: '^(\w+)_\d+$'                         # in place of {group}: what the brackets find in the id
labels:                                      # the table of classes, see roadseg.labels.LabelSpace
  name: my camera
  classes: [{name: road, id: 0, color: [128, 64, 128]}, {name: car, id: 1, color: [0, 0, 142]}]
  ignored: [{name: unknown, id: 255, color: [0, 0, 0]}]
"""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, field_validator, model_validator

from roadseg import labels
from roadseg.config.settings import Settings, validated
from roadseg.data.layouts.dataset import Dataset
from roadseg.data.layouts.pairing import by_id, paired
from roadseg.data.layouts.template import Template
from roadseg.data.records import Record
from roadseg.errors import ConfigError, DataError

FILE = "roadseg.yaml"
SPLITS = ("train", "val", "test")
ALL = "all"
"""Every image; the only split of a folder without `{split}`."""


class Layout(Settings):
    """The content of a `roadseg.yaml`; the table of classes is checked by `roadseg.labels.load`."""

    images: str = Field(description="where the images lie, such as images/{split}/{id}.jpg")
    masks: str = Field(description="where the label files lie, such as masks/{split}/{id}.png")
    group: str | None = Field(None, description="regular expression on {id} with one pair of brackets around the group")
    groups: str | None = Field(
        None, description="JSON file with the group of each id, as roadseg data groups writes it"
    )
    labels: Any = Field(description="the table of classes")

    @field_validator("images", "masks")
    @classmethod
    def _check_template(cls, text: str) -> str:
        return Template(text).text

    @field_validator("group")
    @classmethod
    def _check_group(cls, pattern: str | None) -> str | None:
        try:
            brackets = 1 if pattern is None else re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"it is no regular expression ({error}); fix it or leave it out") from error
        if brackets != 1:
            raise ValueError(f"it has {brackets} pairs of round brackets; put one pair around the group's name")
        return pattern

    @model_validator(mode="after")
    def _check_together(self) -> "Layout":
        images, masks = Template(self.images), Template(self.masks)
        if set(images.names) != set(masks.names):
            different = min(set(images.names) ^ set(masks.names))
            raise ValueError(f"only one of images and masks has {{{different}}}; use the same placeholders in both")
        if self.images == self.masks:
            raise ValueError(f"images and masks are both {self.images}; they must differ in a folder or an ending")
        if self.group is not None and "group" in images.names:
            raise ValueError("the group is given by {group} and by the key group; remove one of them")
        if self.groups is not None and (self.group is not None or "group" in images.names):
            raise ValueError("the group is given twice, once by the key groups; remove one of them")
        return self


def load_layout(root: Path) -> Layout:
    """The `roadseg.yaml` of a data set.

    Raises `DataError` where it is missing and `ConfigError` naming the file and the first bad key.
    """
    path = root / FILE
    if not path.is_file():
        if not root.is_dir():
            raise DataError(f"no folder {root}; give the data set's top folder")
        raise DataError(f"no {FILE} in {root}; write one that says where images and masks lie (docs/own-data.md)")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split())}; fix the file") from error
    return validated(Layout, content, str(path))


def label_space(root: Path, choice: labels.ClassChoice = "evaluation") -> labels.LabelSpace:
    """The label space of the `roadseg.yaml`; with `all` its ignored labels are classes too.

    Raises `DataError` and `ConfigError` as `load_layout`.
    """
    load_layout(root)
    return labels.load(root / FILE, choice)


def splits(root: Path) -> tuple[str, ...]:
    """The splits that have images, sorted; only `all` where the layout has no `{split}`. Raises as `records`."""
    layout = load_layout(root)
    images, _ = _files(root, layout)
    if not images:
        raise DataError(_nothing_found(root, layout, ALL))
    return tuple(sorted({values.get("split", ALL) for values in images.values()}))


def records(root: Path, split: str) -> list[Record]:
    """Records of one split, or with `all` of the whole folder, sorted by id.

    The id is what the placeholders of `images` stand for, joined by slashes (`train/drive1/000007`), so it is unique in
    the folder. The group is `{group}`, what the pattern `group` finds in `{id}`, or what the file `groups` says of the
    id; without all three every image is a group of its own, which is right only for photographs that have nothing to do
    with each other.
    Raises `DataError` for a split without images, unpaired files, two files of one id and ids that the pattern does not
    fit, and as `load_layout`.
    """
    layout = load_layout(root)
    images, masks = (
        {path: values for path, values in files.items() if split in (ALL, values.get("split", ALL))}
        for files in _files(root, layout)
    )
    if not images:
        raise DataError(_nothing_found(root, layout, split))
    listed = _listed(root / layout.groups) if layout.groups is not None else None
    groups = {_id(layout, values): _group(path, layout, values, listed) for path, values in images.items()}
    return paired(
        by_id((_id(layout, values), path) for path, values in images.items()),
        by_id((_id(layout, values), path) for path, values in masks.items()),
        groups.__getitem__,
    )


Files = dict[Path, dict[str, str]]


def _files(root: Path, layout: Layout) -> tuple[Files, Files]:
    """Images and masks; a file that fits both (a.png and a_mask.png in one folder) belongs to the longer template."""
    images, masks = Template(layout.images), Template(layout.masks)
    found, mask_files = images.files(root), masks.files(root)
    longer, shorter = (found, mask_files) if len(images.text) > len(masks.text) else (mask_files, found)
    for path in longer:
        shorter.pop(path, None)
    return found, mask_files


def _id(layout: Layout, values: dict[str, str]) -> str:
    return "/".join(values[name] for name in Template(layout.images).names)


def _listed(path: Path) -> dict[str, str]:
    """Groups by id from the file that the key `groups` names."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read groups from {path}: {error}; make it anew with roadseg data groups") from error
    if not isinstance(content, dict) or not all(isinstance(group, str) and group for group in content.values()):
        raise DataError(f"{path} does not give a group for each id; make it anew with roadseg data groups")
    return content


def _group(path: Path, layout: Layout, values: dict[str, str], listed: dict[str, str] | None) -> str:
    if listed is not None:
        name = _id(layout, values)
        if name not in listed:
            raise DataError(f"{path} has no group in {layout.groups}; add {name!r} to that file, or make it anew")
        return listed[name]
    if "group" in values:
        return values["group"]
    if layout.group is None:
        return _id(layout, values)
    fit = re.search(layout.group, values["id"])
    if fit is None or not fit[1]:
        raise DataError(f"group {layout.group!r} finds nothing in {values['id']!r} ({path}); fix it in {FILE}")
    return fit[1]


def _nothing_found(root: Path, layout: Layout, split: str) -> str:
    known = sorted({values.get("split", ALL) for values in Template(layout.images).files(root).values()})
    if not known:
        return f"no files {layout.images} in {root}; fix images in {root / FILE}"
    return f"no split {split!r} in {root}, only {', '.join(known)}; rename a folder or divide anew (split.scheme)"


DATASET = Dataset(
    records=records,
    labels=label_space,
    splits=(*SPLITS, ALL),
    labelled=splits,
    detect=lambda root: (root / FILE).is_file(),
)
