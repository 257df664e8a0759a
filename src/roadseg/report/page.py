"""report.html and report.md, filled from the numbers of a comparison."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from roadseg import __version__
from roadseg.report.comparison import anatomy, confidence, leakage, learning, provenance, words
from roadseg.report.comparison.arms import Comparison, Spread
from roadseg.report.comparison.caveats import caveats
from roadseg.report.comparison.verdicts import verdicts
from roadseg.report.figures import (
    anatomy as anatomy_figures,
)  # fmt: skip
from roadseg.report.figures import (
    confidence as confidence_figures,
)
from roadseg.report.figures import (
    curves,
    svg,
    theme,
)
from roadseg.report.figures import (
    differences as forest,
)
from roadseg.report.figures import (
    leakage as leakage_figure,
)
from roadseg.report.figures import (
    learning as learning_figure,
)
from roadseg.report.figures import (
    scores as figures,
)
from roadseg.report.figures.gallery import KINDS, Gallery
from roadseg.report.figures.panel import HEIGHT, WIDTH, Place, axis, grid, percentage
from roadseg.report.figures.pictures import ERROR_COLORS, WRONG_HERE, WRONG_IN_ALL, distinct_palette
from roadseg.report.html import environment, hex_color
from roadseg.report.scores_json import scores_file
from roadseg.scoring.metrics import SCORES
from roadseg.scoring.stats import FEWEST_UNITS
from roadseg.system.progress import percent

SECTIONS = (
    ("result", "Result"),
    ("leakage", "Leakage"),
    ("learning", "More labels"),
    ("curves", "Training"),
    ("classes", "Classes"),
    ("confusions", "Confusions"),
    ("anatomy", "Where and why"),
    ("confidence", "Confidence"),
    ("settings", "Settings"),
    ("images", "Images"),
    ("method", "Method"),
)
OPTIONAL = ("leakage", "learning")
"""Sections that are there where a study measured what they show."""


def html(content: dict[str, Any]) -> str:
    """The page, with everything that it needs inside."""
    scripts = "\n".join(theme.style_file(name) for name in ("page.js", "gallery.js"))
    style = "".join(theme.style_file(name) for name in ("figure.css", "style.css", "gallery.css"))
    return environment("roadseg.report").get_template("report.html.j2").render(
        content,
        sections=[part for part in SECTIONS if part[0] not in OPTIONAL or content[part[0]]],
        style=Markup(style),
        script=Markup(scripts),
        version=__version__,
    )  # fmt: skip


def markdown(content: dict[str, Any]) -> str:
    """The same in words and tables, its pictures in files."""
    text = environment("roadseg.report", autoescape=False).get_template("report.md.j2").render(content)
    return re.sub(r"\n{3,}", "\n\n", text)


def contents(comparison: Comparison, gallery: Gallery, failures: Sequence[str]) -> dict[str, Any]:
    """What the templates show."""
    ticks = figures.score_ticks(comparison)
    place, class_place = percentage(ticks), percentage(figures.CLASS_TICKS)
    palette = distinct_palette(comparison.space)
    sure = confidence.gathered(comparison)
    sure_panels = confidence_figures.panels([arm for arm in sure if arm is not None])
    found = learning.curves(comparison, comparison.smaller) if comparison.smaller else []
    return {
        "c": comparison,
        "gallery": gallery,
        "kinds": {kind: name for kind, name in KINDS.items() if any(kind in image.kinds for image in gallery.shown)},
        "failures": failures,
        "leakage": _leakage(leakage.measure(comparison, comparison.random)) if comparison.random else None,
        "learning": _learning(comparison, found) if found else None,
        "verdicts": verdicts(comparison) + learning.sentences(found),
        "fewest_units": FEWEST_UNITS,
        "forests": forest.tables(comparison),
        "caveats": caveats(comparison),
        "facts": words.facts(comparison),
        "method": words.method(comparison),
        "definitions": words.DEFINITIONS,
        "scored_size": words.scored_size(comparison),
        "score_names": SCORES,
        "score_text": _score_text,
        "scores_file": scores_file(comparison, sure, found).encode(),
        "sure": confidence.section(comparison, sure) | {"panels": _drawings(sure_panels)},
        "sure_file": confidence_figures.file(sure, sure_panels),
        "score_axis": axis(ticks, place, 12),
        "score_grid": grid(ticks, place, "0%", "100%"),
        "class_axis": axis(figures.CLASS_TICKS, class_place, 12),
        "class_grid": grid(figures.CLASS_TICKS, class_place, "0%", "100%"),
        "columns": balanced(len(comparison.arms) + 1),
        "large_matrix": len(figures.occurring(comparison)) > 22,
        "many_runs": any(len(arm.arm.runs) > 1 for arm in comparison.arms),
        "arms": _arms(comparison, place),
        "classes": _classes(comparison, class_place),
        "curves": _drawings(curves.panels(comparison)),
        "where": _where(comparison, class_place),
        "differing": provenance.differing_settings(comparison.arms),
        "costs": provenance.costs(comparison.arms, comparison.split),
        "comparing": ""
        if comparison.folds
        else provenance.comparing(comparison.arms, comparison.split, comparison.root),
        "versions": provenance.versions(comparison.arms),
        "palette": [
            {"name": name, "color": hex_color(palette[index].tolist())}
            for index, name in enumerate(comparison.space.names)
        ],
        "wrong_here": hex_color(ERROR_COLORS[WRONG_HERE]),
        "wrong_in_all": hex_color(ERROR_COLORS[WRONG_IN_ALL]),
    }


def _arms(comparison: Comparison, place: Place) -> list[dict[str, Any]]:
    return [
        {
            "name": arm.name,
            "color": number % svg.COLORS,
            "path": svg.MARKS[number % len(svg.MARKS)],
            "scores": {name: arm.score(name) for name in SCORES},
            "seeds": len(arm.seeds),
            "interval": words.interval_words(arm.interval),
            "track": figures.score_track(number, arm, place, 22),
            "matrix": figures.confusion(comparison, arm),
            "mistakes": words.top_mistakes(arm.confusion, comparison.space.names),
            "commands": provenance.commands(arm, comparison.split, comparison.root),
        }
        for number, arm in enumerate(comparison.arms)
    ]


def _where(comparison: Comparison, place: Place) -> dict[str, Any]:
    """The section "Where and why"; `files` has what belongs beside the page, by name."""
    wheres, lacking = anatomy.gather_where(comparison)
    if lacking:
        return {"lacking": lacking, "files": {}}
    drawn = anatomy.panels(comparison, wheres)
    table = anatomy.boundary_table(comparison, wheres)
    names, order = comparison.space.names, np.argsort(-comparison.shares, kind="stable")
    tracks = anatomy_figures.class_tracks(comparison, wheres, place, 17)
    reaches = [anatomy.ladder(where) for where in wheres]
    stride_tracks = anatomy_figures.stride_tracks(wheres, place, 15)
    where_panels = anatomy_figures.panels(drawn)
    pictures = anatomy_figures.files(comparison, wheres, where_panels)
    return {
        "lacking": [],
        "sentences": anatomy.sentences(wheres),
        "panels": _drawings(where_panels),
        "ladder": reaches[0],
        "stride_rows": [
            {"stride": where.stride, "track": track, "score": where.arm.score("mean_iou").mean,
             "reach": reach.get(where.stride)}
            for where, track, reach in zip(wheres, stride_tracks, reaches, strict=True)
        ],
        "class_rows": [{"name": names[index], "track": tracks[index]} for index in order],
        "table": table,
        "pairs": anatomy.pairs(comparison, wheres),
        "files": {f"figures/{name}": text for name, text in pictures.items()}
        | {"anatomy.json": anatomy.anatomy_file(wheres, drawn, table)},
    }  # fmt: skip


def _leakage(leaked: leakage.Leakage) -> dict[str, Any]:
    return leakage.content(leaked) | {"figure": leakage_figure.figure(leaked)}


def _learning(comparison: Comparison, found: Sequence[learning.Curve]) -> dict[str, Any]:
    """The section on the learning curves; `file` is their drawing as a file."""
    return {
        "sentences": learning.sentences(found),
        "notes": learning.notes(comparison, found),
        "curves": len(found),
        "rows": learning.rows(found),
        "figure": learning_figure.figure(found),
        "file": learning_figure.file(comparison, found),
    }


def _classes(comparison: Comparison, place: Place) -> list[dict[str, Any]]:
    """A row for each class, the largest first."""
    rows = []
    for index, name in enumerate(comparison.space.names):
        spreads = [arm.per_class[index] for arm in comparison.arms]
        means = [spread.mean for spread in spreads if spread.mean is not None]
        share = float(comparison.shares[index])
        rows.append(
            {
                "name": name,
                "share": share,
                "share_text": f"{percent(share)} %" if share >= 0.001 or not share else "< 0.1 %",
                "spreads": spreads,
                "gap": max(means) - min(means) if len(means) == len(spreads) else None,
                "track": figures.class_track(spreads, place, 13),
            }
        )
    return sorted(rows, key=lambda row: -row["share"])


def _drawings(panels: Sequence[tuple[str, Markup]]) -> list[tuple[str, Markup]]:
    return [(title, svg.drawing(title, content, WIDTH, HEIGHT)) for title, content in panels]


def balanced(columns: int, most: int = 5) -> int:
    """How many columns stand side by side when more than `most` are set in rows of nearly the same length."""
    rows = -(-columns // most)
    return -(-columns // rows)


def _score_text(arm: dict[str, Any], name: str) -> str:
    spread: Spread = arm["scores"][name]
    several = spread.sd is not None
    return f"{percent(spread.mean)} ({_range(spread)}, SD {percent(spread.sd)})" if several else percent(spread.mean)


def _range(spread: Spread) -> str:
    return f"{percent(spread.low)}–{percent(spread.high)}"
