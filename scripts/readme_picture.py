"""Draw docs/images/demo.png from what `make demo` left in demo/: new streets, labels, and both networks' answers."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from roadseg.inference.visualize import INK, PAPER, overlay, with_legend
from roadseg.labels import LabelSpace, cityscapes, indices_from_ids

DEMO, TARGET = Path("demo"), Path("docs/images/demo.png")
STREETS = ("000000_10", "000002_10")
GAP, CAPTION, ENLARGED = 12, 26, 2


def indices(path: Path, space: LabelSpace) -> np.ndarray:
    with Image.open(path) as image:
        return indices_from_ids(np.asarray(image), space).repeat(ENLARGED, 0).repeat(ENLARGED, 1)


def panels(street: str, space: LabelSpace) -> list[np.ndarray]:
    """The image, its labels, and the predictions of FCN-32s and FCN-16s."""
    with Image.open(DEMO / "new/training/image_2" / f"{street}.png") as opened:
        image = np.asarray(opened.convert("RGB").resize((ENLARGED * opened.width, ENLARGED * opened.height)))
    labels = [DEMO / "new/training/semantic"]
    labels += [DEMO / "predictions" / network / "labels" for network in ("fcn32s", "fcn16s")]
    return [image, *(overlay(image, indices(folder / f"{street}.png", space), space) for folder in labels)]


def main() -> None:
    space = cityscapes()
    streets = [panels(street, space) for street in STREETS]
    height, width = streets[0][0].shape[:2]
    canvas = Image.new("RGB", (2 * width + 3 * GAP, len(streets) * 2 * (height + CAPTION) + GAP), PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(15)
    for row, pictures in enumerate(streets):
        for place, (picture, caption) in enumerate(
            zip(pictures, ("street", "labels", "FCN-32s", "FCN-16s"), strict=True)
        ):
            left = GAP + place % 2 * (width + GAP)
            top = (2 * row + place // 2) * (height + CAPTION)
            draw.text((left, top + CAPTION / 2 + 2), caption, INK, font=font, anchor="lm")
            canvas.paste(Image.fromarray(picture), (left, top + CAPTION))
    shown = np.concatenate([indices(DEMO / "new/training/semantic" / f"{street}.png", space) for street in STREETS])
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(with_legend(np.asarray(canvas), shown, space)).save(TARGET, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
