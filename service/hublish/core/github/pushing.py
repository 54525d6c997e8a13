"""Pushes: a branch asks for its commit, a tag for itself; GitHub tells of a new tag twice, by `push` and by `create`.

Whether the config wants branches or tags built is decided later, in `triggers`; that both deliveries of a tag, and the
release that is published under it, get one answer, in `hublish.workflows.tagging`.
"""

from __future__ import annotations

import hashlib

from hublish.core.github.payloads import CreateDelivery, Delivery, PushDelivery
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.gitref import is_ref_name
from hublish.core.repository import RefKind
from hublish.errors import clip

OWN_BRANCHES = "hublish/"
"""Start of the names of branches that hublish makes; what lies on them is never a reason to build."""
NO_SHA = "0" * 40
_BRANCH = "refs/heads/"
_TAG = "refs/tags/"
_SHOWN_CHARACTERS = 100
KEY_CHARACTERS = 160
"""A name in a key: with the repository's id and a SHA it fits the 255 of the records; a longer one is told by its hash."""
_SHORTENED_CHARACTERS = 64


def make_push(delivery: PushDelivery) -> Trigger | str:
    """Make the trigger of a pushed branch or tag, or say why there is none."""
    gone = delivery.deleted or delivery.after == NO_SHA
    if delivery.ref.startswith(_TAG):
        return "the tag was deleted" if gone else _make_pushed_tag(delivery, delivery.ref.removeprefix(_TAG))
    branch = delivery.ref.removeprefix(_BRANCH)
    if branch == delivery.ref:
        return "only a pushed branch or tag can start a build"
    if gone:
        return "the branch was deleted"
    if branch.startswith(OWN_BRANCHES):
        return "the branch is hublish's own"
    if not is_ref_name(branch):
        return "the branch has no usable name"
    return Trigger(
        kind=TriggerKind.PUSH,
        repository=delivery.make_repository(),
        actor=delivery.sender.login,
        actor_is_bot=delivery.sender.type == "Bot",
        semantic_key=f"push:{_BRANCH}{_shorten(branch)}:{delivery.after}",
        ref=branch,
        ref_kind=RefKind.BRANCH,
        sha=delivery.after,
        base=_find_base(delivery, branch),
        thread=Thread(kind="commit", number=0, sha=delivery.after),
        url="",
    )


def make_created_tag(delivery: CreateDelivery) -> Trigger | str:
    """Make the trigger of a new tag as `create` tells of it, which names no commit; or say why there is none."""
    if delivery.ref_type != "tag":
        return "a new branch starts a build by its push"
    # The same tag may be deleted and made again; the time of the push tells the two apart.
    key = f"created:{delivery.repository.pushed_at or ''}"
    return _make_tag(delivery, delivery.ref, key=key, sha=None)


def _make_pushed_tag(delivery: PushDelivery, tag: str) -> Trigger:
    # `after` is the tag's own object where it is annotated; the commit it stands for is the head commit.
    sha = None if delivery.head_commit is None else delivery.head_commit.id
    return _make_tag(delivery, tag, key=delivery.after, sha=sha)


def _make_tag(delivery: Delivery, tag: str, *, key: str, sha: str | None) -> Trigger:
    valid = is_ref_name(tag)
    shown = clip(tag, limit=_SHOWN_CHARACTERS)
    return Trigger(
        kind=TriggerKind.TAG,
        repository=delivery.make_repository(),
        actor=delivery.sender.login,
        actor_is_bot=delivery.sender.type == "Bot",
        semantic_key=f"tag:{_shorten(tag) if valid else shown}:{key}",
        ref=tag if valid else None,
        ref_kind=RefKind.TAG,
        sha=sha,
        thread=Thread(kind="commit", number=0, sha=sha or ""),
        url="",
        problem=None if valid else f'The pushed tag "{shown}" is no usable tag name.',
        hint="" if valid else "Push a tag such as v1.2.3.",
    )


def _shorten(name: str) -> str:
    """The name for a key. No other name comes to the same, as none holds a `~`; one that fits stays as it has always been."""
    if len(name) <= KEY_CHARACTERS:
        return name
    return f"{name[:_SHORTENED_CHARACTERS]}~{hashlib.sha256(name.encode()).hexdigest()}"


def _find_base(delivery: PushDelivery, branch: str) -> str | None:
    if delivery.before is not None and delivery.before != NO_SHA:
        return delivery.before
    # A new branch brings what the default branch has not; a new default branch brings everything.
    default_branch = delivery.repository.default_branch
    return None if branch == default_branch else default_branch
