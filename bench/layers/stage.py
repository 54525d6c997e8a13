"""What every build of one chain stands on: an empty registry that holds the base image, and relays that count.

Each chain has a registry of its own, so that nothing of another subject or run is there. The base is Debian with Python
(tests/sandbox/base_image.py) and a virtual environment with pip, which the ordinary ways install into.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from tests.sandbox.base_image import make_debian_base, push_layout
from tests.sandbox.registry import Registry

from bench.layers.buildah import Buildah
from bench.layers.meter import run_quietly
from bench.layers.relay import Relay, Traffic
from bench.layers.tools import CACHE, UV, ToolMissing, ensure_pip_wheel, ensure_uv
from hublish.adapters.index import HTTPPackageIndex, read_pip_configuration
from hublish.core.locks.lockfile import IndexSource
from hublish.network import read_network

BASE = "bench/base:3.11"
UV_IMAGE = f"bench/uv:{UV}"
DOCKERFILES = Path(__file__).parent / "dockerfiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAccess:
    """The package index of this machine's pip: its URL, and the file of certificate authorities to trust."""

    url: str
    ca_file: Path

    def open_client(self, cache: Path) -> tuple[HTTPPackageIndex, IndexSource]:
        """Open a client that keeps what it fetches in `cache`; returns it and the index as its calls name it."""
        network = replace(read_network(os.environ), ca_file=self.ca_file)
        client = HTTPPackageIndex(rules={}, allow_unlisted=True, cache=cache, network=network)
        return client, IndexSource(name="index", url=self.url, verify_ssl=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A running stage.

    Attributes:
        registry: the registry itself, for looking into it.
        host: the registry as subjects see it: the relay before it.
        index: the package index.
        environment: variables that lead a subject's index traffic through the counting proxy.
    """

    registry: Registry
    host: str
    index: IndexAccess
    environment: Mapping[str, str]
    relays: tuple[Relay, Relay]

    @property
    def uv(self) -> str:
        """Reference of the image that holds the uv binary and nothing else, for builders that mount from images."""
        return f"{self.host}/{UV_IMAGE}"

    @property
    def base(self) -> str:
        """Reference of the base image."""
        return f"{self.host}/{BASE}"

    def read_traffic(self) -> Traffic:
        """Bytes between subjects, registry and index until now."""
        return self.relays[0].traffic + self.relays[1].traffic


def find_index() -> IndexAccess:
    """Ask pip which index it uses.

    Raises:
        ToolMissing: pip does not say.
    """
    pip = read_pip_configuration(os.environ)
    if pip is None:
        raise ToolMissing("pip does not say which package index it uses; try `python -m pip config list`")
    return IndexAccess(url=pip.index_url, ca_file=pip.ca_file or Path("/etc/ssl/certs/ca-certificates.crt"))


@contextmanager
def open_stage(folder: Path, *, images: Mapping[str, Path], index: IndexAccess) -> Iterator[Stage]:
    """Start a registry that holds `images` (repository:tag -> OCI layout), and the relays; all is removed at the end."""
    upstream = urlsplit(os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy") or "")
    target = (upstream.hostname, upstream.port or 80) if upstream.hostname else None
    try:
        with Registry.start(folder) as registry, Relay(_split(registry.host)) as front, Relay(target) as way:
            for name, layout in images.items():
                push_layout(layout, registry.host, *name.split(":"))
            proxy = f"http://{way.host}"
            local = "127.0.0.1,localhost"
            environment = {"HTTPS_PROXY": proxy, "https_proxy": proxy, "NO_PROXY": local, "no_proxy": local}
            yield Stage(registry=registry, host=front.host, index=index, environment=environment, relays=(front, way))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ensure_images(scratch: Path) -> dict[str, Path]:
    """Make what every registry holds from the beginning, from the cache when made before; repository:tag -> layout."""
    debian = make_debian_base(scratch / "debian")
    wheel, uv = ensure_pip_wheel(), ensure_uv()
    with Registry.start(scratch / "registry") as registry:
        push_layout(debian, registry.host, *BASE.split(":"))
        named = ["--build-arg", f"BASE={registry.host}/{BASE}"]
        mounted = ["--build-context", f"tools={wheel.parent}"]
        state = (debian / "index.json").read_bytes() + wheel.name.encode()
        base = _ensure_layout("base", scratch, scratch, state, [*named, *mounted])
        return {BASE: base, UV_IMAGE: _ensure_layout("uv-binary", scratch, uv.parent, UV.encode(), [])}


def _ensure_layout(name: str, scratch: Path, context: Path, state: bytes, arguments: list[str]) -> Path:
    """Build one image as an OCI layout, unless the cache has it for the same Dockerfile and `state`."""
    dockerfile = DOCKERFILES / f"{name}.Dockerfile"
    layout = CACHE / f"{name}-{hashlib.sha256(dockerfile.read_bytes() + state).hexdigest()[:16]}"
    if not (layout / "index.json").is_file():
        buildah = Buildah(scratch / "store")
        staging = scratch / name
        build = buildah.bud(dockerfile, context, name, ["--timestamp", "0", *arguments])
        try:
            for command in (build, [*buildah.words, "push", "--quiet", name, f"oci:{staging}:{name}"]):
                run_quietly(command, environment=buildah.environment())
        finally:
            buildah.remove()
        shutil.move(staging, layout)
    return layout


def _split(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    return name, int(port)
