"""What a check finds, as data: how bad it is, in which files, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "hint")
"""An error stops training or spoils what is learnt or scored; a warning needs a person's eye; a hint is to know."""

Mark = Literal["", "shift", "between", "unlabelled", "pair"]
"""What a picture of the finding shows besides image and label."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    `what` says it in a sentence, `remedy` how to mend it. `files` are the files concerned, the worst first; for
    `mark="pair"` two after each other belong together. `count` is their number, or that of the pairs. `details` has
    the measured values.
    """

    subject: str
    severity: Severity
    what: str
    remedy: str
    files: tuple[str, ...] = ()
    mark: Mark = ""
    details: tuple[tuple[str, Any], ...] = ()

    @property
    def count(self) -> int:
        """How many files, or pairs of them."""
        return len(self.files) // 2 if self.mark == "pair" else len(self.files)

    def as_json(self) -> dict[str, Any]:
        """Everything, for `check.json`; pairs are lists of two."""
        files: list[Any] = list(self.files)
        if self.mark == "pair":
            files = [list(pair) for pair in zip(files[::2], files[1::2], strict=True)]
        return {
            "subject": self.subject,
            "severity": self.severity,
            "what": self.what,
            "remedy": self.remedy,
            "count": self.count,
            "files": files,
            "details": dict(self.details),
        }


def in_order(findings: list[Finding]) -> list[Finding]:
    """Errors first, then warnings and hints; otherwise as they were found."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
