"""The course assignment's notebook as a peer of roadseg: its data set, its two networks, its loop, its scores.

What it takes from torchvision is written out: `Resize` is Pillow's, which takes the nearest pixel of a palette image,
and `ToTensor` divides by 255.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import jaccard_score
from torch import Tensor, nn


class KittyDataset:
    """Images (1, 3, h, w) in [0, 1] and labels (1, h, w), both resized."""

    def __init__(self, root: Path, ids: list[str], size: tuple[int, int]) -> None:
        self.files = [(root / "training/image_2" / f"{i}.png", root / "training/semantic" / f"{i}.png") for i in ids]
        self.size = size

    def tensor(self, image: Image.Image) -> Tensor:
        height, width = self.size
        pixels = np.array(image.resize((width, height), Image.Resampling.BILINEAR))
        return torch.from_numpy(pixels).float() / 255

    def __iter__(self):  # type: ignore[no-untyped-def]
        for image, label in self.files:
            inputs = self.tensor(Image.open(image).convert("RGB")).permute(2, 0, 1)[None]
            yield inputs, (self.tensor(Image.open(label).convert("P")) * 255).type(torch.LongTensor)[None]


def vgg_layers(first_padding: int, sizes: list[int]) -> list[nn.Module]:
    """VGG16's convolutions, and five poolings that round down."""
    layers: list[nn.Module] = []
    for i, (columns, rows) in enumerate(pairwise([3, *sizes])):
        layers += [nn.Conv2d(columns, rows, 3, padding=1 if i else first_padding), nn.ReLU(inplace=True)]
        if i in (1, 3, 6, 9, 12):
            layers.append(nn.MaxPool2d(2, 2))
    return layers


class FCN32(nn.Module):
    def __init__(self, sizes: list[int], hidden: int, classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.features_map = nn.Sequential(*vgg_layers(100, sizes))
        self.conv = nn.Sequential(
            nn.Conv2d(sizes[-1], hidden, 7), nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Conv2d(hidden, hidden, 1), nn.ReLU(inplace=True), nn.Dropout(dropout),
        )  # fmt: skip
        self.score_fr = nn.Conv2d(hidden, classes, 1)
        self.upscore = nn.ConvTranspose2d(classes, classes, 64, 32, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        upscore: Tensor = self.upscore(self.score_fr(self.conv(self.features_map(x))))
        return upscore[:, :, 19 : 19 + x.shape[2], 19 : 19 + x.shape[3]].contiguous()


class FCN16s(nn.Module):
    def __init__(self, sizes: list[int], decoder: list[int], classes: int) -> None:
        super().__init__()
        self.pretrained_net = nn.Sequential(*vgg_layers(1, sizes))
        channels = [sizes[-1], *decoder]
        self.deconvs = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1) for a, b in pairwise(channels)
        )
        self.bns = nn.ModuleList(nn.BatchNorm2d(size) for size in decoder)
        self.classifier = nn.Conv2d(decoder[-1], classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        x4 = self.pretrained_net[:24](x)
        score = self.pretrained_net[24:](x4)
        for i, (deconv, bn) in enumerate(zip(self.deconvs, self.bns, strict=True)):
            score = deconv(score).relu()
            score = bn(score + x4 if i == 0 else score)
        logits: Tensor = self.classifier(score)
        return logits


def get_mean_iou(conf_mat: np.ndarray) -> float:
    inter = np.diag(conf_mat)
    with np.errstate(invalid="ignore"):
        iou = inter.astype(float) / (conf_mat.sum(axis=1) + conf_mat.sum(axis=0) - inter)
    return float(np.nanmean(iou))


def train(model: nn.Module, training: KittyDataset, validation: KittyDataset, epochs: int) -> list[dict[str, float]]:
    """The loop, but for two faults: it scored the last training image alone, and never called `eval()`."""
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.99)
    history = []
    for _ in range(epochs):
        losses, val_losses, predictions, labels = [], [], [], []
        model.train()
        for inputs, targets in training:
            loss = criterion(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            for inputs, targets in validation:
                outputs = model(inputs)
                val_losses.append(criterion(outputs, targets).item())
                predictions.append(outputs.argmax(1).flatten())
                labels.append(targets.flatten())
        truth, found = torch.cat(labels).numpy(), torch.cat(predictions).numpy()
        history.append({
            "train loss": sum(losses) / len(losses),
            "val loss": sum(val_losses) / len(val_losses),
            "micro": float(jaccard_score(truth, found, average="micro")),
            "macro": float(jaccard_score(truth, found, average="macro")),
        })  # fmt: skip
    return history
