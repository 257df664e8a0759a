"""Near-duplicates: what the hash forgives, what it tells apart, and groups that are the same however they are found."""

import io
from itertools import combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageEnhance

from roadseg.data.layouts import camvid
from roadseg.data.similar import (
    BITS,
    COPY,
    NEAR,
    both_hashes,
    connected,
    hash_files,
    near_groups,
    near_pairs,
    nearest,
    nearest_apart,
    perceptual_hash,
)
from roadseg.errors import DataError

HASHES = st.integers(0, 12).flatmap(
    lambda count: arrays(np.uint8, (count, BITS // 8), elements=st.sampled_from([0, 1]))
)
"""Hashes that differ in 0 to 32 bits, many of them alike."""


def differing(first: Image.Image, second: Image.Image) -> int:
    """Bits in which the hashes of two pictures differ."""
    hashes = [np.unpackbits(perceptual_hash(np.asarray(picture.convert("RGB")))) for picture in (first, second)]
    return int((hashes[0] != hashes[1]).sum())


def as_jpeg(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=50)
    return Image.open(buffer)


@pytest.fixture(scope="module")
def street(shared_camvid: Path) -> Image.Image:
    return Image.open(shared_camvid / "val/0016E5_07959.png").convert("RGB")


@pytest.mark.parametrize(
    ("change", "most"),
    [
        (lambda picture: picture, 0),
        (as_jpeg, 8),
        (lambda picture: picture.resize((240, 180)), 12),
        (lambda picture: picture.convert("L"), 0),
        (lambda picture: ImageEnhance.Brightness(picture).enhance(1.3), 32),
        (lambda picture: picture.crop((10, 7, 470, 353)), NEAR),
    ],
    ids=["itself", "jpeg", "half", "grey", "brighter", "cropped"],
)
def test_copies_are_near(street: Image.Image, change: object, most: int) -> None:
    assert callable(change)
    assert differing(street, change(street)) <= most


def test_other_streets_are_not_near(street: Image.Image, shared_camvid: Path) -> None:
    assert differing(street, Image.open(shared_camvid / "train/0006R0_f01260.png")) > 1.4 * NEAR
    assert differing(street, street.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) > 1.4 * NEAR


@pytest.mark.slow
def test_no_pair_across_films(shared_camvid: Path) -> None:
    records = [record for record in camvid.records(shared_camvid, "train") if record.id < "0016"][::3]
    hashes = hash_files([record.image for record in records], lambda: None)
    films = np.array([record.group for record in records])
    assert len(set(films)) == 2
    first, second = near_pairs(hashes).images.T
    assert len(first) > 0
    assert (films[first] == films[second]).all()


@pytest.mark.slow
def test_files_are_hashed_in_order_whatever_the_threads(streets: Path) -> None:
    paths = sorted((streets / "training/image_2").iterdir())
    calls: list[None] = []
    alone = hash_files(paths, lambda: calls.append(None))
    assert len(calls) == len(paths)
    assert np.array_equal(alone, hash_files(paths, lambda: None, threads=3))
    assert np.array_equal(alone[2], perceptual_hash(np.asarray(Image.open(paths[2]).convert("RGB"))))


def test_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"cannot read .*a\.png"):
        hash_files([tmp_path / "a.png"], lambda: None)


@given(HASHES, st.integers(0, 40))
def test_pairs_and_groups_against_one_by_one(hashes: np.ndarray, most: int) -> None:
    bits = np.unpackbits(hashes, axis=1)
    distance = {(i, j): int((bits[i] != bits[j]).sum()) for i, j in combinations(range(len(hashes)), 2)}
    expected = {pair: value for pair, value in distance.items() if value <= most}
    pairs = near_pairs(hashes, most)
    assert dict(zip(map(tuple, pairs.images.tolist()), pairs.bits.tolist(), strict=True)) == expected
    graph = nx.Graph(expected.keys())
    graph.add_nodes_from(range(len(hashes)))
    number = {image: n for n, part in enumerate(sorted(nx.connected_components(graph), key=min)) for image in part}
    assert near_groups(hashes, most).tolist() == [number[image] for image in range(len(hashes))]
    assert connected(len(hashes), pairs.images).tolist() == [number[image] for image in range(len(hashes))]


def test_groups_that_span_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    unlike = rng.integers(0, 256, (9, BITS // 8), dtype=np.uint8)
    hashes = unlike[[0, 1, 2, 0, 3, 4, 5, 1, 6, 0, 7, 8, 5]]
    monkeypatch.setattr("roadseg.data.similar.ROWS", 2)
    assert near_groups(hashes).tolist() == [0, 1, 2, 0, 3, 4, 5, 1, 6, 0, 7, 8, 5]
    assert len(near_pairs(hashes).bits) == 5


@given(HASHES.filter(len), HASHES.filter(len))
def test_nearest_against_one_by_one(hashes: np.ndarray, others: np.ndarray) -> None:
    bits = (np.unpackbits(hashes, axis=1)[:, None] != np.unpackbits(others, axis=1)).sum(axis=2)
    found = nearest(hashes, others)
    assert np.array_equal(found.position, bits.argmin(axis=1))
    assert np.array_equal(found.bits, bits.min(axis=1))


@given(HASHES.filter(len), st.integers(1, 3))
def test_nearest_of_another_group_against_one_by_one(hashes: np.ndarray, groups: int) -> None:
    group = np.arange(len(hashes)) % groups
    bits = (np.unpackbits(hashes, axis=1)[:, None] != np.unpackbits(hashes, axis=1)).sum(axis=2)
    bits[group[:, None] == group] = BITS + 1
    found = nearest_apart(hashes, group)
    assert np.array_equal(found.bits, bits.min(axis=1))
    alone = found.bits > BITS
    assert np.array_equal(found.position[~alone], bits.argmin(axis=1)[~alone])
    assert np.array_equal(found.position[alone], np.flatnonzero(alone))


def test_neighbours_in_a_film_are_no_copies(shared_camvid: Path) -> None:
    """Of the closest frames of CamVid, a thirtieth of a second or so apart."""
    names = ("0016E5_08015", "0016E5_08017", "0016E5_08021", "0016E5_08023")
    places = [next(shared_camvid.glob(f"*/{name}.png")) for name in names]
    hashes = np.stack([perceptual_hash(np.asarray(Image.open(path).convert("RGB"))) for path in places])
    assert COPY < near_pairs(hashes).bits.min() <= NEAR


def test_the_mirrored_hash_is_that_of_the_mirrored_image(streets: Path) -> None:
    pixels = np.array(Image.open(next((streets / "training/image_2").iterdir())).convert("RGB"))
    turned = perceptual_hash(np.ascontiguousarray(pixels[:, ::-1]))
    assert np.unpackbits(both_hashes(pixels)[1] ^ turned).sum() <= 12  # the shrunk picture is rounded to bytes
