"""Duplicate and nearly duplicate images, and drives in several parts. Both make scores too good."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from roadseg.curation.check.facts import ImageFacts, LabelFacts, PairFacts
from roadseg.curation.check.finding import Finding, plural
from roadseg.data.similar import BITS, COPY, MIRRORED, NEAR, nearest, nearest_apart

ORDER = ("train", "val", "test")


def check_duplicates(inspected: Sequence[PairFacts]) -> Iterator[Finding]:
    """Copies, near-duplicates across parts or groups, drives in several parts, and equal labels of different images."""
    read = [(one, one.image) for one in inspected if isinstance(one.image, ImageFacts)]
    for found in (_copies(read), _near(read), _groups(inspected), _same_labels(read)):
        yield from found


Images = list[tuple[PairFacts, ImageFacts]]


def _copies(read: Images) -> Iterator[Finding]:
    by_digest: dict[bytes, list[PairFacts]] = defaultdict(list)
    for one, image in read:
        by_digest[image.digest].append(one)
    pairs = [(same[0], other) for same in by_digest.values() for other in same[1:]]
    across = [pair for pair in pairs if pair[0].part != pair[1].part]
    within = [pair for pair in pairs if pair[0].part == pair[1].part]
    if across:
        yield Finding(
            "duplicates", "error", f"{plural(len(across), 'image')} {_are(len(across))} in two parts",
            "remove one of each pair; an image that was trained on tests nothing", _flat(across), "pair",
        )  # fmt: skip
    if within:
        yield Finding(
            "duplicates", "warning", f"{plural(len(within), 'image')} {_are(len(within))} there twice",
            "remove one of each pair", _flat(within), "pair",
        )  # fmt: skip


Near = list[tuple[int, PairFacts, PairFacts]]
"""Number of differing bits, and two images; sorted, the closest first."""


def _near(read: Images) -> Iterator[Finding]:
    """Copies saved again or mirrored, and near-duplicates: across parts, or across groups of a single part."""
    if not read:
        return
    divided = len({one.part for one, _ in read}) > 1
    found = _closest(read, [image.hash for _, image in read], NEAR)
    copies, near = [pair for pair in found if pair[0] <= COPY], [pair for pair in found if pair[0] > COPY]
    mirrored = _closest(read, [image.mirrored for _, image in read], MIRRORED)
    for pairs, words in ((copies, "saved again"), (mirrored, "turned left to right")):
        if pairs:
            yield _again(pairs, words, divided)
    if near:
        what = (
            f"{plural(len(near), 'image')} nearly the same as one of another part"
            if divided
            else f"{plural(len(near), 'pair')} of images nearly the same, but not of one group"
        )
        yield Finding(
            "duplicates", "warning",
            f"{what} (closest pair: {near[0][0]} of {BITS} bits differ, {NEAR} or fewer are reported)",
            _together(near, read, divided), *_named(near),
        )  # fmt: skip


def _again(pairs: Near, words: str, divided: bool) -> Finding:
    if divided:
        what = f"{plural(len(pairs), 'image')} {_are(len(pairs))} in two parts, {words}"
        remedy = "remove the copy (or put both in one part); an image that was trained on tests nothing"
        return Finding("duplicates", "error", what, remedy, *_named(pairs))
    what = f"{plural(len(pairs), 'image')} {_are(len(pairs))} there twice, {words}, in two groups"
    return Finding("duplicates", "warning", what, "remove the copy, or give both one group", *_named(pairs))


def _together(pairs: Near, read: Images, divided: bool) -> str:
    """A remedy that keeps near-duplicates together and is not applied yet."""
    if any(first.record.group == second.record.group for _, first, second in pairs):
        return "keep what was filmed together in one part: --data.split.scheme grouped"
    if all(one.record.group == one.record.id for one, _ in read):
        scheme = "--data.split.scheme grouped, and " if divided else ""
        named = "name what was filmed together in roadseg.yaml ({group}, group, or groups from roadseg data groups)"
        return f"{scheme}{named}, or a division tears it apart"
    return (
        "look at them: if they were filmed together, give them one group in roadseg.yaml; else remove one of each pair"
    )


def _named(pairs: Near) -> tuple[tuple[str, ...], Literal["pair"], tuple[tuple[str, list[int]], ...]]:
    """Files, mark and details of a finding."""
    files = _flat([(first, second) for _, first, second in pairs])
    return files, "pair", (("bits", [bits for bits, _, _ in pairs]),)


def _closest(read: Images, sought: Sequence[bytes], most: int) -> Near:
    """For each hash in `sought`, the closest image of another part or group, up to `most` bits; without byte copies."""
    hashes, wanted = (
        np.stack([np.frombuffer(value, np.uint8) for value in values])
        for values in ([image.hash for _, image in read], sought)
    )
    parts = np.array([one.part for one, _ in read])
    names = sorted(set(parts), key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    pairs: set[tuple[int, int, int]] = set()
    if len(names) == 1:
        _, group = np.unique([one.record.group for one, _ in read], return_inverse=True)
        found = nearest_apart(wanted, group.astype(np.int64), hashes)
        both = zip(found.position.tolist(), found.bits.tolist(), strict=True)
        pairs = {(bits, min(i, j), max(i, j)) for i, (j, bits) in enumerate(both)}
    for number, later in enumerate(names[1:], start=1):
        mine, others = np.flatnonzero(parts == later), np.flatnonzero(np.isin(parts, names[:number]))
        found = nearest(wanted[mine], hashes[others])
        pairs |= set(zip(found.bits.tolist(), others[found.position].tolist(), mine.tolist(), strict=True))
    return [
        (bits, read[i][0], read[j][0])
        for bits, i, j in sorted(pairs)
        if bits <= most and read[i][1].digest != read[j][1].digest
    ]


def _groups(inspected: Sequence[PairFacts]) -> Iterator[Finding]:
    parts: dict[str, set[str]] = defaultdict(set)
    members: dict[str, list[str]] = defaultdict(list)
    for one in inspected:
        parts[one.record.group].add(one.part)
        members[one.record.group].append(str(one.record.image))
    torn = sorted(group for group, names in parts.items() if len(names) > 1)
    if not torn:
        return
    named = ", ".join(f"{group} ({', '.join(sorted(parts[group]))})" for group in torn[:4])
    yield Finding(
        "duplicates", "warning",
        f"{plural(len(torn), 'drive')} (or other group) in several parts: {named}{' ...' if len(torn) > 4 else ''}",
        "divide by groups (--data.split.scheme grouped) for a score that holds on new drives",
        tuple(name for group in torn for name in members[group]),
    )  # fmt: skip


def _same_labels(read: Images) -> Iterator[Finding]:
    by_label: dict[bytes, Images] = defaultdict(list)
    for one, image in read:
        if isinstance(one.label, LabelFacts) and one.label.distinct > 1:
            by_label[one.label.digest].append((one, image))
    pairs = []
    for (first, image), *others in by_label.values():
        for other, alike in others:
            bits = np.unpackbits(np.frombuffer(image.hash, np.uint8) ^ np.frombuffer(alike.hash, np.uint8)).sum()
            if bits > NEAR:
                pairs.append((first, other))
    if not pairs:
        return
    yield Finding(
        "duplicates", "error", f"{plural(len(pairs), 'pair')} of different images with one and the same label",
        "export the labels of these images again", _flat(pairs), "pair",
    )  # fmt: skip


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _flat(pairs: Sequence[tuple[PairFacts, PairFacts]]) -> tuple[str, ...]:
    return tuple(str(one.record.image) for pair in pairs for one in pair)
