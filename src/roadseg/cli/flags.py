"""Commands and their flags: one flag for each field of a command's words, and one for each setting."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from roadseg.config.overrides import choices, did_you_mean, is_tuple
from roadseg.config.settings import RECORDED, Config, Settings, complaint
from roadseg.errors import ConfigError, closest

VALUES = {
    "crop": "HEIGHT WIDTH", "resize": "HEIGHT WIDTH", "scale": "LOW HIGH", "fractions": "TRAIN VAL TEST",
    "root": "DIR", "weights": "FILE|imagenet", "from_run": "RUN",
}  # fmt: skip
"""How the values of a setting are called in its help."""
ALSO_CALLED = {
    "infer": "predict", "inference": "predict", "segment": "predict", "eval": "evaluate", "test": "evaluate",
    "fit": "train", "list": "runs", "export": "predict",
}  # fmt: skip
"""Commands by the names that other tools have for them."""
SETTING = "setting "
"""What the settings' names begin with among the parsed arguments, so that they are no words of the command."""


@dataclass(frozen=True)
class Flag:
    """How the value of a field is called in the help, where the field's name in capitals does not say it."""

    metavar: str


@dataclass(frozen=True)
class Argument(Flag):
    """A field that is written without a flag, in its place."""


class Words(Settings):
    """What was typed after a command. A field's description is its help, its alias the flag where the name is not."""


class WithSettings(Words):
    """The words of a command that also takes settings of a recipe, below the sections of `Config` in SECTIONS."""

    SECTIONS: ClassVar[tuple[str, ...]] = ()
    given: dict[str, str | list[str]]


class WithData(WithSettings):
    """The words of a command that takes a recipe's settings of its data."""

    SECTIONS: ClassVar[tuple[str, ...]] = ("data",)


Typed = TypeVar("Typed", bound=Words)


@dataclass(frozen=True)
class Command(Generic[Typed]):
    """A command: its words, what it does with them (its docstring is the help), and a whole line that shows it."""

    name: str
    words: type[Typed]
    act: Callable[[Typed], int | None]
    example: str = ""

    def run(self, parsed: dict[str, Any]) -> int:
        """Do it with what argparse read; the exit code. Raises `ConfigError` for a value that does not fit."""
        own = {name: value for name, value in parsed.items() if not name.startswith(SETTING)}
        if issubclass(self.words, WithSettings):
            own["given"] = given_settings(parsed)
        try:
            words = self.words.model_validate(own)
        except ValidationError as error:
            raise ConfigError(f"--{complaint(error)}") from error
        return self.act(words) or 0


class Formatter(argparse.RawDescriptionHelpFormatter):
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
            commands = re.findall(r"\w+", choice[2])
            meant = closest(ALSO_CALLED.get(choice[1], choice[1]), commands)
            message = f"no command {choice[1]!r}; {meant}choices: {', '.join(commands)}"
        elif self.example and "arguments are required" in message:
            message += f"\nfor example: {self.example}"
        self.exit(2, f"{self.prog}: {message}\n")


def add_command(add_parser: Callable[..., Parser], command: Command[Any]) -> None:
    """Make the parser of a command, with its flags, usage and example."""
    about = (command.act.__doc__ or "").strip()
    summary = about.splitlines()[0]
    parser = add_parser(
        command.name,
        help=summary[0].lower() + summary[1:].rstrip("."),
        description=about,
        epilog=f"example: {command.example}" if command.example else None,
        allow_abbrev=False,
    )
    parser.set_defaults(command=command, parser=parser)
    parser.example = command.example
    parts = [_add_word(parser, name, field) for name, field in command.words.model_fields.items() if name != "given"]
    if issubclass(command.words, WithSettings):
        add_settings(parser, Config, command.words.SECTIONS)
        parts.append("[settings]")
    parser.usage = " ".join([parser.prog, *parts])


def _add_word(parser: argparse.ArgumentParser, name: str, field: FieldInfo) -> str:
    """Add the flag or argument of a command's own field; its part of the usage."""
    flag = str(field.validation_alias or name)
    shown = next((each for each in field.metadata if isinstance(each, Flag)), None)
    metavar = shown.metavar if shown else "|".join(choices(field.annotation)) or name.upper()
    about = (field.description or "").replace("%", "%%")
    required = field.is_required()
    if isinstance(shown, Argument):
        many = is_tuple(field.annotation)
        parser.add_argument(
            flag, nargs=("+" if required else "*") if many else None, metavar=metavar, help=about,
            default=argparse.SUPPRESS,
        )  # fmt: skip
        written = f"{metavar} ..." if many else metavar
    elif field.annotation is bool:
        parser.add_argument(f"--{flag}", dest=flag, action="store_true", help=about)
        written = f"--{flag}"
    else:
        many = is_tuple(field.annotation)
        if field.default not in (None, (), "") and not required:
            about += f" (default: {field.default})"
        parser.add_argument(
            f"--{flag}", dest=flag, required=required, default=argparse.SUPPRESS, metavar=metavar, help=about,
            nargs="+" if many else None, action="append" if many and is_tuple(_inside(field)) else "store",
        )  # fmt: skip
        written = f"--{flag} {metavar}"
    return written if required else f"[{written}]"


def _inside(field: FieldInfo) -> Any:
    """The type of a tuple's members."""
    return field.annotation.__args__[0]  # type: ignore[union-attr]


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
        elif name not in RECORDED and not sections:
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
        dest=f"{SETTING}{key}",
        default=argparse.SUPPRESS,
        nargs="+" if many else None,
        metavar="|".join(values) or VALUES.get(key.rsplit(".", 1)[-1], key.rsplit(".", 1)[-1].upper()),
        help=(field.description or "").replace("%", "%%"),
    )


def given_settings(parsed: dict[str, Any]) -> dict[str, Any]:
    """The settings among parsed arguments, by their dotted names."""
    return {key.removeprefix(SETTING): value for key, value in parsed.items() if key.startswith(SETTING)}
