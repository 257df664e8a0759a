"""Command-line flags derived from the settings: `--train.epochs 12` sets `Config.train.epochs`."""

from __future__ import annotations

import argparse
import re
from typing import Any, NoReturn

from pydantic.fields import FieldInfo

from roadseg.config.overrides import choices, did_you_mean, is_tuple
from roadseg.config.settings import Config, Settings

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
            message = f"unknown argument {unknown[1]}; {did_you_mean(unknown[1], flags)}see {self.prog} --help"
        elif choice:
            commands = dict.fromkeys(re.findall(r"\w+", choice[2]), "")
            message = f"no command {choice[1]!r}; {did_you_mean(choice[1], commands)}choices: {', '.join(commands)}"
        elif self.example and "arguments are required" in message:
            message += f"\nfor example: {self.example}"
        self.exit(2, f"{self.prog}: {message}\n")


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
    values = choices(field.annotation)
    many = is_tuple(field.annotation)
    group.add_argument(
        f"--{key}",
        dest=key,
        default=argparse.SUPPRESS,
        nargs="+" if many else None,
        metavar="|".join(values) or VALUES.get(key.rsplit(".", 1)[-1], key.rsplit(".", 1)[-1].upper()),
        help=(field.description or "").replace("%", "%%"),
    )


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings among parsed arguments: what has a dot in its name, and the seed."""
    return {key: value for key, value in vars(arguments).items() if "." in key or key == "seed"}
