"""predict: label pictures. torch is imported only by what computes."""

from __future__ import annotations

import argparse

from roadseg.cli.terminal import live_display, new_console, say
from roadseg.errors import ConfigError


def predict_verb(arguments: argparse.Namespace) -> None:
    """Label pictures."""
    from roadseg.inference.predict import predict
    from roadseg.runs.run_dir import RunDir

    console = new_console()
    if arguments.at_least is not None and not 0 < arguments.at_least < 1:
        raise ConfigError(f"--at-least {arguments.at_least:g}: give a share between 0 and 1, such as 0.95")
    if arguments.format and arguments.at_least is not None:
        raise ConfigError("--format and --at-least exclude each other; a benchmark wants a class for every pixel")
    if arguments.format:
        from roadseg.inference.submission import submit

        with live_display(console) as display:
            archive = submit(RunDir(arguments.run), arguments.inputs, arguments.output, arguments.format, display)
        say(console, f"archive: {archive} (names, sizes and ids checked)")
        return
    with live_display(console) as display:
        count = predict(RunDir(arguments.run), arguments.inputs, arguments.output, display, arguments.at_least)
    what = "1 image" if count == 1 else f"{count} images"
    say(console, f"{what} labelled; open {arguments.output / 'overlay'}")
