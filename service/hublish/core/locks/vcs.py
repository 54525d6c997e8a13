"""Packages of a lock that come from a commit of a git repository: how such a place is written, and which are taken.

Only a whole commit id pins what is built: a branch, a tag or a short id may name something else tomorrow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hublish.core.config.valuetext import parse_relative_path
from hublish.errors import ValueInvalid, clip

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}"
_PATH = r"[A-Za-z0-9_~][A-Za-z0-9._~+-]*(?:/[A-Za-z0-9_~][A-Za-z0-9._~+-]*)*/?"
_USER = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_URL = re.compile(rf"(?:https://|ssh://(?:{_USER}@)?){_HOST}(?::[0-9]{{1,5}})?/{_PATH}")
_SHORT = re.compile(rf"(?P<user>{_USER})@(?P<host>{_HOST}):(?P<path>{_PATH})")
_LOCATION = re.compile(r"git\+(?P<url>[^#]+)@(?P<commit>[0-9a-f]{40})(?:#subdirectory=(?P<folder>.+))?")
_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class VCSPlace:
    """Where a package lies: URL of a git repository (https or ssh), 40 hex digits of a commit, folder ("." for the top)."""

    url: str
    commit: str
    folder: str


def parse_vcs_place(url: str, *, ref: object, folder: object) -> VCSPlace:
    """Parse what a lock says of a package from git.

    Args:
        url: as written, with `git+` before it or not; `user@host:path` counts as ssh.
        ref: of the commit.
        folder: in the repository; None for its top.

    Raises:
        ValueInvalid: no whole commit id, an URL that is not taken, or a folder outside the repository.
    """
    plain = url.removeprefix("git+")
    short = _SHORT.fullmatch(plain)
    if short is not None:
        plain = f"ssh://{short['user']}@{short['host']}/{short['path']}"
    if _URL.fullmatch(plain) is None:
        raise ValueInvalid("expected the URL of a git repository by https or ssh, without variables")
    if not isinstance(ref, str) or _COMMIT.fullmatch(ref) is None:
        shown = f'"{clip(ref, limit=_SHOWN)}"' if isinstance(ref, str) else "none"
        raise ValueInvalid(f"expected a whole commit id of 40 hex digits, got {shown}")
    if folder is not None and not isinstance(folder, str):
        raise ValueInvalid("expected `subdirectory` to be a text")
    return VCSPlace(url=plain, commit=ref, folder=parse_relative_path(folder or "."))


def render_vcs_location(place: VCSPlace) -> str:
    """Render a place as one text, as pip writes it."""
    return f"git+{place.url}@{place.commit}" + ("" if place.folder == "." else f"#subdirectory={place.folder}")


def parse_vcs_location(location: str) -> VCSPlace:
    """Parse what `render_vcs_location` made. Raises ValueInvalid."""
    match = _LOCATION.fullmatch(location)
    if match is None:
        raise ValueInvalid(f'expected the place of a commit, got "{clip(location, limit=_SHOWN)}"')
    return parse_vcs_place(match["url"], ref=match["commit"], folder=match["folder"])
