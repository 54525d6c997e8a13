"""An entry of a hub's image list as a value, and the edit that brings it there. Kinds of lists share these."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from hublish.core.answers.pull_request import EntryAction
from hublish.core.reference import Reference

IMAGE_NAME_LIMIT = 63


class Pin(Enum):
    """What an entry names: the digest, which never moves, or the release's tag."""

    DIGEST = "digest"
    TAG = "tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One image as it should stand in a hub's list.

    Attributes:
        image_name: name of the entry: letters, digits and `-`, at most 63; see `make_image_name`.
        title: what people choose in the hub; foreign text, clipped when it is written.
        description: one sentence; foreign text, clipped when it is written; "" for none.
        source_url: page of the source repository, e.g. "https://github.com/org/ts".
        reference: the image with its digest.
        release_tag: the release's tag in the registry, also the name of its tag in the list.
        pin: what the list names.
        commit: 40 hex digits of the source.
        floating_tags: the image's further tags, e.g. "latest"; see `edit_imagestream` for what becomes of them.
        resources: what a notebook needs, for people, e.g. "1 CPU, 8 GiB memory"; "" when the config says nothing.
        software: `(name, version)` of what people choose an image by, e.g. Python; empty leaves the note out.
        dependencies: `(name, version)` of the packages to show; empty leaves the note out.
    """

    image_name: str
    title: str
    description: str
    source_url: str
    reference: Reference
    release_tag: str
    pin: Pin
    commit: str
    floating_tags: tuple[str, ...] = ()
    resources: str = ""
    software: tuple[tuple[str, str], ...] = ()
    dependencies: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogEdit:
    """What has to change in a hub's repository.

    Attributes:
        changes: path in the repository -> whole new text, of changed and new files only.
        action: what it does to the entry.
        path: the entry's file.
        line: 1-based line of the entry's tag in the new text of `path`.
        previous: the image that users of the entry had before: what the moved tag named, or the newest other tag of
            this image repository; None when there was none.
        remarks: sentences for the pull request on what a person should look at.
    """

    changes: Mapping[str, str]
    action: EntryAction
    path: str
    line: int
    previous: Reference | None
    remarks: tuple[str, ...] = ()


def make_image_name(reference: Reference) -> str:
    """Make an entry's name from the last part of an image's path.

    Args:
        reference: the image; its repository follows the grammar of references.

    Returns:
        A DNS label (RFC 1123): lower-case letters, digits and `-`, at most 63 characters.
    """
    last = reference.repository.rsplit("/", 1)[-1].lower()
    return re.sub(r"[^a-z0-9]", "-", last)[:IMAGE_NAME_LIMIT].strip("-")


def make_target(entry: Entry) -> str:
    """Make what the list names: `name@sha256:...`, or `name:tag` when the hub pins tags."""
    if entry.pin is Pin.TAG:
        return str(entry.reference.with_tag(entry.release_tag))
    return f"{entry.reference.name}@{entry.reference.digest}"
