"""Command-line flags derived from the settings: `--train.epochs 12` sets `Config.train.epochs`."""

from __future__ import annotations

import argparse
import difflib
import re
import types
import typing
from typing import Any, NoReturn, cast

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from roadseg.config import Config, Settings, complaint
from roadseg.errors import ConfigError

VALUES = {
    "crop": "HEIGHT WIDTH", "resize": "HEIGHT WIDTH", "scale": "LOW HIGH", "fractions": "TRAIN VAL TEST",
    "root": "DIR", "weights": "FILE|imagenet", "from_run": "RUN",
}  # fmt: skip
"""How the values of a flag are called in its help."""


class Formatter(argparse.HelpFormatter):
    """Shows the values of a flag as its metavar says, however many there are."""

    def _format_args(self, action: argparse.Action, default_metavar: Any) -> str:
        if action.nargs == "+" and action.option_strings and isinstance(action.metavar, str):
            return action.metavar
        return super()._format_args(action, default_metavar)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one or two lines, with the closest flag for one that does not exist."""

    example = ""
    """A whole command, for whoever left out a part of it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, formatter_class=Formatter)

    def error(self, message: str) -> NoReturn:
        """Print the message and leave with exit code 2."""
        unknown = re.match(r"unrecognized arguments: (\S+)", message)
        choice = re.match(r"argument COMMAND: invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if unknown:
            flags = {flag: action.help or "" for action in self._actions for flag in action.option_strings}
            message = f"unknown argument {unknown[1]}; {_did_you_mean(unknown[1], flags)}see {self.prog} --help"
        elif choice:
            commands = dict.fromkeys(re.findall(r"\w+", choice[2]), "")
            message = f"no command {choice[1]!r}; {_did_you_mean(choice[1], commands)}choices: {', '.join(commands)}"
        elif self.example and "arguments are required" in message:
            message += f"\nfor example: {self.example}"
        self.exit(2, f"{self.prog}: {message}\n")


def _did_you_mean(given: str, known: dict[str, str]) -> str:
    """Of flags and what they are about: the one whose last part is that of what was given, or looks like it.

    Else the one that is about what was given (`learning_rate`), or looks like it as a whole.
    """
    parts = {flag: _last_part(flag) for flag in known}
    near = difflib.get_close_matches(_last_part(given), parts.values(), n=1)
    words = " ".join(re.split(r"[_-]+", _last_part(given)))
    close = difflib.get_close_matches(given, [flag for flag, part in parts.items() if part in near], n=1, cutoff=0)
    close += [flag for flag, about in known.items() if re.match(rf"{re.escape(words)}\b", about)]
    close += difflib.get_close_matches(given, known, n=1)
    return f"did you mean {close[0]}? " if close else ""


def _last_part(flag: str) -> str:
    return flag.lstrip("-").rsplit(".", 1)[-1]


def add_settings(
    parser: argparse.ArgumentParser, kind: type[Settings] = Config, sections: tuple[str, ...] = ()
) -> None:
    """One flag for each setting of `kind` (below the named sections, if any), with its description as help."""
    for name, field in kind.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Settings):
            if not sections or name in sections:
                group = parser.add_argument_group(
                    f"{name}: {(section.__doc__ or '').splitlines()[0].lower().rstrip('.')}"
                )
                _add_fields(group, section, f"{name}.")
        elif name != "recipe" and not sections:
            _add_field(parser, name, field)


def _add_fields(group: argparse._ArgumentGroup, kind: type[Settings], prefix: str) -> None:
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            _add_fields(group, field.annotation, f"{prefix}{name}.")
        else:
            _add_field(group, f"{prefix}{name}", field)


def _add_field(group: argparse._ActionsContainer, key: str, field: FieldInfo) -> None:
    choices = _choices(field.annotation)
    many = _is_tuple(field.annotation)
    group.add_argument(
        f"--{key}",
        dest=key,
        default=argparse.SUPPRESS,
        nargs="+" if many else None,
        metavar="|".join(choices) or VALUES.get(key.rsplit(".", 1)[-1], key.rsplit(".", 1)[-1].upper()),
        help=(field.description or "").replace("%", "%%"),
    )


def _members(annotation: Any) -> list[Any]:
    """The alternatives of a union, unwrapped from Annotated."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [member for part in typing.get_args(annotation) for member in _members(part)]
    if typing.get_origin(annotation) is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    return [annotation]


def _choices(annotation: Any) -> list[str]:
    if bool in _members(annotation):
        return ["true", "false"]
    literals = [member for member in _members(annotation) if typing.get_origin(member) is typing.Literal]
    return [str(value) for literal in literals for value in typing.get_args(literal)]


def _is_tuple(annotation: Any) -> bool:
    return any(typing.get_origin(member) is tuple for member in _members(annotation))


def setting_value(key: str, value: str) -> str | list[str]:
    """`value` as the setting `key` takes it: several numbers are written with commas between them.

    Raises `ConfigError` for a setting that does not exist, with the closest one.
    """
    known = _keys(Config)
    if key not in known:
        about = {name: field.description or "" for name, field in known.items()}
        raise ConfigError(f"no setting {key!r}; {_did_you_mean(key, about)}roadseg train --help lists them")
    return value.split(",") if _is_tuple(known[key].annotation) else value


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
        unset = value in ("none", ["none"]) and "none" not in _choices(kind.model_fields[last].annotation)
        place[last] = None if unset else value
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"--{complaint(error)}") from error


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings among parsed arguments: what has a dot in its name, and the seed."""
    return {key: value for key, value in vars(arguments).items() if "." in key or key == "seed"}
