"""Find nearly equal images by a perceptual hash.

The hash is pHash (Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010) with 256 bits.
The usual 64 bits do not separate streets, which all have the sky above and the road below. Unrelated images differ in
about half of the bits; copies in another format or size differ in a few.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from roadseg.data.decode import read_image
from roadseg.data.records import Record
from roadseg.system.threads import ahead

SIDE = 64
"""A picture is shrunk to SIDE x SIDE grey pixels before its cosine transform."""
KEPT = 16
"""The hash uses the KEPT x KEPT lowest frequencies."""
BITS = KEPT * KEPT
"""Bits of a hash."""
NEAR = BITS // 4
"""Images that differ in at most this many bits are near-duplicates (`benchmarks/similar_images.py`)."""
COPY = 4
"""Images that differ in at most this many bits are one image saved again.

JPEG changes 2 bits at the median and 6 at most; CamVid's closest frames differ in 8
(`benchmarks/results/2026-11-24-data-check.md`).
"""
MIRRORED = 24
"""Mirrored copies differ in at most this many bits when mirrored back; CamVid's other images in 82 or more."""
ROWS = 512
"""Hashes compared with all others at a time; takes 40 MB for 20,000 images."""

Hashes = UInt8[np.ndarray, "n 32"]


class Pairs(NamedTuple):
    """Positions of the two images of each pair, the smaller first, int64 (n, 2); and the differing bits, (n,)."""

    images: Int64[np.ndarray, "n 2"]
    bits: Int64[np.ndarray, " n"]


class Nearest(NamedTuple):
    """For each image the position of the closest one, int64 (n,), and the number of differing bits (n,)."""

    position: Int64[np.ndarray, " n"]
    bits: Int64[np.ndarray, " n"]


def perceptual_hash(pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "32"]:
    """256 bits, packed: a bit is 1 where a low frequency of the grey picture is above the median.

    Size, format, brightness and contrast hardly change it. A mirrored or rotated picture has another hash.
    """
    return both_hashes(pixels)[0]


def both_hashes(pixels: UInt8[np.ndarray, "h w 3"]) -> tuple[UInt8[np.ndarray, "32"], UInt8[np.ndarray, "32"]]:
    """The hash of a picture, and that of the picture turned left to right."""
    grey = Image.fromarray(pixels).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    frequencies = dctn(np.asarray(grey, np.float32), norm="ortho")[:KEPT, :KEPT]
    turned = frequencies * (1 - 2 * (np.arange(KEPT) % 2))  # odd waves across the picture change their sign
    return _above_median(frequencies.ravel()), _above_median(turned.ravel())


def _above_median(frequencies: np.ndarray) -> UInt8[np.ndarray, "32"]:
    above = frequencies > np.median(frequencies[1:])
    above[0] = False  # the mean brightness says nothing
    return np.packbits(above)


def hash_files(paths: Sequence[Path], advance: Callable[[], None], threads: int = 1) -> Hashes:
    """The hash of each image file; `advance` is called after each. Raises `DataError` as `read_image`."""

    def hashed(path: Path) -> UInt8[np.ndarray, "32"]:
        return perceptual_hash(read_image(path).permute(1, 2, 0).numpy())

    hashes = np.zeros((len(paths), BITS // 8), np.uint8)
    for row, value in enumerate(ahead(hashed, paths, threads)):
        hashes[row] = value
        advance()
    return hashes


def near_pairs(hashes: Hashes, most: int = NEAR) -> Pairs:
    """All pairs that differ in at most `most` bits, in order. A pair takes 24 bytes; there may be n(n-1)/2."""
    images, bits = [np.zeros((0, 2), np.int64)], [np.zeros(0, np.int64)]
    for first, differing in _compared(hashes, hashes):
        rows, columns = np.nonzero(differing <= most)
        later = columns > rows + first
        images.append(np.stack([rows[later] + first, columns[later]], axis=1))
        bits.append(differing[rows[later], columns[later]].astype(np.int64))
    return Pairs(np.concatenate(images), np.concatenate(bits))


def near_groups(hashes: Hashes, most: int = NEAR) -> Int64[np.ndarray, " n"]:
    """The group number of each image, int64 (n,). Groups are numbered in the order of their first image.

    Two images belong to one group if a chain of pairs connects them, each differing in at most `most` bits.
    """
    group = np.arange(len(hashes))
    for first, differing in _compared(hashes, hashes):
        rows, columns = np.nonzero(differing <= most)
        # A link to its group's first image holds what earlier rows have joined, so memory stays that of one block.
        leader = np.unique(group, return_index=True)[1][group]
        before = np.stack([np.arange(len(hashes)), leader], axis=1)
        group = connected(len(hashes), np.concatenate([before, np.stack([rows + first, columns], axis=1)]))
    return group


def connected(count: int, pairs: Int64[np.ndarray, "n 2"]) -> Int64[np.ndarray, " count"]:
    """Connected components of `count` items joined by pairs: group numbers, int64 (count,), by first item."""
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, component = connected_components(links, directed=False)
    _, first, group = np.unique(component, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first)).astype(np.int64)[group]


def find_groups(records: Sequence[Record], advance: Callable[[], None], threads: int = 1) -> dict[str, str]:
    """The group of each image by id, for images of unknown drives: `near_groups`, named after their first image.

    `advance` is called after each image. Raises `DataError` as `hash_files`.
    """
    ordered = sorted(records)
    numbers = near_groups(hash_files([record.image for record in ordered], advance, threads)).tolist()
    first: dict[int, str] = {}
    for record, number in zip(ordered, numbers, strict=True):
        first.setdefault(number, record.id)
    return {record.id: first[number] for record, number in zip(ordered, numbers, strict=True)}


def nearest(hashes: Hashes, others: UInt8[np.ndarray, "m 32"]) -> Nearest:
    """For each of `hashes` the closest of `others` (at least one); the first of several."""
    position, bits = np.zeros(len(hashes), np.int64), np.zeros(len(hashes), np.int64)
    for first, differing in _compared(hashes, others):
        rows = slice(first, first + len(differing))
        position[rows] = differing.argmin(axis=1)
        bits[rows] = differing.min(axis=1)
    return Nearest(position, bits)


def nearest_apart(hashes: Hashes, group: Int64[np.ndarray, " n"], among: Hashes | None = None) -> Nearest:
    """For each image the closest one of another group; without any, the image itself with BITS + 1 bits.

    `among`: the hashes to search, if not `hashes` themselves. `hashes` may be those of the mirrored images.
    """
    position, bits = np.arange(len(hashes)), np.full(len(hashes), BITS + 1)
    for first, differing in _compared(hashes, hashes if among is None else among):
        rows = np.arange(first, first + len(differing))
        differing[group[rows][:, None] == group[None]] = BITS + 1
        found = differing.argmin(axis=1)
        least = differing.min(axis=1).astype(np.int64)
        position[rows] = np.where(least <= BITS, found, rows)
        bits[rows] = least
    return Nearest(position, bits)


def _compared(hashes: Hashes, others: UInt8[np.ndarray, "m 32"]) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks of (first row, bits in which each of the rows differs from each of `others`, float32 (rows, m)).

    With bits as -1 and 1 the scalar product is BITS - 2 * differing: exact, and as fast as a matrix product.
    """
    columns = _signs(others).T
    for first in range(0, len(hashes), ROWS):
        yield first, (BITS - _signs(hashes[first : first + ROWS]) @ columns) / 2


def _signs(hashes: Hashes) -> np.ndarray:
    return 2 * np.unpackbits(hashes, axis=1).astype(np.float32) - 1
