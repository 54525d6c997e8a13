"""The town behind the proxy; its servers are started once for a module."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.network.parts import (
    API,
    CODELOAD,
    INDEX,
    LOGIN,
    REGISTRY,
    GitHub,
    Server,
    Town,
    make_app_key,
)
from tests.sandbox.connect_proxy import ConnectProxy
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.registry import Registry
from tests.sandbox.registry_token import make_certificate


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Path, bytes, PackageIndexSandbox, Registry, str]]:
    folder = tmp_path_factory.mktemp("town")
    tls = make_certificate(folder / "tls", REGISTRY, INDEX, API, CODELOAD)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    github = Server(("127.0.0.1", 0), GitHub)
    github.socket = context.wrap_socket(github.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=github.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    with (
        PackageIndexSandbox.start(folder / "index", tls=tls) as index,
        Registry.start(folder / "registry", tls=tls) as registry,
    ):
        yield tls[0], make_app_key(), index, registry, f"127.0.0.1:{github.server_port}"
    github.shutdown()
    github.server_close()
    thread.join()


@pytest.fixture
def town(servers: tuple[Path, bytes, PackageIndexSandbox, Registry, str]) -> Iterator[Town]:
    authority, key, index, registry, github = servers
    names = {
        f"{REGISTRY}:443": registry.host,
        f"{INDEX}:443": index.host,
        f"{API}:443": github,
        f"{CODELOAD}:443": github,
    }
    with ConnectProxy(names, login=LOGIN) as proxy:
        yield Town(proxy=proxy, authority=authority, key=key, index=index, registry=registry)
