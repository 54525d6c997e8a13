"""What the GitHub App may do: the permissions it is registered with, and the part of them each kind of call gets.

Every token is minted for one repository and one of the sets below, so that a leaked token of a read can write nothing.
`docs/reference/permissions.md` shows the same table; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

APP_PERMISSIONS: Mapping[str, str] = MappingProxyType(
    {
        "checks": "write",
        "contents": "write",
        "issues": "write",
        "members": "read",
        "metadata": "read",
        "pull_requests": "write",
    }
)

APP_EVENTS: tuple[str, ...] = (
    "check_run",
    "check_suite",
    "create",
    "issue_comment",
    "issues",
    "pull_request",
    "push",
    "release",
)


class Scope(Enum):
    """A set of permissions for one kind of call, as GitHub's token request names them."""

    METADATA = (("metadata", "read"),)
    MEMBERS_READ = (("members", "read"), ("metadata", "read"))
    CONTENTS_READ = (("contents", "read"), ("metadata", "read"))
    PULL_REQUESTS_READ = (("contents", "read"), ("metadata", "read"), ("pull_requests", "read"))
    ISSUES_WRITE = (("issues", "write"), ("metadata", "read"), ("pull_requests", "write"))
    COMMIT_COMMENTS_WRITE = (("contents", "write"), ("metadata", "read"))
    CHECKS_WRITE = (("checks", "write"), ("metadata", "read"))
    HUB_WRITE = (("contents", "write"), ("metadata", "read"), ("pull_requests", "write"))

    @property
    def permissions(self) -> dict[str, str]:
        """The set as the body of a token request holds it."""
        return dict(self.value)

    @property
    def text(self) -> str:
        """The set for people, e.g. "contents: read, metadata: read"."""
        return ", ".join(f"{name}: {access}" for name, access in self.value)
