"""The build issue: an issue titled "Deliver Container Image", or with the config's label, whose body names a tag.

A body is a form's, with the fields `Ref` (or `Tag`) and `Images`, or that of the ancestor service's template, which is in
use in many repositories, with notes and links around the one line that counts: `Tag: v1.2.3`. Whether the tag exists is
asked of GitHub later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hublish.core.github.commands import Word
from hublish.core.github.issue_form import choose_fields, note_unread, parse_form
from hublish.core.gitref import is_ref_name
from hublish.core.repository import RefKind
from hublish.errors import clip

BUILD_ISSUE_TITLE = "Deliver Container Image"
USAGE = "Write one line `Tag: v1.2.3` with a tag of this repository into the issue's text"
FORM_USAGE = "Correct the form's fields in the issue's text"

REF, TAG, IMAGES = "ref", "tag", "images"
FIELDS: Mapping[str, str] = {"ref": REF, "tag": TAG, "git tag": TAG, "images": IMAGES, "image": IMAGES}
"""Fields of a form, by their names in lower case, and what they mean; a ref may be a branch or commit, a tag is one."""
IMAGES_LIMIT = 50

_BODY_LIMIT = 65_536
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG_LINE = re.compile(r"[ \t]*(?:[-*+][ \t]+)?[*_`]*tag[*_`]*[ \t]*:(?:[*_`]+(?=\s))?(?P<value>.*)", re.IGNORECASE)
_CHECKBOX = re.compile(r"[-*+][ \t]+\[(?P<mark>[ xX])\][ \t]+(?P<name>.*)")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueRequest:
    """What a build issue asks for, by form or by line.

    Attributes:
        ref: what to build; None with a problem.
        ref_kind: what `ref` must turn out to be; None when a tag, branch or SHA is right.
        images: titles of the images that are wanted; empty for all.
        problem: why the request is not understood, in one sentence; None when it is.
        usage: what to write where there is a problem, without a full stop.
        notes: sentences on fields that are not read; foreign text.
    """

    ref: str | None
    ref_kind: RefKind | None = RefKind.TAG
    images: tuple[str, ...] = ()
    problem: str | None = None
    usage: str = USAGE
    notes: tuple[str, ...] = ()


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


def find_request(title: str, body: str | None) -> IssueRequest | None:
    """What an issue that somebody comments in asks for; None for one that is no build issue by title or form."""
    named = any(FIELDS.get(field.key) in (REF, TAG) for field in parse_form(body))
    return parse_issue_request(body) if named or is_build_issue(title) else None


def parse_issue_request(body: str | None) -> IssueRequest:
    """Read what a build issue asks for: the fields of a form where it holds one of ours, else the line `Tag:`.

    Args:
        body: see `parse_issue_tag`.
    """
    fields = parse_form(body)
    if not any(field.key in FIELDS for field in fields):
        asked = parse_issue_tag(body)
        return IssueRequest(ref=asked.tag, problem=asked.problem)
    chosen = choose_fields(fields, FIELDS)
    kind = None if REF in chosen else RefKind.TAG
    refs = tuple(dict.fromkeys(text.removeprefix("refs/tags/") for text in chosen.get(REF, ()) + chosen.get(TAG, ())))
    images = _read_images(chosen.get(IMAGES, ()))
    problem = _find_ref_problem(refs) or _find_image_problem(images)
    return IssueRequest(
        ref=refs[0] if problem is None else None,
        ref_kind=kind,
        images=images if problem is None else (),
        problem=problem,
        usage=FORM_USAGE,
        notes=note_unread(fields, FIELDS, read="Its fields are Ref (or Tag) and Images."),
    )


def _find_ref_problem(refs: tuple[str, ...]) -> str | None:
    given = tuple(ref for ref in refs if _PLACEHOLDER.fullmatch(ref) is None)
    if not given:
        return "The form names no ref: the field `Ref` (or `Tag`) is missing or empty."
    if len(refs) > 1:
        return f"The issue names {len(refs)} different refs; one issue builds one."
    if not is_ref_name(refs[0]):
        return f'"{clip(refs[0], limit=100)}" cannot be the name of a tag, branch or commit.'
    return None


def _read_images(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The names in a field: separated by spaces, commas or lines; of boxes only those that are ticked."""
    names: list[str] = []
    for line in "\n".join(texts).splitlines():
        box = _CHECKBOX.fullmatch(line.strip())
        if box is None:
            names += line.replace(",", " ").split()
        elif box["mark"] != " ":
            names.append(box["name"].strip())
    return tuple(dict.fromkeys(stripped for name in names if (stripped := name.strip("*`")) not in ("", "-", "+")))


def _find_image_problem(images: tuple[str, ...]) -> str | None:
    if len(images) > IMAGES_LIMIT:
        return f"The form names {len(images)} images; at most {IMAGES_LIMIT} are read."
    wrong = next((name for name in images if not Word.IMAGE.accepts(name)), None)
    return None if wrong is None else f'"{clip(wrong, limit=100)}" cannot be the name of an image.'


def _strip_markup(value: str) -> str:
    # Bold and code around the tag; an underscore at the end may belong to the tag and stays.
    return value.strip().strip("*`").strip().removeprefix("refs/tags/")
