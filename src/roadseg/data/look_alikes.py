"""Groups for images of which nobody noted the drive: those that look alike belong together."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from roadseg.data.records import Record
from roadseg.data.similar import hash_files, near_groups
from roadseg.system.files import write_text


def find_groups(records: Sequence[Record], advance: Callable[[], None], threads: int = 1) -> dict[str, str]:
    """The group of each image by id, named after its first image; groups as `similar.near_groups` finds them.

    `advance` is called after each image; raises `DataError` as `hash_files`.
    """
    ordered = sorted(records)
    numbers = near_groups(hash_files([record.image for record in ordered], advance, threads)).tolist()
    first: dict[int, str] = {}
    for record, number in zip(ordered, numbers, strict=True):
        first.setdefault(number, record.id)
    return {record.id: first[number] for record, number in zip(ordered, numbers, strict=True)}


def save(groups: dict[str, str], path: Path) -> None:
    """Write what the key `groups` of a `roadseg.yaml` names. Raises `WorkFailed` as `atomic.write_text`."""
    write_text(path, json.dumps(groups, indent=2, ensure_ascii=False) + "\n")
