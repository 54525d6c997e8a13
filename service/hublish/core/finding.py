"""A finding: one fault or remark about one place in a file. Findings are collected, never raised one by one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How much a finding weighs; only an error stops a build."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault or remark.

    Attributes:
        severity: only ERROR stops the build.
        code: stable CamelCase name, e.g. "UnknownKey".
        message: what was expected and what came; foreign text already clipped.
        hint: what to do, e.g. the likely key or the command to run; may be empty.
        path: file within the repository, POSIX, e.g. ".hublish.yaml".
        line: 1-based line in `path`; None when the whole file is meant.
        column: 1-based column; None when unknown.
        key: dotted key path, list items as `[i]`, e.g. "image.tags[1]"; None when none applies.
    """

    severity: Severity
    code: str
    message: str
    path: str
    hint: str = ""
    line: int | None = None
    column: int | None = None
    key: str | None = None

    @property
    def place(self) -> str:
        """`path:line:column` as compilers print it, without the parts that are unknown."""
        return ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)


def has_error(findings: tuple[Finding, ...]) -> bool:
    """Tell whether any finding stops the build."""
    return any(finding.severity is Severity.ERROR for finding in findings)
