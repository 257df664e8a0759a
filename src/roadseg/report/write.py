"""Write a report."""

from collections.abc import Sequence
from pathlib import Path

from roadseg.errors import ConfigError
from roadseg.report.comparison.anatomy import anatomy_file
from roadseg.report.comparison.findings import Findings
from roadseg.report.figures import anatomy, confidence, differences, leakage, learning, scores, svg
from roadseg.report.figures.gallery import make_gallery
from roadseg.system.files import check_unused, write_bytes, write_text
from roadseg.system.progress import Display


def check_report_place(output: Path) -> None:
    """Raises `ConfigError` where `output` holds a study, a run or other files; a report may be written anew."""
    if (output / "study.json").exists():
        raise ConfigError(f"{output} holds a study and its report; choose another --output")
    if not (output / "scores.json").exists():
        check_unused(output, "figures")  # they are written first


def write_report(findings: Findings, output: Path, display: Display, failures: Sequence[str] = ()) -> None:
    """Write `output`/report.html, report.md, scores.json, anatomy.json and figures/.

    The page stands alone; report.md links the pictures in figures/. Where the data is not to be found, both are
    complete but for the pictures of images, and say so. `failures` are told as they are.
    """
    from roadseg.report import page  # jinja2

    gallery = make_gallery(findings.main, display)
    display.begin("writing the report", 2)
    folder = output / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    stale = ("confusion-*.svg", "difference-*.svg", "image-*.webp", "leakage.svg", "learning.svg", "confidence.svg")
    for pattern in stale:  # there may have been more
        for old in folder.glob(pattern):
            old.unlink()
    for name, drawing in drawings(findings).items():
        write_text(folder / name, drawing)
    for number, image in enumerate(gallery.shown, 1):
        write_bytes(folder / f"image-{number}.webp", image.strip)
    display.advance()
    content = page.contents(findings, gallery, failures)
    write_bytes(output / "scores.json", content["scores_file"])
    if findings.anatomies:
        text = anatomy_file(findings.anatomies, findings.panels, findings.boundary_scores)
        write_text(output / "anatomy.json", text)
    write_text(output / "report.md", page.markdown(content))
    write_text(output / "report.html", page.html(content))
    display.advance()


def drawings(findings: Findings) -> dict[str, str]:
    """The figures as files of their own, by name."""
    main = findings.main
    made = scores.files(main) | differences.files(main, findings.against_first)
    drawn = {name: svg.standalone(drawing) for name, drawing in made.items()}
    if findings.leakage:
        drawn["leakage.svg"] = svg.standalone(leakage.figure(findings.leakage))
    if findings.curves:
        drawn["learning.svg"] = learning.file(main, findings.curves)
    if findings.anatomies:
        drawn |= anatomy.files(main, findings.anatomies, anatomy.panels(findings.panels))
    known = [arm for arm in findings.confidences if arm is not None]
    sure = confidence.file(findings.confidences, confidence.panels(known))
    return drawn | ({"confidence.svg": sure} if sure else {})
