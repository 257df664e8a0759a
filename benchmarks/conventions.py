"""The score of each package on the same label PNGs, beside what roadseg says that the package would give.

python benchmarks/conventions.py [--torchvision-references FILE]

Three sets of built-in pictures are scored, in which each image lacks some classes, and ignored pixels are predicted as
something: `all`, where every class occurs somewhere; `absent`, where two never do and one is only predicted; and
`void`, where besides that some labelled pixels are predicted as no class. Packages that are not installed are named
and passed over; cityscapesscripts, scikit-learn and torchmetrics come with `pip install -e '.[dev]'`. For the others a
virtual environment of its own is best:

    pip install -c constraints.txt segmentation-models-pytorch ultralytics paddlepaddle
    pip install --no-deps paddleseg mmsegmentation nnunetv2   # and what `import` then asks for; mmcv-lite==2.1.0

torchvision's reference script is in no package: FILE is references/segmentation/utils.py of its repository. With the
CPU build of torch a torchvision from PyPI breaks torchmetrics, and Ultralytics does not start without one: they need
two environments.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import math
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

from roadseg.labels import IGNORE, cityscapes
from roadseg.scoring.external.run import report, score
from roadseg.system.progress import Display

SPACE = cityscapes()
CLASSES = len(SPACE.classes)
IMAGES, HEIGHT, WIDTH = 6, 48, 64
NEVER, ONLY_PREDICTED = (16, 18), 15
"""Class indices: train and bicycle are never true, bus is only predicted, and train not even that."""

Pictures = list[tuple[np.ndarray, np.ndarray]]
"""Predictions and targets, class indices uint8 (H, W); 255 is ignored, or no class."""


SETS = ("all", "absent", "void")


def pictures(which: str) -> Pictures:
    """One of the sets, drawn by arithmetic alone, so that it is the same everywhere."""
    left_out = () if which == "all" else (*NEVER, ONLY_PREDICTED)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    made = []
    for image in range(IMAGES):
        own = [index for index in range(CLASSES) if index not in left_out and (index * 7 + image) % 3]
        stripes = (columns // (7 + image) + rows // 16 * (image + 2)) % len(own)
        target = np.array(own, np.uint8)[stripes]
        prediction = np.roll(target, (image % 3, 1 + image // 2), (0, 1)).copy()
        prediction[(rows * 3 + columns * 5 + image) % 23 == 0] = own[image % len(own)]
        if image % 2 and left_out:
            prediction[:3, :7] = ONLY_PREDICTED
        target[(rows - 20) ** 2 + (columns - 10 * image) ** 2 < 90] = IGNORE
        if which == "void":
            prediction[30:33, 5 : 20 + image] = IGNORE
        made.append((prediction, target))
    return made


def write(made: Pictures, folder: Path, ids: bool) -> tuple[Path, Path]:
    """The pictures as PNGs of official ids or of class indices, in two folders; names are KITTI's."""
    places = folder / "predictions", folder / "targets"
    for place, which in zip(places, (0, 1), strict=True):
        place.mkdir(parents=True)
        for number, pair in enumerate(made):
            values = SPACE.index_to_id[pair[which]] if ids else pair[which]
            Image.fromarray(values).save(place / f"{number:06d}_10.png")
    return places


def tensors(made: Pictures) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions and targets, int64 (N, H, W)."""
    first, second = (torch.from_numpy(np.stack([pair[which] for pair in made])).long() for which in (0, 1))
    return first, second


def with_cityscapes_scripts(made: Pictures) -> dict[str, float]:
    """The evaluator reads the PNGs itself."""
    from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official

    args = SimpleNamespace(evalInstLevelScore=False, evalPixelAccuracy=False, evalLabels=[])
    confusion = official.generateMatrix(args)
    with tempfile.TemporaryDirectory() as folder:
        predictions, targets = write(made, Path(folder), ids=True)
        for target in sorted(targets.iterdir()):
            official.evaluatePair(str(predictions / target.name), str(target), confusion, {}, {}, args)
    scores = {label: official.getIouScoreForLabel(label, confusion, args) for label in args.evalLabels}
    return {"cityscapesScripts": official.getScoreAverage(scores, args)}


def with_scikit_learn(made: Pictures) -> dict[str, float]:
    """All pixels, or those whose target is not ignored with `labels=` all classes."""
    from sklearn.metrics import jaccard_score

    predicted, true = (array.numpy().ravel() for array in tensors(made))
    known = true != IGNORE
    scores = {}
    for average in ("macro", "micro"):
        masked = jaccard_score(true[known], predicted[known], average=average, labels=range(CLASSES))
        scores[f"scikit-learn {average}, known pixels"] = masked
        scores[f"scikit-learn {average}, all pixels"] = jaccard_score(true, predicted, average=average)
    return scores


def with_torchmetrics(made: Pictures) -> dict[str, float]:
    """`JaccardIndex` with `ignore_index`; `MeanIoU`, which has none, without ignored pixels or with them as a class."""
    from torchmetrics import JaccardIndex
    from torchmetrics.segmentation import MeanIoU

    predicted, true = tensors(made)
    scores = {}
    for average in ("macro", "micro"):
        metric = JaccardIndex("multiclass", num_classes=CLASSES, ignore_index=IGNORE, average=average)
        try:
            scores[f"torchmetrics JaccardIndex {average}"] = float(metric(predicted, true))
        except RuntimeError:
            scores[f"torchmetrics JaccardIndex {average}"] = math.nan
    index = [torch.where(array == IGNORE, CLASSES, array) for array in (predicted, true)]
    metric = MeanIoU(num_classes=CLASSES + 1, input_format="index")
    scores["torchmetrics MeanIoU index"] = float(metric(*index))
    known = (true != IGNORE)[:, None]
    hot = [torch.nn.functional.one_hot(array, CLASSES + 1).movedim(-1, 1)[:, :CLASSES] * known for array in index]
    scores["torchmetrics MeanIoU one-hot"] = float(MeanIoU(num_classes=CLASSES)(*hot))
    return scores


def with_mmsegmentation(made: Pictures) -> dict[str, float]:
    """The metric rounds to a hundredth of a percent."""
    from mmseg.evaluation.metrics.iou_metric import IoUMetric

    metric = IoUMetric(ignore_index=IGNORE)
    metric.dataset_meta = {"classes": SPACE.names}
    for predicted, true in zip(*tensors(made), strict=True):
        metric.process({}, [{"pred_sem_seg": {"data": predicted}, "gt_sem_seg": {"data": true}}])
    return {"mmsegmentation IoUMetric": metric.evaluate(len(made))["mIoU"] / 100}


def with_smp(made: Pictures) -> dict[str, float]:
    """`metrics/functional.py` alone: the package itself needs torchvision."""
    functional = alone("segmentation_models_pytorch", "metrics/functional.py")
    predicted, true = tensors(made)
    stats = functional.get_stats(predicted, true, mode="multiclass", ignore_index=IGNORE, num_classes=CLASSES)
    unmasked = functional.get_stats(predicted, true, mode="multiclass", num_classes=CLASSES)
    scores = {
        f"SMP {reduction}": float(functional.iou_score(*stats, reduction=reduction))
        for reduction in ("macro", "micro", "macro-imagewise", "micro-imagewise")
    }
    return {**scores, "SMP macro, no ignore_index": float(functional.iou_score(*unmasked, reduction="macro"))}


def with_ultralytics(made: Pictures) -> dict[str, float]:
    """What its validator of semantic segmentation computes."""
    from ultralytics.utils.metrics import SemanticMetrics

    metrics = SemanticMetrics(names=dict(enumerate(SPACE.names)))
    metrics.update_stats(*tensors(made))
    metrics.process()
    return {"Ultralytics SemanticMetrics": metrics.miou}


def with_paddleseg(made: Pictures) -> dict[str, float]:
    """What its `core/val.py` does: areas of each image, summed. Version 2.8.0 was made for Paddle 2, whose sums have a
    dimension; those of Paddle 3 have none, and get one here."""
    import paddle
    from paddleseg.utils import metrics

    concat = paddle.concat
    areas: Any = 0
    with patch.object(paddle, "concat", lambda sums: concat([one.reshape([1]) for one in sums])):
        for predicted, true in zip(*(array.numpy() for array in tensors(made)), strict=True):
            found = metrics.calculate_area(paddle.to_tensor(predicted), paddle.to_tensor(true), CLASSES, IGNORE)
            areas = areas + np.stack([array.numpy() for array in found])
    return {"PaddleSeg": float(metrics.mean_iou(*map(paddle.to_tensor, areas))[1])}


def with_nnunet(made: Pictures) -> dict[str, float]:
    """Its folder evaluation on PNGs of class indices, all but class 0."""
    from nnunetv2.evaluation.evaluate_predictions import compute_metrics_on_folder
    from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO

    with tempfile.TemporaryDirectory() as folder:
        predictions, targets = write(made, Path(folder), ids=False)
        found = compute_metrics_on_folder(
            str(targets), str(predictions), None, NaturalImage2DIO(), ".png", list(range(1, CLASSES)), IGNORE, 1
        )
    return {"nnU-Net foreground mean": found["foreground_mean"]["IoU"]}


def with_torchvision(made: Pictures, file: Path) -> dict[str, float]:
    """Its reference script's confusion matrix; a prediction of no class lands in a wrong cell or breaks it."""
    confusion = loaded("torchvision_references", file).ConfusionMatrix(CLASSES)
    predicted, true = tensors(made)
    if ((predicted == IGNORE) & (true != IGNORE)).any():
        return {"torchvision references": math.nan}
    confusion.update(true.flatten(), predicted.flatten())
    return {"torchvision references": float(confusion.compute()[2].mean())}


def mean_of_images(made: Pictures) -> dict[str, float]:
    """The plain mean of each image's mean IoU, written out."""
    scores = []
    for predicted, true in made:
        known, ious = true != IGNORE, []
        for index in range(CLASSES):
            ours, theirs = (predicted == index) & known, (true == index) & known
            if (ours | theirs).any():
                ious.append((ours & theirs).sum() / (ours | theirs).sum())
        scores.append(np.mean(ious))
    return {"mean of each image's mIoU": float(np.mean(scores))}


PACKAGES: dict[str, Callable[[Pictures], dict[str, float]]] = {
    "cityscapesscripts": with_cityscapes_scripts,
    "mmsegmentation": with_mmsegmentation,
    "torchmetrics": with_torchmetrics,
    "scikit-learn": with_scikit_learn,
    "segmentation-models-pytorch": with_smp,
    "ultralytics": with_ultralytics,
    "paddleseg": with_paddleseg,
    "nnunetv2": with_nnunet,
}


def alone(package: str, file: str) -> ModuleType:
    """A file of an installed package, without the package around it."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ImportError(f"No module named {package!r}")
    return loaded(f"{package}_alone", Path(found.submodule_search_locations[0]) / file)


def loaded(name: str, file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ours(made: Pictures) -> dict[str, float | None]:
    """What `roadseg score` says of the PNGs, by convention."""
    with tempfile.TemporaryDirectory() as folder:
        scored = score(*write(made, Path(folder), ids=True), "kitti", Display())
    return {entry["name"]: entry["score"] for entry in report(scored)["conventions"]}


def theirs(made: Pictures, references: Path | None) -> tuple[dict[str, tuple[str, float]], dict[str, str]]:
    """Each convention's package with its version, and its score; and why the other packages are missing."""
    found, missing = {}, {}
    for package, function in PACKAGES.items():
        try:
            with redirect_stdout(io.StringIO()):
                scores = function(made)
        except (ImportError, RuntimeError) as error:
            missing[package] = str(error).splitlines()[0]
            continue
        found |= {name: (f"{package} {version(package)}", value) for name, value in scores.items()}
    if references:
        found |= {name: ("torchvision references", value) for name, value in with_torchvision(made, references).items()}
    return found | {name: ("written out", value) for name, value in mean_of_images(made).items()}, missing


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--torchvision-references", type=Path, metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the packages' scores here")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    kept, missing = {}, {}
    for which in SETS:
        made = pictures(which)
        mine = ours(made)
        found, missing = theirs(made, arguments.torchvision_references)
        kept[which] = {name: None if math.isnan(value) else float(value) for name, (_, value) in found.items()}
        print(f"\nSet `{which}`: {IMAGES} of {WIDTH}x{HEIGHT}, {CLASSES} classes; percent\n")
        print("| convention | package | roadseg | the package | difference |\n|---|---|---|---|---|")
        for name, (package, value) in sorted(found.items(), key=lambda item: -np.nan_to_num(item[1][1])):
            own = math.nan if mine[name] is None else mine[name]
            numbers = (100 * own, 100 * value, 100 * (own - value))
            cells = ["undefined" if math.isnan(number) else f"{number:.4f}" for number in numbers]
            print(f"| {name} | {package} | {' | '.join(cells)} |")
    for package, why in missing.items():
        print(f"passed over: {package} ({why})", file=sys.stderr)
    if arguments.json:
        arguments.json.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
