"""report.html and report.md, filled from the numbers of a comparison."""

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from markupsafe import Markup

from roadseg.report.comparison import anatomy, confidence, leakage, learning, provenance, words
from roadseg.report.comparison.arms import Comparison, Spread
from roadseg.report.comparison.caveats import caveats
from roadseg.report.comparison.findings import Findings
from roadseg.report.figures import (
    anatomy as anatomy_figures,
    confidence as confidence_figures,
    curves,
    differences as forest,
    leakage as leakage_figure,
    learning as learning_figure,
    scores as figures,
    svg,
    theme,
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
        version=version("roadseg"),
    )  # fmt: skip


def markdown(content: dict[str, Any]) -> str:
    """The same in words and tables, its pictures in files."""
    text = environment("roadseg.report", autoescape=False).get_template("report.md.j2").render(content)
    return re.sub(r"\n{3,}", "\n\n", text)


def contents(findings: Findings, gallery: Gallery, failures: Sequence[str]) -> dict[str, Any]:
    """What the templates show."""
    main = findings.main
    return {
        "c": main,
        "failures": failures,
        "leakage": _leakage(findings.leakage) if findings.leakage else None,
        "learning": _learning(findings) if findings.curves else None,
        "curves": _drawings(curves.panels(main)),
        "classes": _classes(main),
        "large_matrix": len(figures.occurring(main)) > 22,
        "where": _where(findings),
        "sure": _confidence(findings),
        **_result(findings),
        **_images(main, gallery),
        **_provenance(main),
    }


def _result(findings: Findings) -> dict[str, Any]:
    """Scores and verdicts, which come first, and the scales that further sections share."""
    main = findings.main
    ticks = figures.score_ticks(main)
    place, class_place = percentage(ticks), percentage(figures.CLASS_TICKS)
    return {
        "facts": words.facts(main),
        "verdicts": findings.verdicts + findings.learning,
        "next_steps": findings.next_steps,
        "caveats": caveats(main),
        "score_names": {name: score.title for name, score in SCORES.items()},
        "score_text": _score_text,
        "score_axis": axis(ticks, place, 12),
        "score_grid": grid(ticks, place, "0%", "100%"),
        "class_axis": axis(figures.CLASS_TICKS, class_place, 12),
        "class_grid": grid(figures.CLASS_TICKS, class_place, "0%", "100%"),
        "arms": _arms(main, place),
        "forests": forest.tables(main, findings.against_first),
        "fewest_units": FEWEST_UNITS,
        "scores_file": scores_file(findings).encode(),
    }


def _images(main: Comparison, gallery: Gallery) -> dict[str, Any]:
    palette = distinct_palette(main.space)
    return {
        "gallery": gallery,
        "kinds": {kind: name for kind, name in KINDS.items() if any(kind in image.kinds for image in gallery.shown)},
        "columns": balanced(len(main.arms) + 1),
        "palette": [
            {"name": name, "color": hex_color(palette[index].tolist())} for index, name in enumerate(main.space.names)
        ],
        "wrong_here": hex_color(ERROR_COLORS[WRONG_HERE]),
        "wrong_in_all": hex_color(ERROR_COLORS[WRONG_IN_ALL]),
    }


def _provenance(main: Comparison) -> dict[str, Any]:
    """Settings, cost, method, and what repeats the report."""
    return {
        "many_runs": any(len(arm.arm.runs) > 1 for arm in main.arms),
        "differing": provenance.differing_settings(main.arms),
        "costs": provenance.costs(main.arms),
        "definitions": [(score.title, score.meaning) for score in SCORES.values()],
        "scored_size": words.scored_size(main),
        "method": words.method(main),
        "versions": provenance.versions(main.arms),
        "comparing": "" if main.folds else provenance.comparing(main.arms, main.split, main.root),
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


def _where(findings: Findings) -> dict[str, Any]:
    """The section "Where and why"."""
    main, anatomies = findings.main, findings.anatomies
    if findings.without_anatomy:
        return {"lacking": findings.without_anatomy}
    place = percentage(figures.CLASS_TICKS)
    names, order = main.space.names, np.argsort(-main.shares, kind="stable")
    tracks = anatomy_figures.class_tracks(main, anatomies, place, 17)
    limits = [anatomy.oracle_iou(own) for own in anatomies]
    stride_tracks = anatomy_figures.stride_tracks(anatomies, place, 15)
    return {
        "lacking": [],
        "sentences": anatomy.sentences(anatomies),
        "panels": _drawings(anatomy_figures.panels(findings.panels)),
        "oracle_iou": limits[0],
        "stride_rows": [
            {"stride": own.stride, "track": track, "score": own.arm.score("mean_iou").mean,
             "limit": limit.get(own.stride)}
            for own, track, limit in zip(anatomies, stride_tracks, limits, strict=True)
        ],
        "class_rows": [{"name": names[index], "track": tracks[index]} for index in order],
        "table": findings.boundary_scores,
        "pairs": anatomy.pairs(main, anatomies),
    }  # fmt: skip


def _confidence(findings: Findings) -> dict[str, Any]:
    known = [arm for arm in findings.confidences if arm is not None]
    return confidence.section(findings.main, findings.confidences) | {
        "panels": _drawings(confidence_figures.panels(known))
    }


def _leakage(leaked: leakage.Leakage) -> dict[str, Any]:
    return leakage.content(leaked) | {"figure": leakage_figure.figure(leaked)}


def _learning(findings: Findings) -> dict[str, Any]:
    """The section on the learning curves."""
    return {
        "sentences": findings.learning,
        "notes": learning.notes(findings.main, findings.curves),
        "curves": len(findings.curves),
        "rows": learning.rows(findings.curves),
        "figure": learning_figure.figure(findings.curves),
    }


def _classes(comparison: Comparison) -> list[dict[str, Any]]:
    """A row for each class, the largest first."""
    place = percentage(figures.CLASS_TICKS)
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
