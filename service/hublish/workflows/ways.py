"""How far a commit goes: whose code it is, whether its image is pushed, and under which tags.

A pull request is built and nothing of it is pushed, unless its own repository and the operator want it under `pr-<number>`.
Of a fork nothing ever is, whatever its config says: the config of the default branch decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from hublish.core.config.file import Config, ImageConfig
from hublish.core.plan import Trust
from hublish.core.repository import RefKind, ResolvedRef
from hublish.core.tagging import make_image_tags
from hublish.workflows.services import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How far the image of a commit goes.

    Attributes:
        trust: whose code it is.
        pushed: the image goes to its registry; otherwise its build is only tried.
    """

    trust: Trust
    pushed: bool


def choose_way(ref: ResolvedRef, config: Config, policy: Policy) -> Way:
    """Choose the way of a commit.

    Args:
        ref: the commit.
        config: the config that counts; its triggers are those of the default branch.
        policy: the operator's.
    """
    if ref.kind is not RefKind.PULL_REQUEST:
        return Way(trust=Trust.OWNER, pushed=True)
    if ref.fork:
        return Way(trust=Trust.FORK, pushed=False)
    return Way(trust=Trust.PULL_REQUEST, pushed=config.triggers.pull_request_tag and policy.pull_request_tags)


def choose_tags(image: ImageConfig, ref: ResolvedRef, way: Way) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose the tags of an image, `(fixed, floating)`; see `make_image_tags`."""
    if ref.kind is not RefKind.PULL_REQUEST:
        return make_image_tags(image, ref)
    return ((f"pr-{ref.name}",) if way.pushed else ()), ()
