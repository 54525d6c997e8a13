"""Docker Engine, or Podman's interface of the same shape, as a backend of container builds.

The classic builder is asked, by one request with the context as its body: it runs every step in a container of its own,
without privilege, on a bridge, under limits. It gets bases by load and gives the image back by save; no credential of any
registry goes to it. Build secrets and mounts need BuildKit, which this interface does not offer to a plain client.

Source: Docker Engine API v1.41 (ImageBuild, ImageGet, ImageTag).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker
import docker.errors
import requests

from hublish.builders.baseimage.local import LOCAL_HOST, LocalBase, copy_base
from hublish.builders.containers.containerrun import ContainerJob
from hublish.core.container import ContainerPlan
from hublish.core.needs import find_buildkit
from hublish.core.ports import ImageReader, ImageWriter, ProgressSink
from hublish.core.reference import Reference
from hublish.engines.controlgroup import ControlGroup, Limits, make_group
from hublish.engines.docker.network import BridgeReach, ensure_network, look_at_reach
from hublish.engines.docker.request import DOCKERFILE, BuildCall
from hublish.errors import BuildFailed, EngineFailed, StrategyUnavailable, clip

DEFAULT_HOST = "unix:///var/run/docker.sock"
NO_NETWORK = "none"
KEPT_IMAGES = 40
_CACHE = "cache"
_CALL_SECONDS = 600
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerChoices:
    """What the operator or the user chose.

    Attributes:
        environ: DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, as docker's own client reads them.
        limits: of one build.
        network: name of the bridge that builds are on, made when it is missing; "none" for no network.
    """

    environ: Mapping[str, str] = field(repr=False)
    limits: Limits
    network: str


class DockerBackend:
    """Builds by a Docker Engine; `hublish.builders.containers.containerrun.ContainerBackend`.

    Args:
        choices: engine, limits, network.
        make_loader: opens the engine's store for writing one image, by its name there.
    """

    def __init__(self, choices: DockerChoices, *, make_loader: Callable[[Reference], ImageWriter]) -> None:
        self._choices = choices
        self._make_loader = make_loader

    def verify_container(self, container: ContainerPlan) -> None:
        """Raise StrategyUnavailable for what needs BuildKit: mounts, so every build secret, and here-documents."""
        what = find_buildkit(container)
        if what is not None:
            raise StrategyUnavailable(
                f"the docker engine builds by Docker's classic builder, which knows no {clip(what, limit=60)}",
                hint="buildah and tekton do: the operator adds one of them to `engines.use`; on the command line, `--engine buildah`.",
            )

    def ensure_base(
        self, base: LocalBase, *, images: ImageReader, progress: ProgressSink, verify_running: Callable[[], None]
    ) -> None:
        """Load a base, unless the engine has it."""
        if not self.has_image(base.local):
            output = self._make_loader(base.local)
            copy_base(base, images=images, output=output, progress=progress, verify_running=verify_running)

    def has_image(self, image: Reference) -> bool:
        """Whether the engine has an image of that name."""
        with self._call() as client:
            try:
                client.images.get(str(image))
            except docker.errors.ImageNotFound:
                return False
            return True

    def export(self, image: Reference, archive: Path, *, verify_running: Callable[[], None]) -> None:
        """Save an image as an archive."""
        with self._call() as client, archive.open("wb") as file:
            for piece in client.images.get(str(image)).save(chunk_size=_CHUNK_BYTES, named=True):
                verify_running()
                file.write(piece)

    def forget(self, image: Reference) -> None:
        """Take an image's name; its layers stay for later builds, the oldest make room."""
        cached = Reference(registry=LOCAL_HOST, repository=_CACHE, tag=image.tag)
        with self._call() as client:
            client.images.get(str(image)).tag(cached.name, tag=cached.tag)
            client.images.remove(str(image), noprune=True)
            kept = sorted(
                client.images.list(name=cached.name), key=lambda item: str(item.attrs["Created"]), reverse=True
            )
            for old in kept[KEPT_IMAGES:]:
                for name in old.tags:
                    client.images.remove(name)

    def build(self, job: ContainerJob) -> None:
        """Build.

        Raises:
            BuildFailed: a step failed, or ran over a limit.
            BuildCancelled: it was to stop; no container of it is left.
        """
        with self._call() as client, self._limit(client, job.image.tag or "build") as group:
            if self._choices.network != NO_NETWORK:
                ensure_network(client, self._choices.network)
            parameters = self._make_parameters(job, group)
            build = BuildCall(job=job, limits=self._choices.limits, parent=parameters.get("cgroupparent"))
            try:
                build.run(client, parameters)
            except docker.errors.APIError as exc:
                raise BuildFailed(f"the engine refused the build: {clip(job.clean(str(exc.explanation)))}") from exc
            finally:
                build.end(client)
            if build.error is not None:
                raise build.make_error(group.count_kills())

    def describe(self) -> str:
        """Name and version of what answers, for people.

        Raises:
            EngineFailed: nothing does.
        """
        with self._call() as client:
            version = client.version()
        return f"{version.get('Platform', {}).get('Name') or 'Docker Engine'} {version.get('Version', '')}".strip()

    def look_at_network(self) -> BridgeReach | None:
        """Look what keeps builds apart from this machine, on the bridge that they are on; None when they have no network.

        Raises:
            EngineFailed: the engine does not answer.
        """
        if self._choices.network == NO_NETWORK:
            return None
        with self._call() as client:
            return look_at_reach(ensure_network(client, self._choices.network))

    def _make_parameters(self, job: ContainerJob, group: ControlGroup) -> dict[str, str]:
        build, limits = job.build, self._choices.limits
        parameters = {
            "t": str(job.image),
            "dockerfile": DOCKERFILE,
            "rm": "1",
            "forcerm": "1",
            "pull": "0",
            "networkmode": self._choices.network if job.network else NO_NETWORK,
            "buildargs": json.dumps(dict(build.args)),
            "memory": str(limits.memory_bytes),
            "memswap": str(limits.memory_bytes),
            "platform": build.platform,
        }
        if build.target is not None:
            parameters["target"] = build.target
        if group.folders:
            parameters["cgroupparent"] = f"/{group.name}"
        return parameters

    @contextmanager
    def _limit(self, client: docker.DockerClient, name: str) -> Iterator[ControlGroup]:
        """A control group around all containers of a build, where the engine is on this machine and we may make one."""
        group = ControlGroup(name=f"hublish-{name}", folders={})
        here = (self._choices.environ.get("DOCKER_HOST") or DEFAULT_HOST).startswith("unix://")
        if here and os.geteuid() == 0 and client.info().get("CgroupDriver") == "cgroupfs":
            group = make_group(name, self._choices.limits, shared=True)
        try:
            yield group
        finally:
            group.remove()

    @contextmanager
    def _call(self) -> Iterator[docker.DockerClient]:
        host = clip(self._choices.environ.get("DOCKER_HOST") or DEFAULT_HOST)
        try:
            environ = {"DOCKER_HOST": DEFAULT_HOST, **self._choices.environ}
            with closing(docker.DockerClient.from_env(environment=environ, timeout=_CALL_SECONDS)) as client:
                yield client
        except docker.errors.APIError as exc:
            raise EngineFailed(f"the Docker Engine at {host} refused: {clip(str(exc))}") from exc
        except (docker.errors.DockerException, requests.RequestException) as exc:
            raise EngineFailed(
                f"the Docker Engine at {host} does not answer: {clip(str(exc))}",
                hint="Start Docker, or name the engine by DOCKER_HOST.",
                transient=True,
            ) from exc
