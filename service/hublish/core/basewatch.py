"""Bases that move: which tags the images of a release follow, which release counts, and how a moved base is told apart.

Decides from what was planned and delivered; what a tag leads to now is fetched elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from packaging.version import InvalidVersion, Version

from hublish.core.config.values import Config
from hublish.core.github.ports import Thread
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.plan import Plan
from hublish.core.reference import Reference, parse_reference
from hublish.core.repository import RefKind, Repository
from hublish.errors import ReferenceInvalid

ACTOR = "schedule"
"""Stands as the one who asked in the runs that nobody asked for."""
DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseWatch:
    """A followed tag: `registry/repository:tag`, what it led to at the last look, and when the next one is due (aware UTC)."""

    name: str
    digest: str | None
    next_look_at: datetime


class BaseWatchRecords(Protocol):
    """What is known of followed tags."""

    def read_watch(self, name: str) -> BaseWatch | None:
        """A followed tag; None when it was never looked at."""

    def list_due_watches(self, at: datetime) -> tuple[BaseWatch, ...]:
        """Followed tags whose next look is due, in no order."""

    def store_watch(self, watch: BaseWatch) -> None:
        """Remember a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A delivered release: its trigger, and the tags that its images follow, each with the digest it was built on."""

    trigger: Trigger
    bases: tuple[Reference, ...]

    def find_moved(self, current: Mapping[str, str]) -> tuple[Reference, ...]:
        """The bases that stand elsewhere now, each pinned to where; `current` has a digest for every tag that is known."""
        now = (replace(base, digest=current.get(name_tag(base), base.digest)) for base in self.bases)
        return tuple(dict.fromkeys(base for base in now if base not in self.bases))


def name_tag(base: Reference) -> str:
    """`registry/repository:tag` of a base."""
    return str(replace(base, digest=None))


def list_followed(plan: Plan) -> tuple[Reference, ...]:
    """The bases of a plan that were named by a tag, with the tag and the digest it led to.

    A base with Debian packages was made by the service, and one that is named by its digest alone never moves.
    """
    named = [plan.base] if plan.base is not None else []
    for pin in () if plan.container is None else plan.container.bases:
        try:
            reference = parse_reference(pin.name, default_registry=DOCKER_HUB)
        except ReferenceInvalid:
            continue
        if reference.name == pin.image.name:
            named.append(replace(reference, digest=pin.image.digest))
    return tuple(dict.fromkeys(base for base in named if base.tag is not None and base.digest is not None))


def choose_release(delivered: Sequence[Trigger]) -> Trigger | None:
    """The release that is rebuilt: the highest version among those delivered, else the last one.

    Args:
        delivered: triggers of tags that were delivered whole, the newest first.
    """
    best = next((trigger for trigger in delivered if not _is_prerelease(trigger)), None)
    if best is None:
        return delivered[0] if delivered else None
    for trigger in delivered:
        if not _is_prerelease(trigger) and _is_higher(trigger.ref or "", best.ref or ""):
            best = trigger
    return best


def make_rebuild(release: Release, repository: Repository, moved: Sequence[Reference]) -> Trigger:
    """The trigger that builds a release once more, on bases that moved; equal for the same ones."""
    return replace(
        _make_trigger(repository, moved, what="schedule"),
        ref=release.trigger.ref,
        ref_kind=RefKind.TAG,
        prerelease=release.trigger.prerelease,
    )


def make_proposal(repository: Repository, moved: Sequence[Reference]) -> Trigger:
    """The trigger that proposes the bases that moved, where the config pins them."""
    return replace(
        _make_trigger(repository, moved, what="schedule-pin"),
        ref=repository.default_branch,
        ref_kind=RefKind.BRANCH,
        command=None,
    )


def list_pinned(config: Config) -> frozenset[str]:
    """The tags that a config pins by digest: a moved one is proposed, as a rebuild would change nothing."""
    return frozenset(name_tag(base) for base in _list_named(config) if base.tag and base.digest)


def list_tags_of(config: Config) -> frozenset[str]:
    """The tags that a config names, by digest or not: a newer one is proposed."""
    return frozenset(name_tag(base) for base in _list_named(config) if base.tag)


def _list_named(config: Config) -> tuple[Reference, ...]:
    named = (config.base, *(image.base for image in config.images))
    return tuple(base for base in named if base is not None)


def _make_trigger(repository: Repository, moved: Sequence[Reference], *, what: str) -> Trigger:
    # A newer tag is told by its name, as nobody has asked yet where it leads.
    digests = sorted({base.digest or hashlib.sha256(str(base).encode()).hexdigest() for base in moved})
    key = digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()
    return Trigger(
        kind=TriggerKind.SCHEDULE,
        repository=repository,
        actor=ACTOR,
        actor_is_bot=True,
        semantic_key=f"{what}:{key}",
        ref=None,
        ref_kind=None,
        thread=Thread(kind="release", number=0),
        url="",
    )


def _is_prerelease(trigger: Trigger) -> bool:
    version = _parse_version(trigger.ref or "")
    return trigger.prerelease or (version is not None and version.is_prerelease)


def _is_higher(one: str, other: str) -> bool:
    first, second = _parse_version(one), _parse_version(other)
    return first is not None and second is not None and first > second


def _parse_version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
