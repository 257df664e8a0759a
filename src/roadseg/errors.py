"""The errors that a person may see: one or two lines that say what is wrong, where, and how to fix it."""

from collections.abc import Iterable
from difflib import get_close_matches

LIKE = 0.76
"""How alike two words are of which one may be meant by the other (`difflib`, 0 to 1): segformer is no segnet."""


def closest(given: str, known: Iterable[str], before: str = "") -> str:
    """`did you mean ...? ` with the known word that is spelt like `given`, or nothing where none is near.

    `before` is put in front of it.
    """
    near = get_close_matches(given, list(known), n=1, cutoff=LIKE)
    return f"did you mean {before}{near[0]}? " if near else ""


class RoadsegError(ValueError):
    """Wrong usage or bad input; the command line prints the message alone and leaves with exit code 2."""


class ConfigError(RoadsegError):
    """A setting that is unknown, out of range, or at odds with another one."""


class DataError(RoadsegError):
    """A file or folder of images and labels that is missing, unreadable, or not what the data set says."""


class WeightsError(RoadsegError):
    """A weights file that is missing, damaged, unsafe to read, or made for another model."""


class RunError(RoadsegError):
    """A run directory that is missing, incomplete, damaged, or at odds with what is asked of it."""


class WorkFailed(RuntimeError):
    """The input was fine and the work still failed (full disk, loss not finite); exit code 1."""


OUT_OF_MEMORY = (
    "out of memory; lower --train.batch_size, --transforms.crop or --model.width, or set --train.recompute true"
)


def out_of_memory(error: BaseException) -> bool:
    """Whether Python, torch on a CPU or a GPU, or a library below it (oneDNN, cuBLAS, cuDNN) ran out of memory."""
    text = str(error)
    told = any(words in text for words in ("allocate memory", "out of memory", "ALLOC_FAILED", "ALLOCATION_FAILED"))
    return told or text == "could not create a primitive" or isinstance(error, MemoryError)
