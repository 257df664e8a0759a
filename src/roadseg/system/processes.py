"""Whether torchrun started several processes, and which of them this is; without asking torch."""

from __future__ import annotations

import os


def is_main_process() -> bool:
    """Of several that torchrun started; without asking torch."""
    return os.environ.get("RANK", "0") == "0"


def several_processes() -> bool:
    """Whether torchrun started more than this one; without asking torch."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1
