"""The command line: one short function for each verb. torch is imported only by the verbs that compute."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from roadseg import __version__
from roadseg.errors import ConfigError, RoadsegError, WorkFailed
from roadseg.flags import Parser, add_settings, given_settings, overridden
from roadseg.recipes import RECIPES, describe, recipe

if TYPE_CHECKING:
    from roadseg.config import Config
    from roadseg.progress import Display

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 3
"""Exit codes besides 0: the work failed; wrong usage or bad input; interrupted, everything so far is saved."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments, unknown = _parser().parse_known_args(argv)
    if unknown:
        arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        return int(arguments.verb(arguments) or 0)
    except RoadsegError as error:
        return _complain(str(error), BAD_INPUT)
    except WorkFailed as error:
        return _complain(str(error), FAILED)
    except (NotADirectoryError, FileNotFoundError, IsADirectoryError, FileExistsError) as error:
        return _complain(f"{error.filename}: {error.strerror}; give another path", BAD_INPUT)
    except PermissionError as error:
        return _complain(f"no permission for {error.filename}; choose another place or change its rights", BAD_INPUT)
    except OSError as error:
        return _complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", FAILED)
    except (MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        return _complain("out of memory; lower --train.batch_size, --transforms.crop or --model.width", FAILED)
    except KeyboardInterrupt:
        return _complain("interrupted", INTERRUPTED)


def _complain(message: str, code: int) -> int:
    process = "" if _is_main_process() else f" (process {os.environ['RANK']})"
    print(f"roadseg{process}: {message}", file=sys.stderr)
    return code


def _out_of_memory(error: BaseException) -> bool:
    """Whether Python, torch on a CPU, or torch on a GPU ran out of memory."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error)


def _is_main_process() -> bool:
    """Of several that torchrun started; without asking torch."""
    return os.environ.get("RANK", "0") == "0"


def _console() -> Console:
    return Console(quiet=not _is_main_process())


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _display(console: Console) -> Iterator[Display]:
    from roadseg.progress import Bars, Plain

    if console.is_terminal:
        with Bars(console) as bars:
            yield bars
    else:
        yield Plain(console)


def recipes_verb(arguments: argparse.Namespace) -> None:
    """List the named experiments."""
    width = max(map(len, RECIPES))
    for name in RECIPES:
        _say(_console(), f"{name:<{width}}  {describe(name)}")


def train_verb(arguments: argparse.Namespace) -> int:
    """Train a recipe."""
    from roadseg.runs import RunDir, latest_run, next_run

    recipe(arguments.recipe)
    chosen = arguments.run or (latest_run if arguments.resume else next_run)(Path("runs"), arguments.recipe)
    run = RunDir(chosen)
    begun = arguments.resume and (chosen / "config.json").exists()
    settings = overridden(run.config() if begun else recipe(arguments.recipe), given_settings(arguments))
    _check_trainable(settings, arguments.recipe)
    console = _console()
    if begun and run.complete:
        _say(console, f"{run.path} is complete; nothing to do")
        return 0

    from roadseg.interrupt import Interrupted
    from roadseg.tables import score_table
    from roadseg.train import train

    try:
        with _display(console) as display:
            scores = train(run, settings, display, resume=arguments.resume)
    except Interrupted as stop:
        _say(console, f"{stop}: {run.path}")
        return INTERRUPTED
    console.print(score_table([settings.recipe], [scores], "val"))
    _say(console, f"run: {run.path}")
    return 0


def _check_trainable(settings: Config, name: str) -> None:
    if settings.recipe != name:
        raise ConfigError(f"the run is of the recipe {settings.recipe}, not {name}; give that name or another --run")
    if settings.data.root is None:
        raise ConfigError("no data; give the data set's top folder with --data.root DIR")


def evaluate_verb(arguments: argparse.Namespace) -> None:
    """Score a run on a split."""
    from roadseg.atomic import write_bytes
    from roadseg.evaluate import evaluate_run
    from roadseg.runs import RunDir
    from roadseg.tables import score_table

    console = _console()
    run = RunDir(arguments.run)
    with _display(console) as display:
        scores = evaluate_run(run, arguments.root, arguments.split, display)
    if arguments.output and _is_main_process():
        write_bytes(arguments.output, (run.evaluation / f"{arguments.split}.json").read_bytes())
    console.print(score_table([run.config().recipe], [scores], arguments.split))


def predict_verb(arguments: argparse.Namespace) -> None:
    """Label pictures."""
    from roadseg.predict import predict
    from roadseg.runs import RunDir

    console = _console()
    with _display(console) as display:
        count = predict(RunDir(arguments.run), arguments.inputs, arguments.output, display)
    what = "1 image" if count == 1 else f"{count} images"
    _say(console, f"{what} labelled; open {arguments.output / 'overlay'}")


def compare_verb(arguments: argparse.Namespace) -> None:
    """Put the scores of runs side by side."""
    from roadseg.compare import comparable
    from roadseg.runs import RunDir
    from roadseg.tables import score_table

    runs = [RunDir(path) for path in arguments.runs]
    reports = comparable(runs, arguments.split)
    names = [run.config().recipe for run in runs]
    if len(set(names)) < len(names):
        names = [f"{run.path.resolve().parent.name}/{run.path.resolve().name}" for run in runs]
    _console().print(score_table(names, reports, arguments.split))


def synthesize_verb(arguments: argparse.Namespace) -> None:
    """Draw built-in streets."""
    from roadseg.data.streets import synthesize

    console = _console()
    with _display(console) as display:
        display.begin("drawing", arguments.drives * arguments.frames)
        count = synthesize(
            arguments.directory,
            drives=arguments.drives,
            frames=arguments.frames,
            width=arguments.width,
            height=arguments.height,
            seed=arguments.seed,
            progress=lambda done, total: display.advance(),
        )
    _say(
        console,
        f"{count} labelled street images in {arguments.directory} (KITTI's layout); train with a demo or kitti recipe",
    )


def split_verb(arguments: argparse.Namespace) -> None:
    """Store how a recipe divides its data, for reuse with --data.split.scheme file."""
    from roadseg.data import label_space, load_records

    settings = overridden(recipe(arguments.recipe), given_settings(arguments))
    label_space(settings.data)
    splits, records = load_records(settings.data)
    splits.save(arguments.output)
    console = _console()
    for part, members in records.items():
        groups = len({record.group for record in members})
        _say(console, f"{part}: {len(members)} images, {groups} group{'s' if groups != 1 else ''}")


def doctor_verb(arguments: argparse.Namespace) -> None:
    """Say what this machine has."""
    from roadseg.doctor import examine

    console = _console()
    for finding in examine():
        _say(console, f"{finding.what:<12} {finding.value}")
        if finding.advice:
            console.print(f"{'':<12} {finding.advice}", style="yellow", highlight=False, markup=False, soft_wrap=True)


def _parser() -> Parser:
    parser = Parser(
        prog="roadseg",
        description="Train, compare and ship semantic segmentation of street scenes.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"roadseg {__version__}")
    parser.set_defaults(verb=lambda arguments: parser.print_help(), parser=parser)
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)

    _verb(verbs, "recipes", recipes_verb)

    train = _verb(verbs, "train", train_verb)
    train.add_argument("recipe", metavar="RECIPE", help="a name that roadseg recipes lists")
    train.add_argument("--run", type=Path, metavar="DIR", help="run directory; default: runs/RECIPE/<next number>")
    train.add_argument(
        "--resume", action="store_true", help="continue the run (default: the recipe's newest) where it stopped"
    )
    add_settings(train)
    train.usage = "roadseg train RECIPE --data.root DIR [--run DIR] [--resume] [settings]"

    evaluate = _verb(verbs, "evaluate", evaluate_verb)
    evaluate.add_argument("run", type=Path, metavar="RUN", help="run directory")
    evaluate.add_argument(
        "--data.root", dest="root", type=Path, metavar="DIR", required=True, help="top folder of the data set"
    )
    evaluate.add_argument("--split", required=True, help="train, val, test, another split of the data set, or all")
    evaluate.add_argument("--output", type=Path, metavar="FILE.json", help="also write the scores here")

    predict = _verb(verbs, "predict", predict_verb)
    predict.add_argument("run", type=Path, metavar="RUN", help="run directory")
    predict.add_argument("inputs", nargs="+", metavar="INPUT", help="image, folder, or quoted glob pattern")
    predict.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="gets labels/ color/ overlay/ confidence/"
    )

    compare = _verb(verbs, "compare", compare_verb)
    compare.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories")
    compare.add_argument("--split", default="val", help="evaluated split to compare (default: val)")

    _data_verbs(verbs)
    _verb(verbs, "doctor", doctor_verb)
    return parser


def _data_verbs(verbs: argparse._SubParsersAction[Parser]) -> None:
    data = verbs.add_parser("data", help="draw streets, divide a data set", allow_abbrev=False)
    data.set_defaults(verb=lambda arguments: data.print_help(), parser=data)
    inner = data.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)

    synthesize = _verb(inner, "synthesize", synthesize_verb)
    synthesize.add_argument("directory", type=Path, metavar="DIR", help="new folder")
    for name, default, about in (
        ("drives", 8, "number of drives"),
        ("frames", 6, "frames of each drive"),
        ("width", 416, "pixels"),
        ("height", 128, "pixels"),
        ("seed", 0, "other seeds give other streets"),
    ):
        synthesize.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{about} (default: {default})"
        )

    split = _verb(inner, "split", split_verb)
    split.add_argument("recipe", metavar="RECIPE", help="whose data set and division")
    split.add_argument("--output", type=Path, required=True, metavar="FILE.json", help="where to store the division")
    add_settings(split, sections=("data",))
    split.usage = "roadseg data split RECIPE --data.root DIR --output FILE.json [settings]"


def _verb(verbs: argparse._SubParsersAction[Parser], name: str, function: object) -> Parser:
    about = (function.__doc__ or "").strip()
    parser = verbs.add_parser(
        name, help=about[0].lower() + about[1:].rstrip("."), description=about, allow_abbrev=False
    )
    parser.set_defaults(verb=function, parser=parser)
    return parser
