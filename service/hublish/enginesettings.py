"""The block `engines` of the operator's settings: which engines build, in which order, and what a build may use.

Part of `hublish.settings`, which reads it; a setting's description says why its default is what it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

EngineName = Literal["local", "docker", "buildah", "tekton"]


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


class TektonNamespaces(Section):
    """Where the pods of builds run."""

    restricted: str = Field(default="hublish-builds", description="Of layered builds; as deploy/kubernetes makes it.")
    baseline: str = Field(
        default="hublish-builds-baseline", description="Of source and Dockerfile builds; as deploy/kubernetes makes it."
    )


class TektonSettings(Section):
    """Pods of a Kubernetes with Tekton Pipelines; `kubectl apply --server-side -k tekton` first."""

    kubeconfig: Path | None = Field(
        default=None, description="Access to the cluster; None: the account of the pod that the service runs in."
    )
    namespaces: TektonNamespaces = Field(default_factory=TektonNamespaces, description="Where the pods of builds run.")
    image: str | None = Field(
        default=None,
        description="Image of hublish, its Dockerfile's target `service`; None: no layered builds in pods.",
    )
    build_image: str | None = Field(
        default=None,
        description="The same, target `build`; None: no source and Dockerfile builds in pods, no wheels that layered ones "
        "need built, and no bases with packages.",
    )
    service_account: str = Field(
        default="build", description="Account of the pods; it needs no right, and none of its tokens reaches them."
    )
    user: int | None = Field(
        default=1000, ge=1, description="UID of layered builds; the image's own. None: the cluster chooses (OpenShift)."
    )
    slots: int = Field(default=8, ge=1, description="Builds at once; the quota of deploy/kubernetes has room for 20.")
    cpu: str = Field(
        default="2", pattern=r"\A[0-9]+(\.[0-9]+)?m?\z", description="Limit of the Step that builds; two cores."
    )
    memory: str = Field(
        default="4Gi", pattern=r"\A[0-9]+[KMG]i\z", description="Limit of the Step that builds; compiles most packages."
    )
    keep_runs: int = Field(
        default=100, ge=0, description="Ended runs that stay in a namespace, for people with kubectl; the newest."
    )
    keep_hours: float = Field(default=168, ge=0, description="How long they stay; a week, as people look on Mondays.")


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
    tekton: TektonSettings = Field(default_factory=TektonSettings, description="Builds in pods of a cluster.")
    secrets: dict[str, dict[str, Path]] = Field(
        default_factory=dict,
        description="`owner/name` or `owner/*` to id to file: what `RUN --mount=type=secret` is given in builds of the "
        "repository's own code; none, as a build needs no secret.",
    )
