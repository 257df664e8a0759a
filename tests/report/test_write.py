"""The page and report.md as a whole: right numbers, escaped words, nothing fetched, and complete with what there is."""

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from roadseg.runs.run_dir import RunDir
from roadseg.scoring.stats import RESAMPLES
from roadseg.system.progress import percent

pytestmark = pytest.mark.slow

MakeRun = Callable[..., RunDir]
PageOf = Callable[..., str]
VOID = {"meta", "link", "img", "input", "br", "wbr"}


class Page(HTMLParser):
    """Checks that tags are closed in order; collects tables as rows of texts, headings, ids, and references."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif re.fullmatch(r"h\d", tag) and "dialog" not in self.open:
            self.headings.append(int(tag[1]))
        self.ids += [found["id"]] if "id" in found else []
        self.references += [found[name] for name in ("src", "href", "action", "data", "poster") if name in found]
        self.references += re.findall(r"url\(([^)]*)\)", found.get("style", ""))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open or tag in VOID

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)
            if ("td" in self.open or "th" in self.open) and "title" not in self.open:
                self.tables[-1][-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def report_of(run: RunDir, split: str = "val") -> dict[str, object]:
    content: dict[str, object] = json.loads((run.evaluation / f"{split}.json").read_text())
    return content


def test_the_numbers_are_those_of_the_evaluations(make_run: MakeRun, page_of: PageOf, tmp_path: Path) -> None:
    runs = {name: [make_run(name, wrong=wrong)] for name, wrong in (("first", 0.2), ("second", 0.6))}
    page = Page(page_of(runs, resamples=RESAMPLES))
    markdown = (tmp_path / "report" / "report.md").read_text()
    scores, classes = page.tables[0], {row[0]: row for row in page.tables[2][1:]}
    for number, (name, (run,)) in enumerate(runs.items()):
        report = report_of(run)
        low, high = (percent(value) for value in report["ci95"]["mean_iou"])  # type: ignore[index]
        names = ("micro_iou", "frequency_weighted_iou", "pixel_accuracy", "mean_accuracy")
        others = [percent(report[key]) for key in names]  # type: ignore[arg-type]
        main = percent(report["mean_iou"])  # type: ignore[arg-type]
        row = [" ".join(cell.split()) for cell in scores[number + 1]]
        assert row[:2] + row[3:] == [name, f"{main}{low}–{high}", *others]
        assert f"| {name} | {main} | {low}–{high} | {' | '.join(others)} |" in markdown
        for label, iou in report["per_class"].items():  # type: ignore[attr-defined]
            assert classes[label][3 + number].strip() == percent(iou)
    assert "–" in {classes[label][3] for label in classes}
    assert "No significant difference between first and second on this data" in page.text


def test_what_to_try_next_stands_under_the_verdict(make_run: MakeRun, page_of: PageOf, tmp_path: Path) -> None:
    page = Page(page_of({"a": [make_run("a")], "b": [make_run("b", wrong=0.5)]}))
    (step, *_) = json.loads((tmp_path / "report" / "scores.json").read_text())["next_steps"]
    assert set(step) == {"advice", "reason", "command"}
    assert f"What to try next {step['advice']} : {step['reason']}." in page.text
    assert step["command"] in page.text
    markdown = (tmp_path / "report" / "report.md").read_text()
    places = [markdown.index(words) for words in ("No significant difference", "## What to try next", "## Result")]
    assert places == sorted(places)
    assert f"   {step['command']}\n" in markdown


def test_the_page_stands_alone_and_is_in_order(make_run: MakeRun, page_of: PageOf) -> None:
    text = page_of({"a": [make_run("a")], "b": [make_run("b", wrong=0.5)]})
    page = Page(text)
    assert all(reference.startswith(("#", "data:")) for reference in page.references)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert "@import" not in text
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(page.headings))
    assert len(set(page.ids)) == len(page.ids)
    assert {reference[1:] for reference in page.references if reference.startswith("#")} <= set(page.ids)
    assert all(f'id="{name}"' in text for name in ("result", "curves", "classes", "confusions", "images", "method"))


def test_words_of_people_have_no_meaning_in_the_page(make_run: MakeRun, page_of: PageOf, tmp_path: Path) -> None:
    evil = '<script>alert("1")</script> & `|*_'
    text = page_of({evil: [make_run("a")], "b": [make_run("b")]}, title=evil, failures=[f"{evil} failed"])
    assert "<script>alert" not in text
    page = Page(text)
    assert page.text.count('<script>alert("1")</script> & `|*_') > 5
    assert f"{evil} failed" in page.text
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert "<script>" not in markdown.replace("\\<script\\>", "")
    rows = [line for line in markdown.splitlines() if line.startswith("| \\<script")]
    assert rows
    assert all(len(re.findall(r"(?<!\\)\|", row)) in (5, 8) for row in rows)


@pytest.mark.parametrize("arms", [1, 2, 5])
def test_any_number_of_arms(make_run: MakeRun, page_of: PageOf, arms: int) -> None:
    page = Page(page_of({f"arm {n}": [make_run(f"r{n}", wrong=0.1 * n)] for n in range(arms)}))
    assert len(page.tables[0]) == 1 + arms
    assert ("What differs" in page.text) == (arms > 1)
    assert ("most different" in page.text.lower()) == (arms > 1)


def test_seeds_show_mean_and_range(make_run: MakeRun, page_of: PageOf, tmp_path: Path) -> None:
    runs = [make_run(f"s{seed}", wrong=0.1 + 0.3 * seed, seed=seed) for seed in (0, 1)]
    page = Page(page_of({"a": runs, "b": [make_run("b")]}))
    values = [float(str(report_of(run)["mean_iou"])) for run in runs]
    mean, spread = percent(sum(values) / 2), f"{percent(min(values))}–{percent(max(values))}"
    sd = percent(abs(values[0] - values[1]) / 2**0.5)
    assert f"{mean}seeds {spread}SD {sd}" in "".join(page.tables[0][1][1].split("\n"))
    assert "one seed" in page.tables[0][2][1]
    assert f"| a | {mean} ({spread}, SD {sd}) |" in (tmp_path / "report" / "report.md").read_text()
    assert "The interval is that of the mean, over other drives and other seeds" in page.text


def test_folds_are_told(make_run: MakeRun, page_of: PageOf) -> None:
    folds = {"data.split.scheme": "grouped", "data.split.folds": 2, "data.split.fractions": [0.5, 0.5, 0.0]}
    runs = [make_run(f"f{fold}", **folds, **{"data.split.fold": fold}) for fold in (0, 1)]
    page = Page(page_of({"a": runs}))
    assert "2 folds, grouped" in page.text
    assert "8 images of the val split" in page.text
    assert "confusions are put together before any score is taken" in page.text
    assert "No pictures" not in page.text, "each image is shown as the run of its fold saw it"


def test_without_the_data_only_the_pictures_are_missing(
    make_run: MakeRun, page_of: PageOf, streets: Path, tmp_path: Path
) -> None:
    shutil.copytree(streets, tmp_path / "data")
    run = make_run("a", **{"data.root": str(tmp_path / "data")})
    shutil.rmtree(tmp_path / "data")
    page = Page(page_of({"a": [run]}))
    assert "No pictures: " in page.text
    assert str(tmp_path / "data") in page.text
    assert percent(report_of(run)["mean_iou"]) in page.text  # type: ignore[arg-type]
    assert not list((tmp_path / "report" / "figures").glob("*.webp"))
    assert "No pictures: " in (tmp_path / "report" / "report.md").read_text()


def test_what_is_linked_from_the_text_is_there(make_run: MakeRun, page_of: PageOf, tmp_path: Path) -> None:
    runs = {name: [make_run(name)] for name in "abc"}
    page_of(runs)
    page_of({name: runs[name] for name in "ab"})  # a smaller one in the same place
    folder = tmp_path / "report"
    markdown = (folder / "report.md").read_text()
    assert "[scores.json](scores.json)" in markdown
    links = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", markdown)
    assert {folder / link for link in links} == set((folder / "figures").iterdir())
    tables: list[list[str]] = [[]]
    for line in markdown.splitlines():
        if line.startswith("|"):
            tables[-1].append(line)
        elif tables[-1]:
            tables.append([])
    for table in filter(None, tables):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
        assert set(table[1]) <= set("|-: ")


def test_ids_of_any_kind(make_run: MakeRun, page_of: PageOf, tmp_path: Path) -> None:
    root = tmp_path / "own data"
    names = ["a tour/<b> & 1", 'a tour/"q" (2)', "b;tour/é#3", "b;tour/%41 url(x)", "5"]
    rng = np.random.default_rng(0)
    for name in names:
        for folder, shape in (("images", (48, 64, 3)), ("masks", (48, 64))):
            path = root / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256 if folder == "images" else 2, shape, dtype=np.uint8)).save(path)
    classes = [{"name": n, "id": i, "color": [9 * i, 0, 0]} for i, n in enumerate(("<road>", "a|b"))]
    description = {"images": "images/{id}.png", "masks": "masks/{id}.png", "labels": {"name": "x", "classes": classes}}
    (root / "roadseg.yaml").write_text(yaml.safe_dump(description))
    changes = {"data.name": "folder", "data.root": str(root), "data.split.fractions": [0.2, 0.8, 0.0]}
    page = Page(page_of({"a": [make_run("a", **changes)]}))
    shown = {heading for heading in names[:4] if f" {heading} " in page.text}
    assert len(shown) >= 3
    assert "<road>" in page.text
