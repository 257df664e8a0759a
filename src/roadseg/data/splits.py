"""Divide records into train, val and test: equal for equal ids and seed, on every machine and Python version.

All random numbers come from SHA-256 of the seed and a name, so they depend neither on the order of the input nor on a
library's generator.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from roadseg.config import settings as config
from roadseg.config.settings import Settings, validated
from roadseg.data.records import Record
from roadseg.errors import ConfigError, DataError
from roadseg.system.files import write_text

PARTS = ("train", "val", "test")


class Splits(Settings):
    """The sorted ids of each part, the scheme and seed, and the hash of the ids. `test` may be empty.

    `left_out`: training images that are not used, with a share below 1.
    """

    scheme: Literal["official", "grouped", "random"]
    seed: int = Field(ge=0)
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    sha256: str = Field(description="`ids_sha256` of the parts")

    @model_validator(mode="after")
    def _check(self) -> "Splits":
        repeated = _first_repeated(chain(*self.parts.values(), self.left_out))
        if repeated is not None:
            raise ValueError(f"{repeated} stands in two parts or twice in one; an image belongs to one part only")
        computed = ids_sha256(self.parts)
        if self.sha256 != computed:
            raise ValueError(
                f"the ids do not match their sha256 {self.sha256[:12]}..., the file was changed by hand or damaged; "
                f'restore it, or set "sha256" to "{computed}" if the change is meant'
            )
        return self

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The ids by part; all three parts are present."""
        return {"train": self.train, "val": self.val, "test": self.test}

    def save(self, path: Path) -> None:
        """Write as JSON. Raises `WorkFailed` as `roadseg.system.files.write_text`."""
        write_text(path, self.model_dump_json(indent=2) + "\n")

    @staticmethod
    def load(path: Path) -> "Splits":
        """Read what `save` wrote. Raises `ConfigError` naming the file where it is missing, broken or changed."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"cannot read splits from {path}: {error}; restore it, or give another run's splits.json"
            ) from error
        return validated(Splits, content, str(path))


def ids_sha256(parts: Mapping[str, Sequence[str]]) -> str:
    """SHA-256 of the division, independent of the order within a part."""
    canonical = json.dumps({name: sorted(parts.get(name, ())) for name in PARTS}, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def make_splits(records: Mapping[str, Sequence[Record]] | Sequence[Record], settings: config.Split) -> Splits:
    """Divide records as the settings say.

    `official` takes the parts as they are, so `records` must give them by name (`train`, `val` and perhaps `test`); the
    other schemes pool everything. `grouped` keeps the images of a group together, `random` does not. With `folds` the
    fold number `fold` validates, all others train, and nothing is left for a test. `file` reuses a stored division;
    images that it does not name are left out. Of the training images so made the `share` is kept (`_with_share`).
    Raises `DataError` for ids that are there twice, too few images or groups, no official parts, and ids of the file
    that the data lacks; `ConfigError` for a broken file.
    """
    assert settings.scheme != "auto"  # load_records decides
    splits = _divided(records, settings)
    if settings.share == 1:
        return splits
    everything = list(chain(*records.values())) if isinstance(records, Mapping) else records
    return _with_share(splits, pick(splits.train, everything, "train"), settings)


def _divided(records: Mapping[str, Sequence[Record]] | Sequence[Record], settings: config.Split) -> Splits:
    by_part = dict(records) if isinstance(records, Mapping) else {"all": records}
    pooled = sorted(chain(*by_part.values()))
    repeated = _first_repeated(record.id for record in pooled)
    if repeated is not None:
        raise DataError(f"the id {repeated} stands for two images; rename one of them")
    if settings.scheme == "file":
        assert settings.file is not None  # config.Split sees to it
        stored = Splits.load(settings.file)
        select(stored, pooled)
        return stored
    if settings.scheme == "official":
        return _made(settings, _official(by_part))
    units = groups(pooled) if settings.scheme == "grouped" else {record.id: [record.id] for record in pooled}
    if settings.folds:
        return _made(settings, _fold(units, settings))
    requested = {name: share for name, share in zip(PARTS, settings.fractions, strict=True) if share > 0}
    if len(units) < len(requested):
        what = "images" if settings.scheme == "random" else "groups (drives)"
        raise DataError(
            f"{len(units)} {what} cannot fill {len(requested)} parts ({', '.join(requested)}); "
            "give more data, or a share of 0 to a part in split.fractions"
        )
    divide = _random_parts if settings.scheme == "random" else _grouped_parts
    return _made(settings, divide(units, requested, settings.seed))


def _with_share(splits: Splits, train: Sequence[Record], settings: config.Split) -> Splits:
    """The division with `share` of its training images, rounded but at least one; val and test stay.

    The groups are shuffled and their images, sorted by id, put one after the other. The first images of this list are
    kept: whole drives, and the beginning of the last one. So a smaller share is part of a larger one. With the scheme
    `random` single images are shuffled.
    """
    units = {record.id: [record.id] for record in train} if splits.scheme == "random" else groups(train)
    drawn = _shuffled(units, settings.seed, f"share {settings.share_seed} ")
    row = [name for unit in drawn for name in sorted(units[unit])]
    number = max(1, round(settings.share * len(row)))
    kept = splits.parts | {"train": tuple(sorted(row[:number]))}
    left_out = tuple(sorted((*splits.left_out, *row[number:])))
    return splits.model_copy(update={**kept, "left_out": left_out, "sha256": ids_sha256(kept)})


def groups(records: Sequence[Record]) -> dict[str, list[str]]:
    """Ids by group."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in records:
        found[record.group].append(record.id)
    return dict(found)


def select(splits: Splits, records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records of each part that is not empty. Raises `DataError` naming the first id that `records` lacks."""
    return {name: pick(ids, records, name) for name, ids in splits.parts.items() if ids}


def pick(ids: Sequence[str], records: Sequence[Record], part: str) -> list[Record]:
    """The records with the ids of a part, in their order. Raises `DataError` naming the first that `records` lacks."""
    by_id = {record.id: record for record in records}
    missing = [name for name in ids if name not in by_id]
    if missing:
        raise DataError(
            f"{missing[0]} of the split's {part} part is not in the data ({len(missing)} of {len(ids)} are missing); "
            "give the data set that the split was made from, or make a new split"
        )
    return [by_id[name] for name in ids]


def leaks(splits: Splits, records: Sequence[Record]) -> list[str]:
    """The groups that have images in more than one part, sorted. Raises `DataError` as `select`."""
    parts_of: dict[str, set[str]] = defaultdict(set)
    for name, part in select(splits, records).items():
        for record in part:
            parts_of[record.group].add(name)
    return sorted(group for group, parts in parts_of.items() if len(parts) > 1)


def _made(settings: config.Split, parts: Mapping[str, Sequence[str]]) -> Splits:
    ids = {name: tuple(sorted(parts.get(name, ()))) for name in PARTS}
    content = {"scheme": settings.scheme, "seed": settings.seed, **ids, "sha256": ids_sha256(ids)}
    return validated(Splits, content, "splits")


def _official(records: Mapping[str, Sequence[Record]]) -> dict[str, list[str]]:
    missing = [name for name in ("train", "val") if not records.get(name)]
    if missing:
        raise DataError(f"there is no official {missing[0]} part; use --data.split.scheme grouped (or random)")
    return {name: [record.id for record in part] for name, part in records.items() if name in PARTS}


def _draw(seed: int, name: str) -> float:
    """A pseudo-random number in [0, 1)."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:6]) / 2**48


def _shuffled(names: Sequence[str] | Mapping[str, list[str]], seed: int, purpose: str = "") -> list[str]:
    return sorted(names, key=lambda name: (_draw(seed, f"{purpose}{name}"), name))


def _random_parts(units: dict[str, list[str]], requested: dict[str, float], seed: int) -> dict[str, list[str]]:
    """Parts of int(share * n) images, the last with the rest; an empty part takes an image from the largest."""
    order = _shuffled(units, seed)
    sizes = {name: int(share * len(order)) for name, share in requested.items()}
    sizes[list(requested)[-1]] += len(order) - sum(sizes.values())
    for name in requested:
        if sizes[name] == 0:
            sizes[max(sizes, key=sizes.__getitem__)] -= 1
            sizes[name] = 1
    ids = iter(order)
    return {name: [next(ids) for _ in range(size)] for name, size in sizes.items()}


def _grouped_parts(units: dict[str, list[str]], requested: dict[str, float], seed: int) -> dict[str, list[str]]:
    """Assign whole groups, the largest first, each to a random part, in proportion to the images it still lacks.

    A group of any size may go to any part with room for it, and the small groups at the end fill the gaps. No part
    exceeds its share by as many images as the largest group has.
    """
    total = sum(map(len, units.values()))
    lacks = {name: share * total for name, share in requested.items()}
    parts: dict[str, list[str]] = {name: [] for name in requested}
    order = sorted(_shuffled(units, seed), key=lambda group: -len(units[group]))
    for position, group in enumerate(order):
        empty = [name for name in parts if not parts[name]]
        candidates = empty if len(order) - position == len(empty) else list(parts)
        chosen = _drawn_part({name: lacks[name] for name in candidates}, len(units[group]), _draw(seed, f"to {group}"))
        parts[chosen] += units[group]
        lacks[chosen] -= len(units[group])
    return parts


def _drawn_part(lacks: dict[str, float], size: int, draw: float) -> str:
    """A random part with room for `size` images, in proportion to what each lacks; else the one that lacks most."""
    roomy = {name: lack for name, lack in lacks.items() if lack >= size}
    if not roomy:
        return max(lacks, key=lacks.__getitem__)
    left = draw * sum(roomy.values())
    for name, lack in roomy.items():
        left -= lack
        if left < 0:
            return name
    return list(roomy)[-1]


def _fold(units: dict[str, list[str]], settings: config.Split) -> dict[str, list[str]]:
    """Folds of nearly equal size: each unit, the largest first, goes to the smallest fold."""
    if len(units) < settings.folds:
        what = "images" if settings.scheme == "random" else "groups (drives)"
        raise DataError(f"{len(units)} {what} cannot fill {settings.folds} folds; divide into at most {len(units)}")
    folds: list[list[str]] = [[] for _ in range(settings.folds)]
    for unit in sorted(_shuffled(units, settings.seed), key=lambda name: -len(units[name])):
        min(folds, key=len).extend(units[unit])
    validating = folds.pop(settings.fold)
    return {"train": list(chain(*folds)), "val": validating}


def _first_repeated(ids: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            return name
        seen.add(name)
    return None
