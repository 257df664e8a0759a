"""data synthesize: built-in streets. torch is imported only by what computes."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from roadseg.cli.flags import Argument, Command, Flag, Words
from roadseg.cli.terminal import live_display, new_console, say

Count = Annotated[int, Flag("N")]


class SynthesizeWords(Words):
    """What to draw."""

    directory: Annotated[Path, Argument("DIR")] = Field(description="new folder")
    drives: Count = Field(8, description="number of drives")
    frames: Count = Field(6, description="frames of each drive")
    width: Count = Field(416, description="pixels")
    height: Count = Field(128, description="pixels")
    seed: Count = Field(0, description="other seeds give other streets")


def synthesize(words: SynthesizeWords) -> None:
    """Draw built-in streets."""
    from roadseg.data.streets import synthesize as draw

    console = new_console()
    with live_display(console) as display:
        display.begin("drawing", words.drives * words.frames)
        count = draw(
            words.directory,
            drives=words.drives,
            frames=words.frames,
            width=words.width,
            height=words.height,
            seed=words.seed,
            progress=lambda done, total: display.advance(),
        )
    say(
        console,
        f"{count} labelled street images in {words.directory} (KITTI's layout); train with a demo or kitti recipe",
    )


SYNTHESIZE = Command("synthesize", SynthesizeWords, synthesize, "roadseg data synthesize streets")
