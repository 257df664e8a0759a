"""One result of a check: severity, files, and remedy."""

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "hint")
"""An error stops training or makes its scores wrong; a warning is for a person to look at; a hint is information."""

Mark = Literal["", "shift", "between", "unlabelled", "pair"]
"""What the montage shows of a finding besides image and label."""


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    `what` describes it in a sentence, `remedy` says how to fix it. `files`: the files concerned, the worst first; with
    `mark="pair"` each two consecutive files form a pair. `details`: measured values by name.
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
        """Number of files, or of pairs."""
        return len(self.files) // 2 if self.mark == "pair" else len(self.files)

    def as_json(self) -> dict[str, Any]:
        """The entry of `check.json`; pairs are lists of two."""
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
    """Errors first, then warnings, then hints; the order is otherwise kept."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
