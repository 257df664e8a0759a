"""Commands and their flags: one flag for each field of a command's words, and one for each setting."""

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from roadseg.config.overrides import as_typed, choices, did_you_mean, is_tuple, setting_fields
from roadseg.config.settings import Config, Settings, complaint, flat
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
OFTEN = (
    "data.root", "model.weights", "train.epochs", "train.batch_size", "optimizer.lr", "transforms.resize",
    "transforms.crop",
)  # fmt: skip
"""Settings that come first in the help."""
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
    example: str

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


def add_command(add_parser: Callable[..., Parser], command: Command[Any], shown: Config) -> None:
    """Make the parser of a command, with its flags, usage and example, and settings with their values in `shown`."""
    about = (command.act.__doc__ or "").strip()
    summary = about.splitlines()[0]
    parser = add_parser(
        command.name,
        help=summary[0].lower() + summary[1:].rstrip("."),
        description=about,
        epilog=f"example: {command.example}",
        allow_abbrev=False,
    )
    parser.set_defaults(command=command, parser=parser)
    parser.example = command.example
    parts = [_add_word(parser, name, field) for name, field in command.words.model_fields.items() if name != "given"]
    if issubclass(command.words, WithSettings):
        add_settings(parser, command.words.SECTIONS, flat(shown.model_dump()))
        parts.append("[settings]")
        parser.epilog = (
            f"In brackets: the value in {shown.recipe}; roadseg recipes NAME shows those of another recipe.\n"
            f"The word none unsets a setting, such as a crop.\n\n{parser.epilog}"
        )
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
            flag, nargs=("+" if required else "*") if many else None if required else "?", metavar=metavar, help=about,
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
    parser: argparse.ArgumentParser, sections: tuple[str, ...] = (), values: Mapping[str, Any] | None = None
) -> None:
    """One flag for each setting (below the named sections, if any), with its description as help.

    `values` by dotted names stand in brackets after it. Those in OFTEN come first.
    """
    fields = {key: field for key, field in setting_fields().items() if not sections or key.split(".")[0] in sections}
    often = parser.add_argument_group("settings that are often given")
    for key in (*OFTEN, *(key for key in fields if "." not in key)):
        if key in fields:
            _add_field(often, key, fields.pop(key), values)
    for name in dict.fromkeys(key.split(".")[0] for key in fields):
        about = Config.model_fields[name].annotation.__doc__ or ""
        group = parser.add_argument_group(f"{name}: {about.splitlines()[0].lower().rstrip('.')}")
        for key, field in fields.items():
            if key.startswith(f"{name}."):
                _add_field(group, key, field, values)


def _add_field(group: argparse._ArgumentGroup, key: str, field: FieldInfo, values: Mapping[str, Any] | None) -> None:
    words = choices(field.annotation)
    many = is_tuple(field.annotation)
    shown = f" [{as_typed(values[key])}]" if values else ""
    group.add_argument(
        f"--{key}",
        dest=f"{SETTING}{key}",
        default=argparse.SUPPRESS,
        nargs="+" if many else None,
        metavar="|".join(words) or VALUES.get(key.rsplit(".", 1)[-1], key.rsplit(".", 1)[-1].upper()),
        help=((field.description or "") + shown).replace("%", "%%"),
    )


def given_settings(parsed: dict[str, Any]) -> dict[str, Any]:
    """The settings among parsed arguments, by their dotted names."""
    return {key.removeprefix(SETTING): value for key, value in parsed.items() if key.startswith(SETTING)}
