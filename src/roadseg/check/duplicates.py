"""Images that are there twice or nearly twice, and drives that are in several parts: what makes a score too good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from roadseg.check.finding import Finding, plural
from roadseg.check.seen import ImageFacts, LabelFacts, Seen
from roadseg.data.similar import BITS, NEAR, nearest, nearest_apart

ORDER = ("train", "val", "test")
ALONE = "all"
"""The part of data that is not divided."""


def find(seen: Sequence[Seen]) -> list[Finding]:
    """Copies, near-duplicates across parts or groups, drives in several parts, and one label for several images."""
    read = [(one, one.image) for one in seen if isinstance(one.image, ImageFacts)]
    return [*_copies(read), *_near(read), *_groups(seen), *_same_labels(seen)]


Images = list[tuple[Seen, ImageFacts]]


def _copies(read: Images) -> list[Finding]:
    by_digest: dict[bytes, list[Seen]] = defaultdict(list)
    for one, image in read:
        by_digest[image.digest].append(one)
    pairs = [(same[0], other) for same in by_digest.values() for other in same[1:]]
    across = [pair for pair in pairs if pair[0].part != pair[1].part]
    within = [pair for pair in pairs if pair[0].part == pair[1].part]
    findings = []
    if across:
        findings.append(
            Finding(
                "duplicates", "error", f"{plural(len(across), 'image')} {_are(len(across))} in two parts",
                "remove one of each pair; an image that was trained on tests nothing", _flat(across), "pair",
            )
        )  # fmt: skip
    if within:
        findings.append(
            Finding(
                "duplicates", "warning", f"{plural(len(within), 'image')} {_are(len(within))} there twice",
                "remove one of each pair", _flat(within), "pair",
            )
        )  # fmt: skip
    return findings


def _near(read: Images) -> list[Finding]:
    """Near-duplicates across parts, or across groups where there is one part; without exact copies."""
    if not read:
        return []
    hashes = np.stack([np.frombuffer(image.hash, np.uint8) for _, image in read])
    parts = np.array([one.part for one, _ in read])
    names = sorted(set(parts), key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    if len(names) == 1:
        return _near_groups(read, hashes)
    pairs: list[tuple[int, Seen, Seen]] = []
    for number, later in enumerate(names[1:], start=1):
        mine, others = np.flatnonzero(parts == later), np.flatnonzero(np.isin(parts, names[:number]))
        found = nearest(hashes[mine], hashes[others])
        for i, j, bits in zip(mine, others[found.position], found.bits, strict=True):
            if bits <= NEAR and read[i][1].digest != read[j][1].digest:
                pairs.append((int(bits), read[j][0], read[i][0]))
    if not pairs:
        return []
    pairs.sort(key=lambda pair: pair[0])
    return [
        Finding(
            "duplicates", "warning",
            f"{plural(len(pairs), 'image')} nearly the same as one of another part "
            f"(closest pair: {pairs[0][0]} of {BITS} bits differ, {NEAR} or fewer are told)",
            "keep what was filmed together in one part: --data.split.scheme grouped, and group in roadseg.yaml",
            _flat([(first, second) for _, first, second in pairs]), "pair",
            (("bits", [bits for bits, _, _ in pairs]),),
        )
    ]  # fmt: skip


def _near_groups(read: Images, hashes: np.ndarray) -> list[Finding]:
    _, group = np.unique([one.record.group for one, _ in read], return_inverse=True)
    found = nearest_apart(hashes, group.astype(np.int64))
    near = [
        (bits, min(i, j), max(i, j)) for i, (j, bits) in enumerate(zip(*map(np.ndarray.tolist, found), strict=True))
    ]
    pairs = [
        (bits, read[i][0], read[j][0])
        for bits, i, j in sorted(set(near))
        if bits <= NEAR and read[i][1].digest != read[j][1].digest
    ]
    if not pairs:
        return []
    return [
        Finding(
            "duplicates", "warning", f"{plural(len(pairs), 'pair')} of images nearly the same, but not of one group",
            "name what was filmed together in roadseg.yaml ({group} or group), or a division tears it apart",
            _flat([(first, second) for _, first, second in pairs]), "pair", (("bits", [bits for bits, _, _ in pairs]),),
        )
    ]  # fmt: skip


def _groups(seen: Sequence[Seen]) -> list[Finding]:
    parts: dict[str, set[str]] = defaultdict(set)
    members: dict[str, list[str]] = defaultdict(list)
    for one in seen:
        parts[one.record.group].add(one.part)
        members[one.record.group].append(str(one.record.image))
    torn = sorted(group for group, names in parts.items() if len(names) > 1)
    if not torn:
        return []
    named = ", ".join(f"{group} ({', '.join(sorted(parts[group]))})" for group in torn[:4])
    return [
        Finding(
            "duplicates", "warning",
            f"{plural(len(torn), 'drive')} (or other group) in several parts: {named}{' ...' if len(torn) > 4 else ''}",
            "divide by groups (--data.split.scheme grouped) for a score that holds on new drives",
            tuple(name for group in torn for name in members[group]),
        )
    ]  # fmt: skip


def _same_labels(seen: Sequence[Seen]) -> list[Finding]:
    by_label: dict[bytes, list[Seen]] = defaultdict(list)
    for one in seen:
        if isinstance(one.label, LabelFacts) and isinstance(one.image, ImageFacts) and one.label.distinct > 1:
            by_label[one.label.digest].append(one)
    pairs = []
    for same in by_label.values():
        for other in same[1:]:
            first, second = same[0].image, other.image
            assert isinstance(first, ImageFacts)
            assert isinstance(second, ImageFacts)
            bits = np.unpackbits(np.frombuffer(first.hash, np.uint8) ^ np.frombuffer(second.hash, np.uint8)).sum()
            if bits > NEAR:
                pairs.append((same[0], other))
    if not pairs:
        return []
    return [
        Finding(
            "duplicates", "error", f"{plural(len(pairs), 'pair')} of different images with one and the same label",
            "export the labels of these images again", _flat(pairs), "pair",
        )
    ]  # fmt: skip


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _flat(pairs: Sequence[tuple[Seen, Seen]]) -> tuple[str, ...]:
    return tuple(str(one.record.image) for pair in pairs for one in pair)
