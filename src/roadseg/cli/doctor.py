"""doctor: what this machine has, and what is wrong with it."""

from roadseg.cli.flags import Command, Words
from roadseg.cli.terminal import new_console, say


def doctor(words: Words) -> None:
    """Report hardware, precision and known problems."""
    from roadseg.system.doctor import examine

    console = new_console()
    for finding in examine():
        say(console, f"{finding.what:<12} {finding.value}")
        if finding.advice:
            console.print(f"{'':<12} {finding.advice}", style="yellow", highlight=False, markup=False, soft_wrap=True)


DOCTOR = Command("doctor", Words, doctor, "roadseg doctor")
