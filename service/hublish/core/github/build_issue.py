"""The build issue: an issue titled "Deliver Container Image" whose body names a tag.

The issue template of the ancestor service is in use in many repositories, with notes and links around the one line
that counts: `Tag: v1.2.3`. Only that line is read here; whether the tag exists is asked of GitHub later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hublish.core.gitref import is_ref_name
from hublish.errors import clip

BUILD_ISSUE_TITLE = "Deliver Container Image"
USAGE = "Write one line `Tag: v1.2.3` with a tag of this repository into the issue's text, then close and reopen it."

_BODY_LIMIT = 65_536
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG_LINE = re.compile(r"[ \t]*(?:[-*+][ \t]+)?[*_`]*tag[*_`]*[ \t]*:(?:[*_`]+(?=\s))?(?P<value>.*)", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"v?x\.y\.z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueTag:
    """What a build issue asks for.

    Attributes:
        tag: the tag; None when the body does not name exactly one.
        problem: why there is no tag, in one sentence; None when there is one.
    """

    tag: str | None
    problem: str | None


def is_build_issue(title: str) -> bool:
    """Tell whether an issue's title asks for a build; case and surrounding or doubled spaces do not count."""
    return " ".join(title.split()).casefold() == BUILD_ISSUE_TITLE.casefold()


def parse_issue_tag(body: str | None) -> IssueTag:
    """Read the tag from a build issue's body.

    Args:
        body: Markdown as GitHub stores it; None when the issue has no text. Line ends may be CRLF; `Tag` and the tag
            may be bold, italic, in a code span or an item of a list; HTML comments are left out.

    Returns:
        The tag, or the problem that the answer tells.
    """
    text = _COMMENT.sub("", (body or "")[:_BODY_LIMIT])
    values = [_strip_markup(found["value"]) for line in text.splitlines() if (found := _TAG_LINE.fullmatch(line))]
    if not values:
        return IssueTag(tag=None, problem="The issue has no line that starts with `Tag:`.")
    tags = [value for value in dict.fromkeys(values) if value and _PLACEHOLDER.fullmatch(value) is None]
    if not tags:
        return IssueTag(tag=None, problem="The line `Tag:` still holds the template's placeholder or nothing.")
    if len(tags) > 1:
        return IssueTag(tag=None, problem=f"The issue names {len(tags)} different tags; one issue builds one tag.")
    if not is_ref_name(tags[0]):
        return IssueTag(tag=None, problem=f'"{clip(tags[0], limit=100)}" cannot be the name of a tag.')
    return IssueTag(tag=tags[0], problem=None)


def _strip_markup(value: str) -> str:
    # Bold and code around the tag; an underscore at the end may belong to the tag and stays.
    return value.strip().strip("*`").strip().removeprefix("refs/tags/")
