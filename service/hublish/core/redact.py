"""Secrets taken out of text before it is stored or shown: tokens by their shape, credentials in URLs.

GitHub's tokens have no fixed length (installation tokens are about 520 characters since 2026), so a known prefix and
everything after it that can belong to a token goes. Where letters stand right before the prefix (`%3Aghs_...` in an
encoded URL) only what is as long as a token counts: "laughs_loudly" is a word.
"""

from __future__ import annotations

import re

MASK = "***"

_PREFIX = r"(?:gh[oprsu]_|github_pat_)"
_MARKS = ("gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_")
_TOKEN = re.compile(rf"\b{_PREFIX}[A-Za-z0-9._-]+|{_PREFIX}[A-Za-z0-9._-]{{30,}}")
# A password may hold an unencoded "@": everything up to the last one of the authority goes.
_URL_CREDENTIALS = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,20}://)[^/?#\s\"]+@", re.IGNORECASE)
_HEADER = re.compile(
    r"(?P<name>\bauthorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)\s+)[^\s\"']+", re.IGNORECASE
)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+")


def redact(text: str) -> str:
    """Replace what looks like a secret by `***`; the rest stays as it is."""
    # Builds print hundreds of megabytes without any: to look for the words first is many times as fast as the patterns.
    if "authorization" in text.lower():
        text = _HEADER.sub(rf"\g<name>{MASK}", text)
    if any(mark in text for mark in _MARKS):
        text = _TOKEN.sub(MASK, text)
    if "eyJ" in text:
        text = _JWT.sub(MASK, text)
    if "://" in text:
        text = _URL_CREDENTIALS.sub(rf"\g<scheme>{MASK}@", text)
    return text
