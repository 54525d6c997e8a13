"""Names of git refs as people and payloads give them: which text may be taken for a tag, a branch or a commit.

Decides only whether a text can be a ref's name; whether it exists is asked of GitHub. A text that passes holds no
space, no control character and no leading dash, so that it can neither split a command line nor become an option.

Source: git-check-ref-format(1).
"""

from __future__ import annotations

import re

REF_LIMIT_BYTES = 200

_FORBIDDEN = re.compile(r"[\s~^:?*\[\\\x00-\x20\x7f]|\.\.|@\{|//|/\.|\.lock(?:/|$)")


def is_ref_name(text: str) -> bool:
    """Tell whether a text can be the short name of a tag or branch, or a commit's SHA.

    Args:
        text: the name without `refs/tags/` or `refs/heads/`.

    Returns:
        True when git accepts it as a ref's name, it is printable, does not start with a dash and has at most
        `REF_LIMIT_BYTES` bytes of UTF-8.
    """
    if not text or not text.isprintable() or len(text.encode()) > REF_LIMIT_BYTES:
        return False
    if text.startswith(("-", "/", ".")) or text.endswith(("/", ".")) or text == "@":
        return False
    return _FORBIDDEN.search(text) is None


def is_full_sha(text: str) -> bool:
    """Tell whether a text is the full SHA-1 of a commit: 40 lower-case hex digits."""
    return re.fullmatch(r"[0-9a-f]{40}", text) is not None


def is_sha_prefix(text: str) -> bool:
    """Tell whether a text may be a commit's SHA, full or cut to at least 7 hex digits."""
    return re.fullmatch(r"[0-9a-fA-F]{7,40}", text) is not None
