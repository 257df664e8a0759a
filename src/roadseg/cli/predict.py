"""predict: label pictures. torch is imported only by what computes."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, Words
from roadseg.cli.terminal import live_display, new_console, say
from roadseg.errors import ConfigError
from roadseg.runs.run_files import RunFiles


class PredictWords(Words):
    """Which run labels which pictures, and where the labels go."""

    run: Annotated[Path, Argument("RUN")] = Field(description="run directory")
    inputs: Annotated[tuple[str, ...], Argument("INPUT")] = Field(description="image, folder, or quoted glob pattern")
    output: Annotated[Path, Flag("DIR")] = Field(description="gets labels/ color/ overlay/ confidence/")
    at_least: Annotated[float | None, Flag("SHARE")] = Field(
        None, validation_alias="at-least",
        description="leave unsure pixels unlabelled: this share of the others, such as 0.95, was right in validation",
    )  # fmt: skip
    format: Literal["kitti", "cityscapes"] | None = Field(
        None, description="write the benchmark's own archive for its server instead: official ids, checked"
    )


def predict(words: PredictWords) -> None:
    """Label pictures."""
    RunFiles(words.run).config()
    if words.at_least is not None and not 0 < words.at_least < 1:
        raise ConfigError(f"--at-least {words.at_least:g}: give a share between 0 and 1, such as 0.95")
    if words.format and words.at_least is not None:
        raise ConfigError("--format and --at-least exclude each other; a benchmark wants a class for every pixel")
    from roadseg.inference.predict import predict as label_pictures
    from roadseg.runs.run_dir import RunDir

    console = new_console()
    inputs = list(words.inputs)
    if words.format:
        from roadseg.inference.submission import submit

        with live_display(console) as display:
            archive = submit(RunDir(words.run), inputs, words.output, words.format, display)
        say(console, f"archive: {archive} (names, sizes and ids checked)")
        return
    run, least = RunDir(words.run), 0.0
    if words.at_least is not None:
        from roadseg.scoring.calibration import promised

        found = promised(run, words.at_least)
        least = found.confidence
        say(console, f"on the validation images {100 * found.right:.1f} % of the pixels with a confidence of at least "
            f"{least:.3f} are right, {100 * found.coverage:.1f} % of all; below it pixels are left open")  # fmt: skip
    with live_display(console) as display:
        count = label_pictures(run, inputs, words.output, display, least)
    what = "1 image" if count == 1 else f"{count} images"
    say(console, f"{what} labelled; open {words.output / 'overlay'}")


PREDICT = Command("predict", PredictWords, predict, "roadseg predict runs/camvid-fcn8s/1 photos --output labelled")
