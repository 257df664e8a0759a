"""The chosen images as files: next.json and next.csv with what was found, next.html with pictures."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from markupsafe import Markup
from PIL import Image

from roadseg.atomic import write_text
from roadseg.data.decode import read_image
from roadseg.ensemble import mean_probabilities
from roadseg.label_next.find import Findings
from roadseg.label_next.sight import Sight, entropy
from roadseg.progress import Display
from roadseg.report import theme
from roadseg.tables import NO_GAIN
from roadseg.visualize import overlay

SHOWN = 60
"""Images with pictures: more than a person looks at in one go."""
LARGEST = 640
"""Pixels of a picture's longer side on the page."""
TOSS_UP = float(np.log(2))
"""Entropy of a pixel that may as well be the one class as the other, in nats: as bright as the map gets."""
DIMMED = 0.15
"""What is left of the photo where the networks are sure."""
LIFTED = 0.6
"""Power of the photo's levels where they are unsure: shadows are to be seen there."""
SURE = 0.0005
"""Share of unsure pixels below which an image is called sure."""


def rows(findings: Findings) -> list[dict[str, Any]]:
    """One row for each chosen image, the first first: what next.csv and next.json hold."""
    several = len(findings.members) > 1
    return [
        {
            "rank": rank,
            "image": name,
            "file": str(findings.files[name]),
            "stands_for": round(chosen.share, 4),
            "weight": round(chosen.weight, 4),
            "doubt": round(sight.doubt, 5),
            **({"disagreement": round(sight.disagreement, 5)} if several else {}),
            "unsure": round(sight.unsure, 4),
            "why": why(sight, findings.space.names),
        }
        for rank, (name, sight, chosen) in enumerate(findings.picked(), 1)
    ]


def why(sight: Sight, names: Sequence[str]) -> str:
    """In words what the networks are unsure about."""
    if sight.unsure < SURE:
        return "sure of nearly every pixel"
    first, second = np.argsort(-sight.between, kind="stable")[:2]
    share = f"{100 * sight.unsure:.0f}" if sight.unsure >= 0.0095 else f"{100 * sight.unsure:.1f}"
    return f"unsure about {names[first]} and {names[second]}, {share} % of the pixels"


def write(findings: Findings, output: Path, display: Display) -> None:
    """Write the three files into `output`, which is made."""
    output.mkdir(parents=True, exist_ok=True)
    chosen = rows(findings)
    content = {
        "runs": [str(run.path) for run in findings.runs],
        "images": len(findings.files),
        "labelled": findings.labelled,
        "next": chosen,
    }
    write_text(output / "next.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    table = io.StringIO()
    writer = csv.DictWriter(table, list(chosen[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(chosen)
    write_text(output / "next.csv", table.getvalue())
    write_text(output / "next.html", page(findings, chosen, display))


def page(findings: Findings, chosen: Sequence[dict[str, Any]], display: Display) -> str:
    """A page that stands alone: photo, prediction and doubt of each of the first chosen images."""
    shown = chosen[:SHOWN]
    display.begin("drawing pictures", len(shown))
    cards = []
    for row in shown:
        image = read_image(findings.files[row["image"]])
        probabilities = mean_probabilities(findings.members, image)
        photo = image.permute(1, 2, 0).numpy()
        layers = {
            "photo": photo,
            "prediction": overlay(photo, probabilities.argmax(0).to(torch.uint8).numpy(), findings.space),
            "bright where unsure": lit(photo, entropy(probabilities).numpy()),
        }
        cards.append({**row, "pictures": [(name, _uri(layer)) for name, layer in layers.items()]})
        display.advance()
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("roadseg.label_next"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("next.html.j2").render(
        cards=cards,
        findings=findings,
        no_gain=NO_GAIN,
        classes=[(each.name, "#{:02x}{:02x}{:02x}".format(*each.color)) for each in findings.space.classes],
        light=Markup(theme.properties(theme.LIGHT)),
        dark=Markup(theme.properties(theme.DARK)),
    )


def lit(photo: UInt8[np.ndarray, "h w 3"], doubt: Float[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """The photo, dark where the networks are sure and lit where they are not; `doubt` is the entropy in nats."""
    share = np.clip(doubt / TOSS_UP, 0, 1)[..., None]
    levels = photo / 255
    return np.asarray((255 * (share * levels**LIFTED + (1 - share) * DIMMED * levels)).round().astype(np.uint8))


def _uri(picture: UInt8[np.ndarray, "h w 3"]) -> Markup:
    image = Image.fromarray(picture)
    image.thumbnail((LARGEST, LARGEST))
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=82)
    return Markup("data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode())
