"""Image references: registry, repository, tag and digest, parsed once and never handled as text again.

Source: OCI distribution-spec v1.1, "Pulling manifests"; the grammar of docker's reference package for `host[:port]/`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NoReturn

from hublish.errors import ReferenceInvalid, clip

TEXT_LIMIT = 4096
REPOSITORY_LIMIT = 255
PORT_LIMIT = 65535

_HOST_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"(?:\[[0-9a-f:]+\]|{_HOST_LABEL}(?:\.{_HOST_LABEL})*)")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One image, or one repository of images when both `tag` and `digest` are None.

    Attributes:
        registry: `host[:port]`, lower case.
        repository: path on the registry, e.g. "team/ts".
        tag: None when the text has none; never assumed to be "latest".
        digest: "sha256:" and 64 hex digits, or None.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """`registry/repository` without tag and digest."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        digest = "" if self.digest is None else f"@{self.digest}"
        return f"{self.name}{tag}{digest}"

    def with_tag(self, tag: str) -> Reference:
        """The same repository under another tag, without a digest."""
        return replace(self, tag=tag, digest=None)

    def with_digest(self, digest: str) -> Reference:
        """The same repository pinned to `digest`, without a tag."""
        return replace(self, tag=None, digest=digest)


def is_tag(text: str) -> bool:
    """Tell whether `text` may stand as a tag: 1 to 128 of letters, digits, `_`, `.`, `-`; not first `.` or `-`."""
    return _TAG.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Tell whether `text` is "sha256:" and 64 lower-case hex digits, the one form hublish stores and compares."""
    return _DIGEST.fullmatch(text) is not None


def parse_reference(text: str, *, default_registry: str | None = None) -> Reference:
    """Parse an image reference into registry, repository, tag and digest.

    The first part is a registry when it holds `.` or `:` or is `localhost`: `localhost:5000/img` has a port and no tag,
    `localhost:5000` alone is the repository `localhost` with the tag `5000`. On Docker Hub (`docker.io`) a repository
    of one part is `library/NAME`, as every client reads it.

    Args:
        text: `[host[:port]/]path[:tag][@sha256:hex]`, ASCII, at most 4096 characters. sha512 digests are refused:
            hublish pins, compares and stores sha256 only.
        default_registry: host used when `text` names none; None makes that an error.

    Returns:
        A Reference whose `tag` is None, never "latest", when `text` has none.

    Raises:
        ReferenceInvalid: grammar violated; `.offset` is the 0-based first bad character.

    Source:
        OCI distribution-spec v1.1, pulling manifests; docker's distribution/reference grammar.
    """
    _verify_characters(text)
    head, at, digest = text.partition("@")
    slash = head.rfind("/")
    colon = head.find(":", slash + 1)
    name = head if colon == -1 else head[:colon]
    # Read from left to right, so that the offset is that of the first fault.
    registry, repository = _parse_name(text, name, default_registry)
    tag = None if colon == -1 else _parse_tag(text, start=colon + 1, end=len(head))
    if at and not is_digest(digest):
        _refuse(text, offset=_digest_fault(text, len(head) + 1), expected="a digest as sha256: and 64 hex digits")
    return Reference(registry=registry, repository=repository, tag=tag, digest=digest if at else None)


def parse_repository(text: str, *, default_registry: str | None = None) -> Reference:
    """Parse a reference that must name a whole repository: neither tag nor digest.

    Args:
        text: `[host[:port]/]path`.
        default_registry: host used when `text` names none; None makes that an error.

    Returns:
        A Reference whose `tag` and `digest` are None.

    Raises:
        ReferenceInvalid: grammar violated, or a tag or digest given; `.offset` is where it starts.
    """
    reference = parse_reference(text, default_registry=default_registry)
    if reference.tag is not None or reference.digest is not None:
        end = (
            text.find("@") if reference.tag is None else text.find(":", text.rfind("/", 0, (text + "@").find("@")) + 1)
        )
        _refuse(text, offset=end, expected="a repository without tag and digest")
    return reference


def _verify_characters(text: str) -> None:
    if len(text) > TEXT_LIMIT:
        _refuse(text, offset=TEXT_LIMIT, expected=f"at most {TEXT_LIMIT} characters")
    for offset, character in enumerate(text):
        if not "!" <= character <= "~":
            _refuse(text, offset=offset, expected="ASCII without white space")


def _parse_name(text: str, name: str, default_registry: str | None) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    start = 0
    if slash and ("." in first or ":" in first or first.lower() == "localhost"):
        registry, path, start = _parse_registry(text, first), rest, len(first) + 1
    elif default_registry is None:
        raise ReferenceInvalid(
            f"Expected a registry before the repository in the image reference {clip(text)!r}, got none.",
            offset=0,
            hint="Write the registry's host first, e.g. registry.example.org/team/image.",
        )
    else:
        registry, path = default_registry.lower(), name
    _verify_path(text, path, start)
    if registry in ("docker.io", "index.docker.io"):
        return "docker.io", path if "/" in path else f"library/{path}"
    return registry, path


def _parse_registry(text: str, first: str) -> str:
    lowered = first.lower()
    host = _HOST.match(lowered)
    end = 0 if host is None else host.end()
    if end == 0:
        _refuse(text, offset=end, expected="a host name")
    port = lowered[end + 1 :]
    if end == len(lowered):
        return lowered
    if lowered[end] != ":":
        _refuse(text, offset=end, expected="a host name of letters, digits, '-' and '.'")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) <= PORT_LIMIT:
        _refuse(text, offset=end + 1, expected="a port from 1 to 65535")
    return lowered


def _verify_path(text: str, path: str, start: int) -> None:
    offset = start
    for component in path.split("/"):
        match = _COMPONENT.match(component)
        good = 0 if match is None else match.end()
        if good < max(len(component), 1):
            _refuse(
                text,
                offset=offset + good,
                expected="a repository in lower-case letters and digits, separated by '.', '_', '__', '-' or '/'",
            )
        offset += len(component) + 1
    if len(path) > REPOSITORY_LIMIT:
        _refuse(
            text, offset=start + REPOSITORY_LIMIT, expected=f"a repository of at most {REPOSITORY_LIMIT} characters"
        )


def _parse_tag(text: str, *, start: int, end: int) -> str:
    match = _TAG.match(text, start, end)
    good = start if match is None else match.end()
    if good < max(end, start + 1):
        _refuse(text, offset=good, expected="a tag of 1 to 128 letters, digits, '_', '.' and '-'")
    return text[start:end]


def _digest_fault(text: str, start: int) -> int:
    wanted = "sha256:"
    for index, character in enumerate(wanted):
        if text[start + index : start + index + 1] != character:
            return start + index
    digits = re.match(r"[0-9a-f]{0,64}", text[start + len(wanted) :])
    return start + len(wanted) + (0 if digits is None else digits.end())


def _refuse(text: str, *, offset: int, expected: str) -> NoReturn:
    got = repr(text[offset]) if offset < len(text) else "the end"
    raise ReferenceInvalid(
        f"Expected {expected} at character {offset + 1} of the image reference {clip(text)!r}, got {got}.",
        offset=offset,
        hint="An image reference is HOST[:PORT]/PATH[:TAG][@sha256:DIGEST], e.g. registry.example.org/team/image:v1.",
    )
