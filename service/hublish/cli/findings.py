"""Findings as compilers print them: `path:line:column: error[Code]: message`, then the hint, then the source line.

Pure text; `screen` decides about colours. Files that no longer can be read are shown without their line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from hublish.core.finding import Finding, Severity
from hublish.errors import clip

SOURCE_LINE_LIMIT = 160


def render_finding(finding: Finding, *, source: str | None = None) -> str:
    """Render one finding.

    Args:
        finding: what to show.
        source: text of the file it is about; None shows no source line.
    Returns:
        One to four lines without a final line end.
    """
    lines = [f"{finding.place}: {finding.severity.value}[{finding.code}]: {finding.message}"]
    lines.extend(_render_excerpt(finding, source))
    if finding.hint:
        lines.append(f"  hint: {finding.hint}")
    return "\n".join(lines)


def _render_excerpt(finding: Finding, source: str | None) -> list[str]:
    if source is None or finding.line is None:
        return []
    lines = source.splitlines()
    if finding.line > len(lines):
        return []
    number = str(finding.line)
    # The indentation is kept by hand, because `clip` folds white space, so that the caret stands under its column.
    raw = lines[finding.line - 1].expandtabs(1)[:SOURCE_LINE_LIMIT]
    text = "".join(character if character.isprintable() else " " for character in raw)
    excerpt = [f"  {number} | {text}"]
    if finding.column is not None and finding.column <= len(text) + 1:
        excerpt.append(f"  {' ' * len(number)} | {' ' * (finding.column - 1)}^")
    return excerpt


def render_summary(findings: Sequence[Finding]) -> str:
    """Render how many findings of each severity there are, e.g. "2 errors, 1 warning"; "no findings" when none."""
    counts = Counter(finding.severity for finding in findings)
    parts = [
        f"{counts[severity]} {severity.value}{'' if counts[severity] == 1 else 's'}"
        for severity in Severity
        if counts[severity]
    ]
    return ", ".join(parts) or "no findings"


def make_finding_document(finding: Finding) -> Mapping[str, object]:
    """Make the JSON object of a finding: all fields, None where unknown."""
    return {
        "severity": finding.severity.value,
        "code": finding.code,
        "message": clip(finding.message, limit=4096),
        "hint": finding.hint,
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "key": finding.key,
    }
