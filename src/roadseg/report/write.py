"""Write a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from roadseg.errors import ConfigError
from roadseg.report.comparison import leakage
from roadseg.report.comparison.arms import Comparison
from roadseg.report.figures import differences as forest
from roadseg.report.figures import scores as figures
from roadseg.report.figures import svg
from roadseg.report.figures.gallery import make_gallery
from roadseg.report.figures.leakage import figure as leakage_figure
from roadseg.system.files import check_unused, write_bytes, write_text
from roadseg.system.progress import Display


def check_report_place(output: Path) -> None:
    """Raises `ConfigError` where `output` holds a study, a run or other files; a report may be written anew."""
    if (output / "study.json").exists():
        raise ConfigError(f"{output} holds a study and its report; choose another --output")
    if not (output / "scores.json").exists():
        check_unused(output, "figures")  # they are written first


def write_report(comparison: Comparison, output: Path, display: Display, failures: Sequence[str] = ()) -> None:
    """Write `output`/report.html, report.md, scores.json and figures/ about a comparison.

    The page stands alone; report.md links the pictures in figures/. Where the data is not to be found, both are
    complete but for the pictures of images, and say so. `failures` are told as they are.
    """
    from roadseg.report import page  # jinja2

    gallery = make_gallery(comparison, display)
    display.begin("writing the report", 2)
    folder = output / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    stale = ("confusion-*.svg", "difference-*.svg", "image-*.webp", "leakage.svg", "learning.svg", "confidence.svg")
    for pattern in stale:  # there may have been more
        for old in folder.glob(pattern):
            old.unlink()
    for name, drawing in figures.files(comparison).items():
        write_text(folder / name, svg.standalone(drawing))
    for name, difference in forest.files(comparison).items():
        write_text(folder / name, svg.standalone(difference))
    if comparison.random:
        leaked = leakage.measure(comparison, comparison.random)
        write_text(folder / "leakage.svg", svg.standalone(leakage_figure(leaked)))
    for number, image in enumerate(gallery.shown, 1):
        write_bytes(folder / f"image-{number}.webp", image.strip)
    display.advance()
    content = page.contents(comparison, gallery, failures)
    if content["learning"]:
        write_text(folder / "learning.svg", content["learning"]["file"])
    if content["sure_file"]:
        write_text(folder / "confidence.svg", content["sure_file"])
    write_bytes(output / "scores.json", content["scores_file"])
    for name, text in content["where"]["files"].items():
        write_text(output / name, text)
    write_text(output / "report.md", page.markdown(content))
    write_text(output / "report.html", page.html(content))
    display.advance()
