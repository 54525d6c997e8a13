"""The plan: everything a build depends on, frozen; and `build_key`, its digest.

Two triggers that lead to the same plan share one build. The bytes of an image never depend on the last three fields.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from enum import Enum

from hublish.core.container import ContainerPlan
from hublish.core.locks.lock import IndexSource, LockedPackage
from hublish.core.reference import Reference

PLAN_FORMAT = 1
BUILD_KEY_LENGTH = 24
_LATER = frozenset({"container", "builds_wheels"})


class Strategy(Enum):
    """How an image is made."""

    LAYERED = "layered"
    SOURCE = "source"
    DOCKERFILE = "dockerfile"


class Environment(Enum):
    """Where the locked packages go: a virtual environment of hublish's, or the base's own site-packages."""

    VENV = "venv"
    BASE = "base"


class Trust(Enum):
    """Whose code a build holds; caches and tags are kept apart by it."""

    OWNER = "owner"
    PULL_REQUEST = "pull-request"
    FORK = "fork"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one image is made from.

    Attributes:
        strategy: how it is made.
        reason: why that strategy, in one sentence for people.
        ignored: files that another strategy would have used.
        builder: name and version of the code that makes the bytes, e.g. "layered-3".
        base: base or builder image pinned by digest; None for a Dockerfile build, whose images are in `container`.
        platform: `os/architecture`, e.g. "linux/amd64".
        python_full_version: Python of the base, e.g. "3.11.2"; None unless layered.
        environment: where packages go.
        packages: what is installed, markers already evaluated for the target, sorted by name; empty unless layered.
        indexes: the lock's sources.
        bytecode: whether byte-code is compiled into the layers.
        source_name: folder name of the source in $HOME.
        source_path: absolute path of the source in the image.
        source_digest: `sha256:` of the tree's listing.
        commit: 40 hex digits; None for a working tree that is not clean.
        created_at: ISO 8601 UTC second that the image states as its creation; commit time, else the epoch.
        dockerfile: path of the Dockerfile; None unless that strategy.
        time_seconds: limit of the build's time.
        size_bytes: limit of the image's compressed size.
        source_repo_id: GitHub's id of the repository; 0 on the command line.
        target_repository: `registry/repository` to push to; "" when nothing is pushed.
        trust: whose code this is.
        container: what a container engine's build depends on; None for layers.
        builds_wheels: a package has no wheel that fits, so that one is built: by an engine that has a container for it.
    """

    strategy: Strategy
    reason: str
    ignored: tuple[str, ...]
    builder: str
    base: Reference | None
    platform: str
    python_full_version: str | None
    environment: Environment
    packages: tuple[LockedPackage, ...]
    indexes: tuple[IndexSource, ...]
    bytecode: bool
    source_name: str
    source_path: str
    source_digest: str
    commit: str | None
    created_at: str
    dockerfile: str | None = None
    time_seconds: int
    size_bytes: int
    source_repo_id: int
    target_repository: str
    trust: Trust
    container: ContainerPlan | None = None
    builds_wheels: bool = False


def list_bases(plan: Plan) -> tuple[Reference, ...]:
    """The images that a plan starts from, whichever strategy it has."""
    pinned = () if plan.container is None else tuple(pin.image for pin in plan.container.bases)
    return (*(() if plan.base is None else (plan.base,)), *pinned)


def render_plan(plan: Plan) -> str:
    """Render a plan as canonical JSON: sorted keys, no white space, enums and references as text."""

    def plain(value: object) -> object:
        match value:
            case Enum():
                return value.value
            case Reference():
                return str(value)
            case tuple():
                return [plain(item) for item in value]
            case _ if dataclasses.is_dataclass(value):
                fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
                # Most plans of layers have no such parts, and their keys are older than these.
                return {name: item for name, item in fields.items() if name not in _LATER or item not in (None, False)}
            case _:
                return value

    return json.dumps({"format": PLAN_FORMAT, "plan": plain(plan)}, sort_keys=True, separators=(",", ":"))


def make_build_key(plan: Plan) -> str:
    """Make the build's identity: the first 24 hex digits of the sha256 over everything the outcome depends on.

    `reason` and `ignored` are for people, and a package's line in the lock is a place: none of them changes the key.
    """
    packages = tuple(dataclasses.replace(package, line=None) for package in plan.packages)
    bare = dataclasses.replace(plan, reason="", ignored=(), packages=packages)
    return hashlib.sha256(render_plan(bare).encode()).hexdigest()[:BUILD_KEY_LENGTH]
