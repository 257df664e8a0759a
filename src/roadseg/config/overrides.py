"""Values laid over a recipe: settings by their dotted names, as flags and `--vary` give them."""

from __future__ import annotations

import difflib
import re
import types
import typing
from typing import Any, cast

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from roadseg.config.settings import Config, Settings, complaint
from roadseg.errors import LIKE, ConfigError, closest


def overridden(settings: Config, arguments: dict[str, Any]) -> Config:
    """`settings` with the flags that were given. Raises `ConfigError` naming the flag of the first bad value.

    The word `none` unsets a setting that may be unset.
    """
    content = settings.model_dump()
    for key, value in arguments.items():
        *path, last = key.split(".")
        place, kind = content, cast("Any", type(settings))
        for part in path:
            place, kind = place[part], kind.model_fields[part].annotation
        unset = value in ("none", ["none"]) and "none" not in choices(kind.model_fields[last].annotation)
        place[last] = None if unset else value
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"--{complaint(error)}") from error


def setting_value(key: str, value: str) -> str | list[str]:
    """`value` as the setting `key` takes it: several numbers are written with commas between them.

    Raises `ConfigError` for a setting that does not exist, with the closest one.
    """
    known = _keys(Config)
    if key not in known:
        about = {name: field.description or "" for name, field in known.items()}
        raise ConfigError(f"no setting {key!r}; {did_you_mean(key, about)}roadseg train --help lists them")
    return value.split(",") if is_tuple(known[key].annotation) else value


def _keys(kind: type[Settings], prefix: str = "") -> dict[str, FieldInfo]:
    """Every setting by its dotted name."""
    found: dict[str, FieldInfo] = {}
    for name, field in kind.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Settings):
            found |= _keys(section, f"{prefix}{name}.")
        elif name != "recipe":
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
