"""What an engine that runs containers builds from, whichever strategy it came from: one value for both.

A `ContainerPlan` is the part of a plan that covers such a build, so that the build key covers it too; a
`ContainerBuild` is what an engine executes. Values only: how they are made is `builders.containers`.
"""

from __future__ import annotations

from dataclasses import dataclass

from hublish.core.reference import Reference
from hublish.core.source import FileMode


@dataclass(frozen=True, slots=True, kw_only=True)
class BasePin:
    """One image that a Dockerfile names, and what it was when the plan was made.

    Attributes:
        name: as the Dockerfile has it, variables put in, e.g. "python:3.11".
        image: registry and repository with the digest that the name led to, without a tag: engines refuse both.
    """

    name: str
    image: Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretMount:
    """A build secret that a `RUN --mount=type=secret` asks for: its id, and whether the build fails without it."""

    name: str
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPlan:
    """What a container engine's build depends on beside the source tree.

    Attributes:
        dockerfile_text: what is executed; every image in it is pinned by digest.
        context: folder in the repository that the build sees; "." for its root.
        target: stage to build; None for the last one.
        args: build arguments `(name, value)`, sorted by name; never secret.
        secrets: what the Dockerfile asks for, sorted by name; the operator decides what is given.
        bases: the images it names, each once, in their order.
        own_scripts: source-to-image only: whether scripts in `.s2i/bin` are used.
    """

    dockerfile_text: str
    context: str
    target: str | None = None
    args: tuple[tuple[str, str], ...] = ()
    secrets: tuple[SecretMount, ...] = ()
    bases: tuple[BasePin, ...] = ()
    own_scripts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextFile:
    """One file of a build's context.

    Attributes:
        path: where it stands in the context.
        source: path in the source tree whose bytes it has; None for a symbolic link.
        mode: its kind.
        link: target of a symbolic link as written; None for files.
    """

    path: str
    source: str | None
    mode: FileMode
    link: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerBuild:
    """One build for a container engine; the same shape for source-to-image and for Dockerfiles.

    The context is complete: what an ignore file hides is left out already, so an engine must read none itself. The
    Dockerfile is no part of the context. Files belong to root and carry the time of `created_at`.

    Attributes:
        dockerfile_text: what to execute.
        files: the context, sorted by path.
        folders: folders of the context that hold nothing, sorted.
        target: stage to build; None for the last one.
        args: build arguments `(name, value)`.
        secrets: ids of secrets that may be mounted, none of which may reach a layer.
        bases: the images to fetch before; the build itself needs no credential.
        platform: `os/architecture`.
        created_at: ISO 8601 UTC second.
        time_seconds: limit of the whole build.
        size_bytes: limit of the image's compressed size.
    """

    dockerfile_text: str
    files: tuple[ContextFile, ...]
    folders: tuple[str, ...]
    target: str | None
    args: tuple[tuple[str, str], ...]
    secrets: tuple[SecretMount, ...]
    bases: tuple[BasePin, ...]
    platform: str
    created_at: str
    time_seconds: int
    size_bytes: int
