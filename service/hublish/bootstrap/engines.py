"""The engines made from the operator's settings, and the one that a build at the command line uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hublish.adapters.layout import OCILayout
from hublish.bootstrap.pods.engine import make_tekton
from hublish.bootstrap.pods.files import MintToken
from hublish.bootstrap.systembuilds import ServedBackend, serves
from hublish.builders.containers.containerrun import ContainerBackend
from hublish.builders.containers.taskrun import TaskRunner
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.core.building import BuildRequest
from hublish.core.plan import Trust
from hublish.core.ports import ContainerRunner, Engine, ImageReader, ImageWriter, PackageIndex, SourceFetcher
from hublish.core.reference import Reference
from hublish.engines.buildah import BuildahBackend, BuildahChoices, NetworkMode, find_buildah, find_network_mode
from hublish.engines.containers import ContainerEngine, EngineRules
from hublish.engines.controlgroup import Limits
from hublish.engines.dispatch import EngineDispatcher
from hublish.engines.local import LocalEngine
from hublish.enginesettings import BuildahSettings, DockerSettings, EngineSettings
from hublish.errors import EngineFailed, SettingsInvalid, StrategyUnavailable

if TYPE_CHECKING:
    from hublish.engines.docker import DockerBackend
    from hublish.engines.tekton import TektonEngine
    from hublish.settings import Settings

ENGINE_NAMES = ("buildah", "docker")
INSTALL_HINT = (
    "Install Debian's packages buildah and slirp4netns, or start Docker; `hublish doctor` says what is missing."
)
EXTRA_HINT = "Install hublish[docker]."


def make_engine(
    settings: Settings,
    *,
    sources: SourceFetcher,
    registry: ImageReader,
    output: ImageWriter,
    index: PackageIndex,
    caches: OwnerCaches,
    mint_token: MintToken,
    backends: Sequence[ServedBackend] | None = None,
    pods: TektonEngine | None = None,
) -> Engine:
    """The engines that `engines.use` names, behind one port.

    Args:
        settings: the operator's.
        sources: brings source trees.
        registry: where images are read from.
        output: where they go.
        index: where wheels come from.
        caches: what owners' builds share.
        mint_token: of the GitHub App.
        backends: from `make_backends`; None makes them.
        pods: the engine tekton; None makes it where it is named.

    Raises:
        SettingsInvalid: one is named twice, or cannot be made here.
    """
    chosen = settings.engines
    served = {item.name: item for item in (make_backends(settings) if backends is None else backends)}
    runners = [(item.owners, TaskRunner(item.backend, registry, settings.data / "tasks")) for item in served.values()]
    engines: list[Engine] = []

    def find_secrets(request: BuildRequest) -> dict[str, bytes]:
        return load_secrets(settings, request)

    for name in chosen.use:
        match name:
            case "buildah" | "docker":
                engines.append(
                    _make_containers(settings, served[name], sources=sources, registry=registry, output=output)
                )
            case "tekton":
                engines.append(
                    pods
                    or make_tekton(
                        settings,
                        sources=sources,
                        images=registry,
                        output=output,
                        index=index,
                        caches=caches,
                        mint_token=mint_token,
                        find_secrets=find_secrets,
                    )
                )
            case "local":
                engines.append(
                    LocalEngine(
                        sources=sources,
                        images=registry,
                        output=output,
                        index=index,
                        caches=caches,
                        workers=chosen.local.workers or os.cpu_count() or 1,
                        slots=chosen.local.slots,
                        find_runner=lambda request: choose_runner(request, runners),
                        web_url=settings.github.web,
                    )
                )
    return EngineDispatcher(engines)


def _make_containers(
    settings: Settings, item: ServedBackend, *, sources: SourceFetcher, registry: ImageReader, output: ImageWriter
) -> Engine:
    return ContainerEngine(
        EngineRules(name=item.name, owners=item.owners, slots=item.slots, folder=settings.data / "builds"),
        backend=item.backend,
        sources=sources,
        images=registry,
        output=output,
        find_secrets=lambda request: load_secrets(settings, request),
    )


def make_backends(settings: Settings) -> tuple[ServedBackend, ...]:
    """The container engines that `engines.use` names, in that order.

    Raises:
        SettingsInvalid: one is named twice, or cannot be made here.
    """
    chosen = settings.engines
    if len(set(chosen.use)) != len(chosen.use):
        raise SettingsInvalid("engines.use names an engine twice", hint="name each once, in the order to be asked")
    made: list[ServedBackend] = []
    for name in chosen.use:
        if name == "buildah":
            backend: ContainerBackend = make_buildah(settings.data, chosen.buildah)
            owners = frozenset(owner.lower() for owner in chosen.buildah.owners)
            made.append(ServedBackend(name=name, owners=owners, slots=chosen.buildah.slots, backend=backend))
        elif name == "docker":
            backend = make_docker({"DOCKER_HOST": chosen.docker.host}, chosen.docker)
            made.append(ServedBackend(name=name, owners=None, slots=chosen.docker.slots, backend=backend))
    return tuple(made)


def choose_runner(
    request: BuildRequest, runners: Sequence[tuple[frozenset[str] | None, ContainerRunner]]
) -> ContainerRunner | None:
    """Choose what builds wheels for a request, by the rules of the engines' own builds.

    Args:
        request: of a layered build.
        runners: `(owners, runner)` in the operator's order; owners are lower case, and forks are never among them; None
            stands for everybody.
    """
    owner = "" if request.repository is None else request.repository.owner
    trust = request.plan.trust
    return next((runner for owners, runner in runners if serves(owners, owner=owner, trust=trust)), None)


def can_build_wheels(chosen: EngineSettings) -> bool:
    """Tell whether these engines can build wheels: for a layered build in this process, beside containers, or in pods.

    Their order does not count: an engine that cannot leaves such builds to the next one.
    """
    names, tekton = chosen.use, chosen.tekton
    here = "local" in names and not set(ENGINE_NAMES).isdisjoint(names)
    return here or ("tekton" in names and tekton.image is not None and tekton.build_image is not None)


def make_buildah(data: Path, chosen: BuildahSettings, *, network: NetworkMode | None = None) -> BuildahBackend:
    """Make buildah's backend, its store in `data`.

    Args:
        data: folder of the service, or of the user's cache.
        chosen: limits and network.
        network: in place of what `chosen` has.

    Raises:
        SettingsInvalid: buildah is not installed.
    """
    program = find_buildah()
    if program is None:
        raise SettingsInvalid("the engine buildah is chosen, and buildah is not installed", hint=INSTALL_HINT)
    choices = BuildahChoices(
        folder=data / "buildah",
        limits=Limits(memory_bytes=chosen.memory_bytes, pids=chosen.pids),
        network=network or NetworkMode(chosen.network),
        reachable=tuple(chosen.reachable),
        program=program,
    )
    return BuildahBackend(choices, make_layout=OCILayout)


def make_docker(environ: Mapping[str, str], chosen: DockerSettings) -> DockerBackend:
    """Make the backend of a Docker Engine.

    Args:
        environ: DOCKER_HOST and its like.
        chosen: limits and network.

    Raises:
        SettingsInvalid: the client is not installed, or builds would share the host's network.
    """
    if chosen.network == "host":
        raise SettingsInvalid("engines.docker.network: builds never share the host's network", hint="name a bridge")
    try:
        from hublish.adapters.docker.engine import DockerEngine  # noqa: PLC0415 -- an extra, and slow to import
        from hublish.engines.docker import DockerBackend, DockerChoices  # noqa: PLC0415 -- the same
    except ModuleNotFoundError as exc:
        raise SettingsInvalid("the client of Docker Engine is not installed", hint=EXTRA_HINT) from exc
    limits = Limits(memory_bytes=chosen.memory_bytes, pids=chosen.pids)
    choices = DockerChoices(environ=environ, limits=limits, network=chosen.network)

    def open_loader(name: Reference) -> ImageWriter:
        return DockerEngine(environ, name=name, progress=lambda *_: None)

    return DockerBackend(choices, make_loader=open_loader)


def choose_backend(
    name: str | None, *, cache: Path, environ: Mapping[str, str], settings: Settings | None, log: Callable[[str], None]
) -> ContainerBackend:
    """Choose the engine of a build at the command line: the one that is named, else the first that works here.

    Args:
        name: "buildah" or "docker"; None for either.
        cache: where buildah's store lies.
        environ: of the user.
        settings: limits; None for the defaults.
        log: told which it is.

    Raises:
        StrategyUnavailable: it does not work here, or none does; the message has the reasons.
    """
    buildah = BuildahSettings() if settings is None else settings.engines.buildah
    docker = DockerSettings() if settings is None else settings.engines.docker
    reasons = []
    for candidate in ENGINE_NAMES if name is None else (name,):
        try:
            if candidate == "buildah":
                network = find_network_mode()
                # A person's own machine and own code: without the tools for a network apart, the machine's own.
                network = NetworkMode.HOST if network is NetworkMode.NONE else network
                backend: ContainerBackend = make_buildah(cache, buildah, network=network)
            else:
                backend = make_docker(environ, docker)
            log(f"engine {candidate}: {backend.describe()}")
        except (SettingsInvalid, EngineFailed) as error:
            reasons.append(f"{candidate}: {error.message}")
        else:
            return backend
    raise StrategyUnavailable(f"no container engine works here: {'; '.join(reasons)}", hint=INSTALL_HINT)


def load_secret_files(files: Mapping[str, Path]) -> dict[str, bytes]:
    """Load secrets of a build from their files.

    Raises:
        SettingsInvalid: one cannot be read; its content is never shown.
    """
    loaded = {}
    for name, path in files.items():
        try:
            loaded[name] = path.read_bytes()
        except OSError as error:
            raise SettingsInvalid(
                f"the secret {name} cannot be read from {path}: {error.strerror}", hint="check the path and its mode"
            ) from error
    return loaded


def load_secrets(settings: Settings, request: BuildRequest) -> dict[str, bytes]:
    """What the operator gives to builds of this repository's own code; a pull request gets nothing.

    Raises:
        SettingsInvalid: one cannot be read.
    """
    if request.repository is None or request.plan.trust is not Trust.OWNER:
        return {}
    owner, full_name = request.repository.owner.lower(), request.repository.full_name.lower()
    files: dict[str, Path] = {}
    for pattern, named in settings.engines.secrets.items():
        if pattern.lower() in (full_name, f"{owner}/*"):
            files |= named
    return load_secret_files(files)
