"""Findings as GitHub shows them: lines of a comment or summary, and annotations beside the code. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable

from hublish.core.answers.markdown import code_span, escape_inline
from hublish.core.finding import Finding, Severity
from hublish.core.github.ports import Annotation

LINES_LIMIT = 50
LIMIT_CHARACTERS = 20_000
"""What findings may take of a comment: GitHub refuses one over 65,536 characters, and then nothing would be said."""

_LEVELS = {Severity.ERROR: "failure", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def render_findings(findings: tuple[Finding, ...]) -> list[str]:
    """Render findings as items of a Markdown list: at most 50, and a last one that says how many are left out."""
    lines: list[str] = []
    room = LIMIT_CHARACTERS
    for finding in findings[:LINES_LIMIT]:
        line = f"- {_render_finding(finding)}"
        room -= len(line)
        if room < 0:
            break
        lines.append(line)
    left = len(findings) - len(lines)
    return [*lines, f"- and {left} more; `hublish validate` shows all of them"] if left else lines


def _render_finding(finding: Finding) -> str:
    hint = f" ({escape_inline(finding.hint, limit=512)})" if finding.hint else ""
    where = code_span(finding.place)
    return f"{finding.severity.value}, {where}: {escape_inline(finding.message, limit=1024)}{hint}"


def make_annotations(findings: Iterable[Finding]) -> tuple[Annotation, ...]:
    """Make the annotations of findings, in their order; a finding without a line has no place to stand at."""
    return tuple(
        Annotation(
            path=finding.path,
            line=finding.line,
            column=finding.column,
            level=_LEVELS[finding.severity],
            title=finding.code,
            message=f"{finding.message}\n{finding.hint}" if finding.hint else finding.message,
        )
        for finding in findings
        if finding.line is not None
    )
