"""The sources of a Pipfile.lock: package indexes by name, their URLs kept as written.

`${VAR}` is never expanded here. A password or token written into a URL is refused, and no URL is ever repeated in a
message. Whether a host may be asked is the operator's to say, elsewhere.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from hublish.core.finding import Finding, Severity
from hublish.core.locks.lock import IndexSource
from hublish.core.place import KeyPath
from hublish.core.trees.jsontree import JSONTree
from hublish.errors import clip

SOURCES_LIMIT = 50
NAME_LIMIT = 128
_VARIABLE = re.compile(r"\$(?:\{[^{}]*\}|[A-Za-z_][A-Za-z0-9_]*)")
_URL = re.compile(r"[!-~]{1,2048}")
_HOST = re.compile(r"[A-Za-z0-9_.:%$\{\}\[\]-]+")
_REPAIR = "correct [[source]] in the Pipfile, run `pipenv lock` and commit Pipfile.lock"


def read_sources(tree: JSONTree, at: KeyPath) -> tuple[tuple[IndexSource, ...], list[Finding]]:
    """Read the list of sources that stands at `at`; the parent of `at` is a mapping."""
    value = tree.value
    for part in at[:-1]:
        value = value[part]
    entries = value.get(at[-1])
    if not isinstance(entries, list) or not entries or len(entries) > SOURCES_LIMIT:
        message = f"expected a list of 1 to {SOURCES_LIMIT} package sources"
        return (), [tree.make_finding("SourcesMissing", message, at=at, hint=_REPAIR)]
    sources: list[IndexSource] = []
    findings: list[Finding] = []
    for index, entry in enumerate(entries):
        source = _read_source(tree, entry, (*at, index), findings)
        if source is None:
            continue
        if source.name in {other.name for other in sources}:
            message = f'two sources are called "{clip(source.name, limit=80)}"'
            findings.append(tree.make_finding("SourceInvalid", message, at=(*at, index), hint=_REPAIR))
        sources.append(source)
    return tuple(sources), findings


def has_secret(url: str) -> bool:
    """Tell whether a URL carries a password or token in plain text; `${VAR}` in its place is none."""
    authority = url.partition("://")[2]
    user_info, at, _ = re.split(r"[/?#]", authority, maxsplit=1)[0].rpartition("@")
    user, colon, password = user_info.partition(":")
    # `ssh://git@host` names a user, not a secret; over HTTP a lone user name is how tokens are passed.
    over_ssh = "ssh" in url.partition("://")[0]
    secret = password if colon or over_ssh else user
    return bool(at) and _VARIABLE.sub("", secret) != ""


def _read_source(tree: JSONTree, entry: Any, at: KeyPath, findings: list[Finding]) -> IndexSource | None:
    if not isinstance(entry, dict):
        findings.append(tree.make_finding("SourceInvalid", "expected an object with name and url", at=at, hint=_REPAIR))
        return None
    name, url, verify_ssl = entry.get("name"), entry.get("url"), entry.get("verify_ssl", True)
    if not isinstance(name, str) or not isinstance(url, str) or not isinstance(verify_ssl, bool):
        message = "expected `name` and `url` to be texts and `verify_ssl` to be true or false"
        findings.append(tree.make_finding("SourceInvalid", message, at=at, hint=_REPAIR))
        return None
    fault = find_source_fault(name, url)
    if fault is not None:
        code, message = fault
        findings.append(tree.make_finding(code, message, at=at, hint=_REPAIR))
        return None
    if not verify_ssl:
        shown = clip(name, limit=80)
        message = f'the certificate of the source "{shown}" is not to be verified; most operators refuse that'
        hint = "remove `verify_ssl = false` from the Pipfile and lock again"
        findings.append(
            tree.make_finding("TLSUnverified", message, at=(*at, "verify_ssl"), hint=hint, severity=Severity.WARNING)
        )
    return IndexSource(name=name, url=url.rstrip("/"), verify_ssl=verify_ssl)


def find_source_fault(name: str, url: str) -> tuple[str, str] | None:
    """Find what is wrong with a source of any lock: `(code, message)`, or None; the URL is never repeated."""
    if not 1 <= len(name) <= NAME_LIMIT or not name.isprintable():
        return "SourceInvalid", f"expected `name` to be 1 to {NAME_LIMIT} printable characters"
    if _URL.fullmatch(url) is None:
        return "SourceInvalid", "expected `url` to be a URL of at most 2048 ASCII characters without spaces"
    if has_secret(url):
        return (
            "SecretInURL",
            "the URL holds a password or token in plain text; anyone who can read the repository has it",
        )
    # A whole address that comes from a variable is judged once somebody may expand it.
    if not url.startswith("$") and not _is_index(url):
        return "SourceInvalid", "expected `url` to be http(s)://host/path without a query"
    return None


def _is_index(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.netloc.rpartition("@")[2]
    plain = parts.scheme in ("http", "https") and _HOST.fullmatch(host) is not None and port != 0
    return plain and not parts.query and not parts.fragment
