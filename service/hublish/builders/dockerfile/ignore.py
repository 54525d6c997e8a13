"""`.dockerignore`: which files of the context stay out, as engines decide it.

Patterns name paths from the context's top folder and hide all below; `**` crosses slashes; `!` takes back, and the last
pattern that fits counts. An engine is given what is left and reads no ignore file of its own.

Source:
    Dockerfile reference, ".dockerignore file"; moby/patternmatcher.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from hublish.builders.containers.gopattern import clean_path, compile_pattern
from hublish.core.finding import Finding, Severity
from hublish.errors import ValueInvalid, clip

# In the order they count: one beside the Dockerfile, Podman's own name, Docker's.
IGNORE_NAMES = (".containerignore", ".dockerignore")
_ESCAPED = ".+()|{}$"
_SIGNS = re.compile(r"[*?\[\]\\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One line: what it fits, and whether it takes back."""

    expression: re.Pattern[str]
    negated: bool


def choose_ignore_file(paths: frozenset[str], *, dockerfile: str, prefix: str) -> str | None:
    """Choose the ignore file.

    Args:
        paths: all paths of the source tree.
        dockerfile: path of the Dockerfile.
        prefix: the context folder with a slash at its end; "" for the top folder.
    """
    names = (f"{dockerfile}{IGNORE_NAMES[1]}", *(prefix + name for name in IGNORE_NAMES))
    return next((name for name in names if name in paths), None)


def parse_ignore_file(body: bytes, *, path: str) -> tuple[tuple[Pattern, ...], tuple[Finding, ...]]:
    """Parse an ignore file.

    Args:
        body: its bytes.
        path: in the repository, for findings.

    Returns:
        `(patterns in order, findings)`; a pattern no engine takes is an error.
    """
    patterns = []
    findings = []
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        text = line.decode(errors="surrogateescape")
        if text.startswith("#") or not text.strip():
            continue
        try:
            pattern = _parse_pattern(text.strip())
        except ValueInvalid as error:
            findings.append(
                Finding(
                    severity=Severity.ERROR, code="IgnorePatternInvalid", message=error.message, path=path, line=number
                )
            )
            continue
        patterns.append(pattern)
    return tuple(patterns), tuple(findings)


def find_hidden(patterns: tuple[Pattern, ...], paths: Iterable[str]) -> frozenset[str]:
    """The paths among `paths` that the patterns hide."""
    if not patterns:
        return frozenset()
    known: dict[str, tuple[bool, ...]] = {"": (False,) * len(patterns)}

    def fit(path: str) -> tuple[bool, ...]:
        """For each pattern, whether it fits the path or a folder above it, as far as that was asked."""
        if path not in known:
            above = fit(path.rpartition("/")[0])
            hidden, fits = False, []
            for pattern, inherited in zip(patterns, above, strict=True):
                # A pattern is asked only where it would change the answer, and folders hand on what was asked.
                asked = inherited or (pattern.negated == hidden and pattern.expression.fullmatch(path) is not None)
                hidden = not pattern.negated if asked else hidden
                fits.append(asked)
            known[path] = tuple(fits)
        return known[path]

    def hide(path: str) -> bool:
        last = next((i for i in range(len(patterns) - 1, -1, -1) if fit(path)[i]), None)
        return last is not None and not patterns[last].negated

    return frozenset(path for path in paths if hide(path))


def _parse_pattern(text: str) -> Pattern:
    negated = text.startswith("!")
    text = text[1:].strip() if negated else text
    text = clean_path(text) if text else ""
    if len(text) > 1:
        text = text.removeprefix("/")
    if not negated and text.startswith("!"):
        # Docker looks for ! once more when the slash before it is gone.
        negated, text = True, text[1:]
    if not text or (negated and text == "/"):
        raise ValueInvalid("expected a pattern behind !")
    # What Go's matcher refuses, engines refuse, although they match by rules of their own.
    compile_pattern(text)
    try:
        with warnings.catch_warnings():
            # Python announces another meaning of [[ and -- in classes for some day; today it has Go's.
            warnings.simplefilter("ignore", FutureWarning)
            expression = re.compile(_translate(text), re.DOTALL)
    except re.error as error:
        raise ValueInvalid(f'the pattern "{clip(text, limit=80)}" is not complete: {error.msg}') from error
    return Pattern(expression=expression, negated=negated)


def _translate(text: str) -> str:
    """The expression of a pattern; what starts with `**` and has no other sign fits any path that ends with the rest."""
    plain = text.removeprefix("**")
    if not _SIGNS.search(plain):
        if plain == text:
            return re.escape(text)
        return ".*" + re.escape(plain) + ("|" + re.escape(plain[1:]) if plain.startswith("/") else "")
    result, index = "", 0
    while index < len(text):
        character = text[index]
        index += 1
        if character == "*" and text[index : index + 1] == "*":
            index += 1
            index += text[index : index + 1] == "/"
            result += ".*" if index == len(text) else "(?:.*/)?"
        elif character == "*":
            result += "[^/]*"
        elif character == "?":
            result += "[^/]"
        elif character in _ESCAPED:
            result += "\\" + character
        elif character == "\\":
            result += character + text[index : index + 1]
            index += 1
        else:
            result += character
    return result
