"""Where files lie, as a text with placeholders such as `images/{split}/{id}.png`, and the files that fit it."""

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PLACEHOLDERS = {"id": r".+", "split": r"[^/]+", "group": r"[^/]+"}
"""Only an id may span folders."""

ANY_ENDING = ".*"
IMAGE_ENDINGS = r"\.(?i:jpe?g|png)"


@dataclass(frozen=True)
class Template:
    """A path below a data set's top folder. Raises `ValueError` for a text that cannot be one."""

    text: str

    def __post_init__(self) -> None:
        unknown = [name for name in self.names if name not in PLACEHOLDERS]
        if unknown:
            raise ValueError(f"{{{unknown[0]}}} is not a placeholder; there are {{id}}, {{split}} and {{group}}")
        if re.search(r"[{}]", re.sub(r"{\w+}", "", self.text)):
            raise ValueError("a brace is left over; write placeholders as {id}, {split} and {group}")
        if "id" not in self.names:
            raise ValueError("{id} is missing; it stands for the part of the path that tells the images apart")
        if self.text.startswith("/") or {"..", "."} & set(self.text.split("/")):
            raise ValueError("the path must lead down from the data set's top folder; leave out a first /, . and ..")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The placeholders in the order of their first appearance."""
        return tuple(dict.fromkeys(re.findall(r"{(\w+)}", self.text)))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Fits paths below the top folder; each placeholder is a named group."""
        text = self.text.removesuffix(ANY_ENDING)
        regex = ""
        for fixed, name in re.findall(r"([^{}]*)(?:{(\w+)})?", text):
            regex += re.escape(fixed)
            if name:
                regex += f"(?P={name})" if f"(?P<{name}>" in regex else f"(?P<{name}>{PLACEHOLDERS[name]})"
        return re.compile(regex + (IMAGE_ENDINGS if text != self.text else ""))

    def files(self, root: Path) -> dict[Path, dict[str, str]]:
        """The files below `root` that fit, sorted, each with what its placeholders stand for.

        Links are followed; hidden files are passed over.
        """
        found = {}
        start = root / self.text[: self.text.index("{")].rpartition("/")[0]
        for folder, _, names in os.walk(start, followlinks=True):
            for path in (Path(folder) / name for name in names if not name.startswith(".")):
                fit = self.pattern.fullmatch(path.relative_to(root).as_posix())
                if fit:
                    found[path] = fit.groupdict()
        return dict(sorted(found.items()))
