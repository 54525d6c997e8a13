"""`WWW-Authenticate` headers, parsed: which scheme a registry asks for and where its token service is.

Source: RFC 9110, section 11.6.1; the "Token Authentication Specification" of the distribution project.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HEADER_LIMIT = 8192

_SCHEME = re.compile(r"\s*,?\s*([A-Za-z][A-Za-z0-9_.-]*)(?=\s|,|$)\s*")
_PARAMETER = re.compile(r'\s*,?\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One challenge: scheme in lower case ("bearer", "basic"), parameters by lower-case name."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Parse the values of all `WWW-Authenticate` headers of an answer, in order.

    Args:
        headers: the values; one may hold several challenges, and only its first 8,192 characters count.

    Returns:
        What could be read; the rest of a header after a fault is left out.
    """
    found: list[Challenge] = []
    for header in headers:
        text, position = header[:HEADER_LIMIT], 0
        while (scheme := _SCHEME.match(text, position)) is not None:
            position = scheme.end()
            parameters: dict[str, str] = {}
            while (parameter := _PARAMETER.match(text, position)) is not None:
                quoted = parameter[2]
                value = parameter[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                parameters[parameter[1].lower()] = value
                position = parameter.end()
            found.append(Challenge(scheme=scheme[1].lower(), parameters=parameters))
    return tuple(found)
