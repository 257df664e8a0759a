"""The command line: its words and flags, and how errors reach a person."""

from __future__ import annotations

import argparse
from pathlib import Path

from roadseg import __version__
from roadseg.cli.compare import compare_verb, study_verb
from roadseg.cli.curation import suspects_verb
from roadseg.cli.data import check_verb, groups_verb, split_verb, stats_verb, synthesize_verb
from roadseg.cli.evaluate import evaluate_verb, score_verb
from roadseg.cli.flags import Parser, add_settings
from roadseg.cli.machine import bench_verb, doctor_verb
from roadseg.cli.predict import predict_verb
from roadseg.cli.runs import recipes_verb, runs_verb
from roadseg.cli.terminal import BAD_INPUT, FAILED, INTERRUPTED, complain
from roadseg.cli.train import train_verb
from roadseg.errors import OUT_OF_MEMORY, RoadsegError, WorkFailed, out_of_memory


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments, unknown = _parser().parse_known_args(argv)
    if unknown:
        arguments.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        return int(arguments.verb(arguments) or 0)
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
    train.add_argument(
        "--tensorboard", action="store_true", help="write curves and pictures for tensorboard --logdir RUN"
    )
    add_settings(train)
    train.usage = "roadseg train RECIPE --data.root DIR [--run DIR] [--resume] [--tensorboard] [settings]"

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
    predict.add_argument(
        "--at-least", type=float, metavar="SHARE",
        help="leave unsure pixels unlabelled: this share of the others, such as 0.95, was right in validation",
    )  # fmt: skip
    predict.add_argument(
        "--format", choices=("kitti", "cityscapes"),
        help="write the benchmark's own archive for its server instead: official ids, checked",
    )  # fmt: skip

    runs = _verb(verbs, "runs", runs_verb)
    runs.add_argument(
        "directories", nargs="*", type=Path, metavar="DIR", help="folders to look in, and below (default: runs)"
    )

    compare = _verb(verbs, "compare", compare_verb)
    compare.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories")
    compare.add_argument(
        "--split", help="evaluated split to compare (default: test where all were scored on it, or val)"
    )
    compare.add_argument(
        "--data.root", dest="root", type=Path, metavar="DIR",
        help="where the images of the report are now (default: where they were in training)",
    )  # fmt: skip
    compare.add_argument(
        "--output", type=Path, metavar="DIR", help="also write report.html, report.md, scores.json and figures/"
    )

    study = _verb(verbs, "study", study_verb)
    study.add_argument("recipes", nargs="+", metavar="RECIPE", help="names that roadseg recipes lists")
    study.add_argument("--seeds", type=int, nargs="+", metavar="N", help="train each of them once with each seed")
    study.add_argument("--folds", type=int, default=0, metavar="K", help="k-fold division: each image is scored once")
    study.add_argument(
        "--split", choices=("grouped", "both"), default="grouped",
        help="both: also train on random folds, and report how much they flatter (needs --folds)",
    )  # fmt: skip
    study.add_argument(
        "--vary", nargs="+", action="append", default=[], metavar="SETTING VALUE",
        help="train with each of these values of a setting (a value of several numbers: 64,96); with several --vary, "
        "with all combinations",
    )  # fmt: skip
    study.add_argument("--output", type=Path, required=True, metavar="DIR", help="gets the runs and the report")
    add_settings(study)
    study.usage = (
        "roadseg study RECIPE ... --data.root DIR --output DIR [--seeds N ...] [--folds K [--split both]] [--vary ...] "
        "[settings]"
    )

    score = _verb(verbs, "score", score_verb)
    score.add_argument("predictions", type=Path, metavar="PREDICTIONS", help="label PNG, or folder of them")
    score.add_argument("targets", type=Path, metavar="TARGETS", help="the true ones")
    score.add_argument(
        "--labels", required=True, metavar="NAME", help="kitti, cityscapes, camvid, streets, or a roadseg.yaml"
    )
    for role in ("predictions", "targets"):
        score.add_argument(
            f"--{role}-coding", choices=("ids", "train-ids", "colors"), help=f"of the {role} (default: found out)"
        )
    score.add_argument("--output", type=Path, metavar="FILE.json", help="also write the scores here")

    suspects = _verb(verbs, "suspects", suspects_verb)
    suspects.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="run directories, or the --output of a study with --folds"
    )
    suspects.add_argument(
        "--data.root", dest="root", type=Path, metavar="DIR", required=True, help="top folder of the data set"
    )
    suspects.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="gets suspects.html, suspects.csv and suspects.json"
    )

    _data_verbs(verbs)
    bench = _verb(verbs, "bench", bench_verb)
    bench.add_argument("work", nargs="*", metavar="WORK", help="train, infer, loss, metrics, loader (default: all)")
    bench.add_argument("--rounds", type=int, default=5, metavar="N", help="how often each is timed (default: 5)")
    bench.add_argument("--output", type=Path, metavar="FILE.json", help="also write the figures here")
    _verb(verbs, "doctor", doctor_verb)
    return parser


def _data_verbs(verbs: argparse._SubParsersAction[Parser]) -> None:
    data = verbs.add_parser(
        "data", help="check images and labels, count classes, divide them, draw streets", allow_abbrev=False
    )
    data.set_defaults(verb=lambda arguments: data.print_help(), parser=data)
    inner = data.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)

    check = _verb(inner, "check", check_verb)
    check.add_argument("what", metavar="RECIPE|FOLDER", help="whose data set, or a folder with images and labels")
    check.add_argument(
        "--output", type=Path, metavar="DIR", help="new folder for check.json, montage.png, a draft of roadseg.yaml"
    )
    add_settings(check, sections=("data",))
    check.usage = "roadseg data check RECIPE --data.root DIR | FOLDER [--output DIR] [settings]"

    stats = _verb(inner, "stats", stats_verb)
    stats.add_argument("recipe", metavar="RECIPE", help="whose data set and division")
    add_settings(stats, sections=("data",))
    stats.usage = "roadseg data stats RECIPE --data.root DIR [settings]"

    found = _verb(inner, "groups", groups_verb)
    found.add_argument("recipe", metavar="RECIPE", help="whose data set")
    found.add_argument("--output", type=Path, required=True, metavar="FILE.json", help="where to store the groups")
    add_settings(found, sections=("data",))
    found.usage = "roadseg data groups RECIPE --data.root DIR --output FILE.json [settings]"

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


EXAMPLES = (
    "roadseg train camvid-fcn8s --data.root camvid",
    "roadseg evaluate runs/camvid-fcn8s/1 --data.root camvid --split val",
    "roadseg predict runs/camvid-fcn8s/1 photos --output labelled",
    "roadseg compare runs/camvid-fcn8s/1 runs/camvid-fcn32s/1 --output report",
    "roadseg study camvid-fcn8s camvid-fcn32s --data.root camvid --seeds 0 1 2 --output study",
    "roadseg score predictions labels --labels camvid",
    "roadseg suspects study --data.root camvid --output suspects",
    "roadseg data check camvid-fcn8s --data.root camvid",
    "roadseg data stats camvid-fcn8s --data.root camvid",
    "roadseg data groups folder-fcn8s --data.root photos --output groups.json",
    "roadseg data synthesize streets",
    "roadseg data split camvid-fcn8s --data.root camvid --output splits.json",
)
"""What a person sees who left something out."""


def _verb(verbs: argparse._SubParsersAction[Parser], name: str, function: object) -> Parser:
    about = (function.__doc__ or "").strip()
    parser = verbs.add_parser(
        name, help=about[0].lower() + about[1:].rstrip("."), description=about, allow_abbrev=False
    )
    parser.set_defaults(verb=function, parser=parser)
    parser.example = next((example for example in EXAMPLES if example.startswith(f"{parser.prog} ")), "")
    return parser
