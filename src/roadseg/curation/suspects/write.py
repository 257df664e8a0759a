"""Suspects as files: suspects.json and suspects.csv with all of them, suspects.html with pictures of the first."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image

from roadseg.curation.suspects.find import Findings
from roadseg.curation.suspects.regions import Suspect
from roadseg.data.decode import read_sample
from roadseg.inference.visualize import colorize, png
from roadseg.labels import IGNORE
from roadseg.report.html import data_uri, environment, hex_color
from roadseg.system.files import write_text
from roadseg.system.progress import Display

SHOWN = 60
"""Number of suspects with pictures."""
AROUND = 0.75
"""Margin shown on each side of a region, as a share of the region's larger side."""
MIN_CROP = 48
"""Least side of a crop, in pixels of the image."""
MAX_PICTURE = 480
"""Largest side of a crop's picture on the page, in pixels."""
OUTLINE = (255, 225, 60)


def rows(findings: Findings) -> list[dict[str, Any]]:
    """One row for each suspect, by rank: the content of suspects.csv and suspects.json."""
    names = findings.space.names
    return [
        {
            "rank": rank,
            "score": round(suspect.score, 3),
            "image": suspect.region.image,
            "label_file": str(findings.records[suspect.region.image].label),
            "label": names[suspect.region.label],
            "prediction": names[suspect.region.predicted],
            **dict(zip(("left", "top", "right", "bottom"), suspect.region.box, strict=True)),
            "pixels": suspect.region.pixels,
        }
        for rank, suspect in enumerate(findings.suspects, 1)
    ]


def write(findings: Findings, output: Path, display: Display) -> None:
    """Write the three files into `output`, which is made."""
    output.mkdir(parents=True, exist_ok=True)
    suspects = rows(findings)
    content = {
        "runs": [str(run.path) for run in findings.runs],
        "images": len(findings.records),
        "trained_on_by_all_runs": [record.id for record in findings.trained_on],
        "thresholds": dict(zip(findings.space.names, findings.thresholds.round(4).tolist(), strict=True)),
        "suspects": suspects,
    }
    write_text(output / "suspects.json", json.dumps(content, indent=1) + "\n")
    table = io.StringIO()
    writer = csv.DictWriter(table, ["rank", "score", "image", "label_file", "label", "prediction", "left", "top",
                                    "right", "bottom", "pixels"], lineterminator="\n")  # fmt: skip
    writer.writeheader()
    writer.writerows(suspects)
    write_text(output / "suspects.csv", table.getvalue())
    write_text(output / "suspects.html", page(findings, display))


def page(findings: Findings, display: Display) -> str:
    """A page that stands alone: photo, labels and prediction around each of the first suspects."""
    shown = findings.suspects[:SHOWN]
    crops = _pictures(findings, shown, display)
    used = {index for suspect in shown for index in (suspect.region.label, suspect.region.predicted)}
    return (
        environment("roadseg.curation.suspects")
        .get_template("suspects.html.j2")
        .render(
            cards=[
                {**row, "pictures": crops[number], "colors": _colors(findings, shown[number])}
                for number, row in enumerate(rows(findings)[: len(shown)])
            ],
            findings=findings,
            total=len(findings.suspects),
            classes=len(used),
        )
    )


def _colors(findings: Findings, suspect: Suspect) -> list[str]:
    indices = (suspect.region.label, suspect.region.predicted)
    return [hex_color(findings.space.classes[index].color) for index in indices]


def _pictures(findings: Findings, shown: list[Suspect], display: Display) -> dict[int, list[tuple[str, Markup]]]:
    """For each of the shown suspects photo, labels and prediction as data URIs; an image is read once."""
    of_image: dict[str, list[int]] = {}
    for number, suspect in enumerate(shown):
        of_image.setdefault(suspect.region.image, []).append(number)
    display.begin("drawing pictures", len(of_image))
    pictures: dict[int, list[tuple[str, Markup]]] = {}
    for name, numbers in of_image.items():
        image, target = read_sample(findings.records[name], findings.space)
        predicted = np.asarray(Image.open(io.BytesIO(findings.predicted[name])))
        known = np.where(target.numpy() == IGNORE, IGNORE, predicted).astype(np.uint8)
        layers = {
            "photo": image.permute(1, 2, 0).numpy(),
            "label": colorize(target.numpy(), findings.space),
            "prediction": colorize(known, findings.space),
        }
        for number in numbers:
            pictures[number] = [
                (title, data_uri(png(crop(layer, shown[number])), "image/png")) for title, layer in layers.items()
            ]
        display.advance()
    return pictures


def crop(picture: np.ndarray, suspect: Suspect) -> np.ndarray:
    """The part of a picture, uint8 (H, W, 3), around a suspect, enlarged, with the region's outline."""
    height, width = picture.shape[:2]
    left, top, right, bottom = suspect.region.box
    side = max(MIN_CROP, round((1 + 2 * AROUND) * max(right - left, bottom - top)))
    x, y = _window(left, right, side, width), _window(top, bottom, side, height)
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = suspect.region.mask
    factor = max(1, MAX_PICTURE // max(x[1] - x[0], y[1] - y[0]))
    part = picture[y[0] : y[1], x[0] : x[1]].repeat(factor, 0).repeat(factor, 1)
    inside = np.pad(mask[y[0] : y[1], x[0] : x[1]].repeat(factor, 0).repeat(factor, 1), 1)
    eroded = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    line = inside[1:-1, 1:-1] & ~eroded
    around = np.pad(line, 1)
    dark = (around[:-2, 1:-1] | around[2:, 1:-1] | around[1:-1, :-2] | around[1:-1, 2:]) & ~line
    part[dark], part[line] = (20, 20, 20), OUTLINE
    if max(part.shape[:2]) > MAX_PICTURE:
        reduced = Image.fromarray(part)
        reduced.thumbnail((MAX_PICTURE, MAX_PICTURE))
        return np.asarray(reduced)
    return part


def _window(low: int, high: int, side: int, size: int) -> tuple[int, int]:
    """A stretch of `side` pixels, or all there are, around low to high."""
    start = max(0, min((low + high - side) // 2, size - side))
    return start, min(size, start + side)
