"""A picture of the worst files: image, label, and what is wrong with it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from roadseg.curation.check.alignment import label_borders
from roadseg.curation.check.facts import PairFacts, packed, read_values
from roadseg.curation.check.finding import Finding
from roadseg.curation.check.measure import lies_between
from roadseg.data.decode import read_image
from roadseg.errors import DataError
from roadseg.inference.visualize import INK, PAPER
from roadseg.labels import LabelSpace

MAX_ROWS = 12
"""Rows of the montage."""
ROWS_EACH = 2
"""Rows of one finding."""
WIDE = 420
"""Largest width of a picture, in pixels."""
HIGH = 240
"""Largest height of a picture, in pixels."""
GAP = 12
"""Space between pictures, in pixels."""
LINE = 22
"""Height of a line of text, in pixels."""
LABEL_COLOR = (255, 64, 64)
"""Borders of the label as it is."""
MOVED_COLOR = (64, 255, 96)
"""Borders of the label where it fits the image."""
MARK_COLOR = (255, 0, 255)
"""Wrong pixels."""

Picture = np.ndarray


def montage(findings: Sequence[Finding], inspected: Sequence[PairFacts], space: LabelSpace | None) -> Picture | None:
    """Up to `ROWS_EACH` rows for each finding that names files, uint8 (H, W, 3); None without such a finding."""
    by_file = {str(path): one for one in inspected for path in (one.record.image, one.record.label)}
    rows = []
    for finding in findings:
        if finding.subject == "duplicates" and finding.mark != "pair":
            continue  # a drive in two parts is inspected in its name
        step = 2 if finding.mark == "pair" else 1
        for number in range(0, min(len(finding.files), ROWS_EACH * step), step):
            names = finding.files[number : number + step]
            if all(name in by_file for name in names):
                rows.append((finding, names, _row(finding, [by_file[name] for name in names], space)))
    rows = rows[:MAX_ROWS]
    if not rows:
        return None
    height = sum(2 * LINE + 2 * GAP + max(picture.height for picture in row) for _, _, row in rows)
    sheet = Image.new("RGB", (3 * WIDE + 4 * GAP, height + GAP), PAPER)
    draw, top = ImageDraw.Draw(sheet), GAP
    font = ImageFont.load_default(15)
    for finding, names, row in rows:
        files = " = ".join(Path(name).name for name in names)
        draw.text((GAP, top), _cut(f"{finding.severity}: {finding.what}", font, sheet.width - 2 * GAP), INK, font=font)
        draw.text((GAP, top + LINE), _cut(files, font, sheet.width - 2 * GAP), (88, 94, 105), font=font)
        top += 2 * LINE
        for column, picture in enumerate(row):
            sheet.paste(picture, (GAP + column * (WIDE + GAP), top))
        top += max(picture.height for picture in row) + 2 * GAP
    return np.asarray(sheet)


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    while font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def _row(finding: Finding, inspected: list[PairFacts], space: LabelSpace | None) -> list[Image.Image]:
    if finding.mark == "pair":
        return [_fitted(_image(one)) for one in inspected]
    one = inspected[0]
    image = _image(one)
    try:
        values, _, _ = read_values(one.record.label)
    except DataError:
        return [_fitted(image), _fitted(_nothing())]
    return [_fitted(image), _fitted(_colored(values, space)), _fitted(_marked(finding, one, image, values, space))]


def _image(one: PairFacts) -> Picture:
    try:
        return np.asarray(read_image(one.record.image).permute(1, 2, 0).numpy())
    except DataError:
        return _nothing()


def _nothing() -> Picture:
    picture = Image.new("RGB", (WIDE, HIGH // 2), (210, 210, 205))
    ImageDraw.Draw(picture).text((12, 12), "cannot be read", INK, font=ImageFont.load_default(18))
    return np.asarray(picture)


def _colored(values: np.ndarray, space: LabelSpace | None) -> Picture:
    """Labels in the table's colours; without a table in arbitrary colours."""
    if values.ndim == 3:
        return values.astype(np.uint8)
    bytes_ = values.astype(np.int64).clip(0, 255)
    if space is None or space.coding == "colors":
        table = np.random.default_rng(3).integers(40, 256, (256, 3), dtype=np.uint8)
        return np.asarray(table[bytes_])
    table = np.zeros((256, 3), np.uint8)
    for row in space.classes:
        table[row.id] = row.color
    return np.asarray(table[bytes_])


def _marked(finding: Finding, one: PairFacts, image: Picture, values: np.ndarray, space: LabelSpace | None) -> Picture:
    if finding.mark == "between":
        return _closely(_colored(values, space), lies_between(values))
    if values.shape[:2] != image.shape[:2]:
        return _colored(values, space)
    shown = (image * 0.6).astype(np.uint8)
    borders = label_borders(packed(values)) > 0
    shown[borders] = LABEL_COLOR
    if finding.mark == "shift" and one.fit is not None and one.fit.shifted:
        right, down = one.fit.shift
        shown[np.roll(borders, (-down, -right), (0, 1))] = MOVED_COLOR
    return shown


def _closely(colored: Picture, wrong: np.ndarray) -> Picture:
    """The window with the most wrong pixels, enlarged. Wrong pixels are magenta, the others pale."""
    shown = (colored * 0.5 + 110).clip(0, 255).astype(np.uint8)
    shown[wrong] = MARK_COLOR
    height, width = min(60, wrong.shape[0]), min(105, wrong.shape[1])
    sums = np.pad(wrong.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    count = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(int(count.argmax()), count.shape)
    part = Image.fromarray(shown[top : top + height, left : left + width])
    return np.asarray(part.resize((4 * width, 4 * height), Image.Resampling.NEAREST))


def _fitted(picture: Picture) -> Image.Image:
    result = Image.fromarray(picture)
    result.thumbnail((WIDE, HIGH))
    return result
