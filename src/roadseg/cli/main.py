"""The command line: its commands, and how errors reach a person."""

import sys
from typing import Any

from roadseg import __version__
from roadseg.cli.bench import BENCH
from roadseg.cli.compare import COMPARE
from roadseg.cli.data.check import CHECK
from roadseg.cli.data.groups import GROUPS
from roadseg.cli.data.split import SPLIT
from roadseg.cli.data.stats import STATS
from roadseg.cli.data.synthesize import SYNTHESIZE
from roadseg.cli.doctor import DOCTOR
from roadseg.cli.evaluate import EVALUATE
from roadseg.cli.flags import Command, Parser, add_command
from roadseg.cli.predict import PREDICT
from roadseg.cli.recipes import RECIPES
from roadseg.cli.runs import RUNS
from roadseg.cli.score import SCORE
from roadseg.cli.study import STUDY
from roadseg.cli.suspects import SUSPECTS
from roadseg.cli.terminal import BAD_INPUT, FAILED, INTERRUPTED, complain
from roadseg.cli.train import TRAIN
from roadseg.config.recipes import RECOMMENDED, names, recipe
from roadseg.config.settings import Config
from roadseg.errors import OUT_OF_MEMORY, RoadsegError, WorkFailed, out_of_memory
from roadseg.system.processes import sleep_while_waiting

DATA: tuple[Command[Any], ...] = (CHECK, STATS, GROUPS, SYNTHESIZE, SPLIT)
"""The commands of `roadseg data`."""
BEFORE_DATA: tuple[Command[Any], ...] = (
    RECIPES, TRAIN, EVALUATE, PREDICT, RUNS, COMPARE, STUDY, SCORE, SUSPECTS,
)  # fmt: skip
AFTER_DATA: tuple[Command[Any], ...] = (BENCH, DOCTOR)


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    argv = sys.argv[1:] if argv is None else argv
    named = next((word for word in argv if word in names()), RECOMMENDED)
    arguments, unknown = _parser(recipe(named)).parse_known_args(argv)
    parsed = vars(arguments)
    parser: Parser = parsed.pop("parser")
    command: Command[Any] | None = parsed.pop("command", None)
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if command is None:
        parser.print_help()
        return 0
    sleep_while_waiting()
    try:
        return command.run(parsed)
    except RoadsegError as error:
        return complain(str(error), BAD_INPUT)
    except WorkFailed as error:
        return complain(str(error), FAILED)
    except (NotADirectoryError, FileNotFoundError, IsADirectoryError, FileExistsError) as error:
        return complain(f"{error.filename}: {error.strerror}; give another path", BAD_INPUT)
    except PermissionError as error:
        return complain(f"no permission for {error.filename}; choose another place or change its rights", BAD_INPUT)
    except OSError as error:
        return complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", FAILED)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return complain(OUT_OF_MEMORY, FAILED)
    except KeyboardInterrupt:
        return complain("interrupted", INTERRUPTED)


def _parser(shown: Config) -> Parser:
    """The parser of all commands; their help shows the settings' values in `shown`."""
    parser = Parser(
        prog="roadseg",
        description="Train, compare and ship semantic segmentation of street scenes.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"roadseg {__version__}")
    parser.set_defaults(parser=parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for command in BEFORE_DATA:
        add_command(commands.add_parser, command, shown)
    data = commands.add_parser(
        "data", help="check images and labels, count classes, divide them, draw streets", allow_abbrev=False
    )
    data.set_defaults(parser=data)
    inner = data.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for command in DATA:
        add_command(inner.add_parser, command, shown)
    for command in AFTER_DATA:
        add_command(commands.add_parser, command, shown)
    return parser
