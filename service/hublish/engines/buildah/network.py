"""The network of a build: a namespace of its own with a way to the outside, and none to private addresses.

Source: slirp4netns(1), ip-route(8), network_namespaces(7).
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from hublish.errors import EngineFailed, clip

DNS_ADDRESS = "10.0.2.3"
"""Where slirp4netns answers questions for names."""
_GATEWAY = "10.0.2.2"
# Metadata services, this machine and its neighbours: nothing that a build has business with.
_UNREACHABLE = ("169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
_START_SECONDS = 10.0


class NetworkMode(Enum):
    """What a build may reach.

    ISOLATED: the outside by a network of its own, but no private address and nothing of this machine. NONE: nothing.
    HOST: all that this machine reaches, for people on their own machine.
    """

    ISOLATED = "isolated"
    NONE = "none"
    HOST = "host"


def find_network_mode() -> NetworkMode:
    """The best that this machine offers: its own network where the tools are there, else none."""
    tools = all(shutil.which(name) for name in ("slirp4netns", "ip", "nsenter"))
    return NetworkMode.ISOLATED if tools and Path("/dev/net/tun").exists() else NetworkMode.NONE


@contextmanager
def connect(pid: int, *, reachable: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    """Give a network namespace its way out, which goes with the block.

    Args:
        pid: a process in the namespace.
        reachable: networks as 10.1.0.0/16 that it may reach although they are private.
        environment: of the tools.

    Raises:
        EngineFailed: a tool is missing or failed.
    """
    ready, told = os.pipe()
    command = ("slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", f"--ready-fd={told}")
    try:
        network = subprocess.Popen(  # noqa: S603 -- a fixed program and a number
            (  # noqa: S607 -- found on the path that the confinement names
                "setpriv",
                "--pdeathsig",
                "KILL",
                *command,
                str(pid),
                "tap0",
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(told,),
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as exc:
        os.close(ready)
        raise EngineFailed("the network of the build cannot be made: slirp4netns is missing") from exc
    finally:
        os.close(told)
    try:
        _await_ready(ready)
        _block(pid, reachable=reachable, environment=environment)
        yield
    finally:
        os.close(ready)
        network.kill()
        network.wait()


def _await_ready(descriptor: int) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        if not selector.select(_START_SECONDS) or os.read(descriptor, 1) != b"1":
            raise EngineFailed(
                "the network of the build cannot be made: slirp4netns did not start",
                hint="`hublish doctor` says what is missing; `engines.buildah.network: none` builds without a network.",
            )


def _block(pid: int, *, reachable: Sequence[str], environment: Mapping[str, str]) -> None:
    """Take the way to private addresses; a build has no right to give itself one."""
    routes: list[tuple[str, ...]] = [("add", "blackhole", network) for network in _UNREACHABLE]
    routes += [("replace", network, "via", _GATEWAY) for network in reachable]
    user = ("-U", "--preserve-credentials") if os.geteuid() != 0 else ()
    for route in routes:
        done = subprocess.run(  # noqa: S603 -- a fixed program; routes are constants and the operator's
            (  # noqa: S607 -- found on the path that the confinement names
                "nsenter",
                f"--target={pid}",
                *user,
                "--net",
                "ip",
                "route",
                *route,
            ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(environment),
            timeout=_START_SECONDS,
            check=False,
        )
        if done.returncode:
            raise EngineFailed(
                f"the network of the build cannot be closed: {clip(done.stderr.decode(errors='replace'))}"
            )
