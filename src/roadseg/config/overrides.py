"""Values laid over a recipe: settings by their dotted names, as flags and `--vary` give them."""

import difflib
import re
import types
import typing
from collections.abc import Mapping
from functools import reduce
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from roadseg.config.settings import RECORDED, Config, Settings, as_trained, complaint, flat
from roadseg.errors import LIKE, ConfigError, closest


def overridden(settings: Config, arguments: dict[str, Any]) -> Config:
    """`settings` with the flags that were given; the word `none` unsets a setting that may be unset.

    Raises `ConfigError` for a setting that does not exist, with the closest one, and naming the first bad value's flag.
    """
    content: dict[str, Any] = settings.model_dump()
    for key, value in arguments.items():
        words = choices(_known_setting(key).annotation)
        *sections, last = key.split(".")
        place = reduce(dict.__getitem__, sections, content)
        place[last] = None if value in ("none", ["none"]) and "none" not in words else value
    try:
        changed = Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"--{complaint(error)}") from error
    if "transforms.crop" in arguments or "transforms.resize" in arguments:
        return _with_fitting_crop(changed, "transforms.crop" in arguments)
    return changed


def _with_fitting_crop(settings: Config, given: bool) -> Config:
    """The recipe's crop within the resized images. One that was `given` stays, or is refused where all is padded."""
    resize, crop, enlarged = settings.transforms.resize, settings.transforms.crop, settings.transforms.scale[1]
    if resize is None or crop is None:
        return settings
    if not given:
        fitting = min(crop[0], resize[0]), min(crop[1], resize[1])
        return settings.model_copy(update={"transforms": settings.transforms.model_copy(update={"crop": fitting})})
    if any(side > round(enlarged * whole) for side, whole in zip(crop, resize, strict=True)):
        raise ConfigError(
            f"--transforms.crop {crop[0]} {crop[1]} is larger than any image after --transforms.resize {resize[0]} "
            f"{resize[1]}, even scaled by {enlarged:g}: all would be padded; leave out --transforms.crop, which follows"
        )
    return settings


def notes(base: Config, settings: Config, given: Mapping[str, Any]) -> list[str]:
    """In words what is otherwise than one might think: a crop that followed the resize, a setting without effect."""
    found = []
    before, now = base.transforms.crop, settings.transforms.crop
    if "transforms.crop" not in given and before is not None and now is not None and before != now:
        found.append(
            f"crop {now[0]}x{now[1]}, not the recipe's {before[0]}x{before[1]}: it follows --transforms.resize"
        )
    trained = flat(as_trained(settings).model_dump())
    for key, value in flat(settings.model_dump()).items():
        if key in given and value != trained[key]:
            found.append(f"--{key} acts on first weights alone (--model.weights); without them the whole trunk trains")
    return found


def setting_value(key: str, value: str) -> str | list[str]:
    """`value` as the setting `key` takes it: several numbers are written with commas between them.

    Raises `ConfigError` for a setting that does not exist, with the closest one.
    """
    return value.split(",") if is_tuple(_known_setting(key).annotation) else value


def _known_setting(key: str) -> FieldInfo:
    known = setting_fields()
    if key not in known:
        about = {name: field.description or "" for name, field in known.items()}
        raise ConfigError(f"no setting {key!r}; {did_you_mean(key, about)}roadseg train --help lists them")
    return known[key]


def as_typed(value: Any) -> str:
    """The value of a setting as one would type it after its flag."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(map(as_typed, value)) if isinstance(value, tuple | list) else str(value)


def setting_fields(kind: type[Settings] = Config, prefix: str = "") -> dict[str, FieldInfo]:
    """Every setting by its dotted name."""
    found: dict[str, FieldInfo] = {}
    for name, field in kind.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Settings):
            found |= setting_fields(section, f"{prefix}{name}.")
        elif name not in RECORDED:
            found[f"{prefix}{name}"] = field
    return found


def _members(annotation: Any) -> list[Any]:
    """The alternatives of a union, unwrapped from Annotated."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [member for part in typing.get_args(annotation) for member in _members(part)]
    if typing.get_origin(annotation) is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    return [annotation]


def choices(annotation: Any) -> list[str]:
    """The words that a setting of this type takes; none where it takes numbers or any text."""
    if bool in _members(annotation):
        return ["true", "false"]
    literals = [member for member in _members(annotation) if typing.get_origin(member) is typing.Literal]
    return [str(value) for literal in literals for value in typing.get_args(literal)]


def is_tuple(annotation: Any) -> bool:
    """Whether a setting of this type takes several values."""
    return any(typing.get_origin(member) is tuple for member in _members(annotation))


def did_you_mean(given: str, known: dict[str, str]) -> str:
    """Of flags and what they are about: the one whose last part is that of what was given, or looks like it.

    Else the one that is about what was given (`learning_rate`), or looks like it as a whole.
    """
    parts = {flag: _last_part(flag) for flag in known}
    near = difflib.get_close_matches(_last_part(given), parts.values(), n=1, cutoff=LIKE)
    words = " ".join(re.split(r"[_-]+", _last_part(given)))
    close = difflib.get_close_matches(given, [flag for flag, part in parts.items() if part in near], n=1, cutoff=0)
    for find in (re.match, re.search):
        close += [flag for flag, about in known.items() if find(rf"\b{re.escape(words)}\b", about)]
    return f"did you mean {close[0]}? " if close else closest(given, known)


def _last_part(flag: str) -> str:
    return flag.lstrip("-").rsplit(".", 1)[-1]
