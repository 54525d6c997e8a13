"""What `hublish doctor` says of the engines: which work here, what they keep apart and limit, how to get the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hublish.bootstrap.doctor import Check
from hublish.bootstrap.engines import EXTRA_HINT, INSTALL_HINT, make_buildah, make_docker
from hublish.engines.buildah import NetworkMode, find_network_mode
from hublish.engines.controlgroup import describe_limits
from hublish.enginesettings import BuildahSettings, DockerSettings, EngineSettings
from hublish.errors import EngineFailed, SettingsInvalid

if TYPE_CHECKING:
    from hublish.engines.docker import BridgeReach

_DOCKER_HINT = (
    "Start Docker or Podman's service and name it by DOCKER_HOST; builds of Dockerfiles work by buildah, too."
)
_NETWORK = "engines.docker.network"
_NETWORK_HINT = "Install Debian's packages slirp4netns and iproute2; builds need /dev/net/tun."
_OWNERS_HINT = "List owners under `engines.buildah.owners`, or use `docker`, which takes every owner's builds."


def check_engines(*, cache: Path, environ: Mapping[str, str]) -> tuple[Check, ...]:
    """Check what builds at the command line find here; none is needed for layered builds, so a missing one is no fault.

    Args:
        cache: where buildah's store lies.
        environ: of the user.
    """
    return (
        Check(
            name="engine local", ok=True, detail="layered: built in; no daemon, no container engine and no root needed"
        ),
        _soften(_check_call("engine buildah", lambda: _describe_buildah(cache), INSTALL_HINT)),
        _soften(_check_call("engine docker", lambda: make_docker(environ, DockerSettings()).describe(), _DOCKER_HINT)),
    )


def check_chosen_engines(chosen: EngineSettings, *, data: Path) -> tuple[Check, ...]:
    """Check the engines that the operator's settings name: what does not work there is a fault.

    Args:
        chosen: the settings' section.
        data: the service's folder.
    """
    checks = []
    for name in chosen.use:
        if name == "buildah":
            checks += _check_chosen_buildah(chosen.buildah, data)
        elif name == "docker":
            checks += _check_chosen_docker(chosen.docker)
    return tuple(checks)


def _check_chosen_buildah(chosen: BuildahSettings, data: Path) -> list[Check]:
    checks = [_check_call("engines.buildah", lambda: _describe_chosen(chosen, data), INSTALL_HINT)]
    if NetworkMode(chosen.network) is NetworkMode.ISOLATED and find_network_mode() is not NetworkMode.ISOLATED:
        checks.append(
            Check(
                name="engines.buildah.network",
                ok=False,
                detail="isolated is chosen, and what makes such networks is missing",
                hint=f"{_NETWORK_HINT} Or set `none`.",
            )
        )
    if not chosen.owners:
        checks.append(
            Check(
                name="engines.buildah.owners",
                ok=False,
                detail="it builds for nobody: none is listed",
                hint=_OWNERS_HINT,
            )
        )
    return checks


def _check_chosen_docker(chosen: DockerSettings) -> list[Check]:
    environ = {"DOCKER_HOST": chosen.host}
    answer = _check_call(
        "engines.docker", lambda: f"{make_docker(environ, chosen).describe()}, network {chosen.network}", EXTRA_HINT
    )
    if not answer.ok:
        return [answer]
    try:
        reach = make_docker(environ, chosen).look_at_network()
    except EngineFailed as error:
        return [answer, Check(name=_NETWORK, ok=False, detail=error.message, hint=error.hint)]
    return [answer] if reach is None else [answer, _judge_reach(reach)]


def _judge_reach(reach: BridgeReach) -> Check:
    """A fault where it is seen that builds, which may be strangers', reach more than the outside."""
    reached = "this machine, private networks and metadata services"
    hint = f"As root of the engine's machine: `{reach.command}`; or set `engines.docker.network: none`."
    if reach.closed:
        return Check(name=_NETWORK, ok=True, detail=f"builds on {reach.interface} are kept from {reached}")
    if reach.closed is None:
        detail = (
            f"builds on {reach.interface} reach {reached}, unless a firewall that is not seen from here keeps them away"
        )
        return Check(name=_NETWORK, ok=True, detail=detail, hint=hint)
    return Check(name=_NETWORK, ok=False, detail=f"builds on {reach.interface} reach {reached}", hint=hint)


def _describe_chosen(chosen: BuildahSettings, data: Path) -> str:
    return f"{make_buildah(data, chosen).describe()}; {describe_limits()}"


def _describe_buildah(cache: Path) -> str:
    network = find_network_mode()
    apart = network is NetworkMode.ISOLATED
    backend = make_buildah(cache, BuildahSettings(), network=network if apart else NetworkMode.HOST)
    told = "" if apart else "; slirp4netns is missing: builds share this machine's network"
    return f"{backend.describe()}; {describe_limits()}{told}"


def _check_call(name: str, describe: Callable[[], str], hint: str) -> Check:
    try:
        return Check(name=name, ok=True, detail=describe())
    except (SettingsInvalid, EngineFailed) as error:
        return Check(name=name, ok=False, detail=error.message, hint=error.hint or hint)


def _soften(check: Check) -> Check:
    """Not having an engine is no fault of a machine that builds layered images."""
    return check if check.ok else Check(name=check.name, ok=True, detail=f"not here: {check.detail}", hint=check.hint)
