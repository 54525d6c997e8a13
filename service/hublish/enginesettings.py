"""The block `engines` of the operator's settings: which engines build, in which order, and what a build may use.

Part of `hublish.settings`, which reads it; a setting's description says why its default is what it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

EngineName = Literal["local", "docker", "buildah"]


def _use_local() -> list[EngineName]:
    return ["local"]


class Section(BaseModel):
    """A block of the settings: every key is known, no value changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class LocalEngineSettings(Section):
    """The engine in this process."""

    slots: int = Field(default=1, ge=1, description="Builds at once; one, as a build uses all cores.")
    workers: int | None = Field(default=None, description="Processes per build; None: one per core.")


class ContainerSettings(Section):
    """What every engine that runs containers on this machine has."""

    slots: int = Field(default=1, ge=1, description="Builds at once; one, as a build may use all of `memory_bytes`.")
    memory_bytes: int = Field(
        default=4 << 30, ge=64 << 20, description="Memory of one build; 4 GiB compile most packages."
    )
    pids: int = Field(default=2048, ge=16, description="Processes of one build; many compilers, and no endless fork.")


class BuildahSettings(ContainerSettings):
    """The program buildah: no daemon; a build shares this machine's kernel and is kept apart by chroot and namespaces."""

    owners: list[str] = Field(
        default_factory=list,
        description="Owners of repositories it builds for, forks never; none, as chroot alone is no wall against "
        "strangers' code.",
    )
    network: Literal["isolated", "none"] = Field(
        default="isolated",
        description="`isolated`: the outside, but no private address and nothing of this machine (needs slirp4netns); "
        "`none`: nothing. Isolated, as most Dockerfiles install packages.",
    )
    reachable: list[Annotated[str, Field(pattern=r"\A[0-9.]{7,15}/[0-9]{1,2}\z")]] = Field(
        default_factory=list,
        description="Private networks, as 10.1.0.0/16, that builds may reach all the same; none.",
    )


class DockerSettings(ContainerSettings):
    """A Docker Engine, or Podman's interface of that shape: each step in a container of its own."""

    host: str = Field(
        default="unix:///var/run/docker.sock", description="Where it listens, as DOCKER_HOST; its usual socket."
    )
    network: str = Field(
        default="hublish",
        pattern=r"\A[a-zA-Z0-9][a-zA-Z0-9_.-]*\z",
        description="Bridge that builds are on, made when it is missing; its own, so that the operator's rules for it "
        "hold for builds alone. `none`: no network. Never the host's.",
    )


class EngineSettings(Section):
    """Which engines build, and choices per engine."""

    use: Annotated[list[EngineName], Field(min_length=1)] = Field(
        default_factory=_use_local,
        description="Engines in the order in which they are asked; `local` alone, as it runs nothing of a repository.",
    )
    local: LocalEngineSettings = Field(
        default_factory=LocalEngineSettings, description="Layered builds in the service's process."
    )
    docker: DockerSettings = Field(default_factory=DockerSettings, description="Container builds by a Docker Engine.")
    buildah: BuildahSettings = Field(default_factory=BuildahSettings, description="Container builds by buildah.")
    secrets: dict[str, dict[str, Path]] = Field(
        default_factory=dict,
        description="`owner/name` or `owner/*` to id to file: what `RUN --mount=type=secret` is given in builds of the "
        "repository's own code; none, as a build needs no secret.",
    )
