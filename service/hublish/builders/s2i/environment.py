"""`.s2i/environment`: which variables a repository gives its builder, line by line.

`NAME=value`; both are trimmed, quotes stay part of the value, nothing is expanded. Lines that s2i itself skips are
skipped with a warning; those it would turn into a Dockerfile that no engine reads are errors.

Source:
    source-to-image 1.5.1, scripts/environment.go.
"""

from __future__ import annotations

import re

from hublish.core.finding import Finding, Severity
from hublish.errors import clip

ENVIRONMENT_PATH = ".s2i/environment"
# The reader s2i uses gives up at such a line and silently drops it and all that follow.
LINE_LIMIT_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,254}", re.ASCII)

Variables = tuple[tuple[str, str], ...]


def parse_environment(body: bytes, *, path: str = ENVIRONMENT_PATH) -> tuple[Variables, tuple[Finding, ...]]:
    """Parse the file.

    Args:
        body: its bytes; what is no UTF-8 is an error.
        path: its path in the repository, for findings.

    Returns:
        `(variables in order, findings)`; a name may come twice, the last one counts.
    """
    variables: list[tuple[str, str]] = []
    findings: list[Finding] = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        fault = _read_line(line, variables)
        if fault is not None:
            severity, message, hint = fault
            code = "EnvironmentLineInvalid" if severity is Severity.ERROR else "EnvironmentLineUnread"
            findings.append(Finding(severity=severity, code=code, message=message, hint=hint, path=path, line=number))
    return tuple(variables), tuple(findings)


def _read_line(body: bytes, variables: list[tuple[str, str]]) -> tuple[Severity, str, str] | None:
    if len(body) >= LINE_LIMIT_BYTES:
        return Severity.ERROR, f"a line of {len(body)} bytes; s2i reads less than {LINE_LIMIT_BYTES}", "shorten it"
    try:
        line = body.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        return Severity.ERROR, "expected text in UTF-8", "save the file as UTF-8"
    if line.startswith("#") or not line.strip():
        return None
    name, equals, value = line.partition("=")
    if not equals or not name:
        return (
            Severity.WARNING,
            f'expected NAME=value, got "{clip(line, limit=80)}"; it is not read',
            "add = and a value",
        )
    variables.append((name.strip(), value.strip()))
    return _check_variable(*variables[-1])


def _check_variable(name: str, value: str) -> tuple[Severity, str, str] | None:
    if _NAME.fullmatch(name) is None:
        hint = "write NAME=value; a comment starts with # in the first column, and there is no `export`"
        return Severity.ERROR, f'expected the name of a variable before =, got "{clip(name, limit=80)}"', hint
    if not all(character.isprintable() or character == "\t" for character in value):
        return Severity.ERROR, f"the value of {name} holds a control character", "remove it"
    return None
