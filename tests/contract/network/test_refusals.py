"""Where no client goes, proxy or not: private hosts, hosts that are not listed, authorities nobody named."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.adapters.github import GitHubApp, GitHubSources, Patience
from hublish.adapters.index import HTTPPackageIndex
from hublish.adapters.registry import RegistryClient
from hublish.core.ports import IndexFile
from hublish.errors import GitHubFailed, HublishError, IndexFailed, NotAllowed, RegistryFailed
from hublish.network import Network, Pools, verify_connection
from tests.contract.index.parts import SOURCE
from tests.contract.network.parts import (
    API,
    INDEX,
    REGISTRY,
    REPOSITORY,
    SHA,
    Town,
    make_app,
    make_index,
    make_registry,
)


def ask_all(town: Town, network: Network, cache: Path) -> list[HublishError]:
    """What registry, index and GitHub raise on a way that does not lead there."""
    registry = make_registry(network)
    failures = []
    for call, kind in (
        (lambda: registry.ping(REGISTRY), RegistryFailed),
        (lambda: make_index(network, cache).list_files(SOURCE, "demo"), IndexFailed),
        (lambda: make_app(town, network).fetch_identity(), GitHubFailed),
    ):
        with pytest.raises(kind) as caught:
            call()
        failures.append(caught.value)
    registry.close()
    return failures


def test_proxy_that_refuses_is_told_from_the_server(
    town: Town, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong login: its status and the setting to mend stand in the message, the login nowhere, not even in debug logs."""
    caplog.set_level(logging.DEBUG)
    refused = "407 Proxy Authentication Required"
    hint = "Check `proxy` in the settings; on the command line HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
    expected = [
        f"check of {REGISTRY}: expected an answer, got {refused} from the proxy.",
        f"{INDEX}/simple/demo/ was refused by the proxy with {refused}",
        f"GET /app at GitHub: expected an answer, but the proxy refused with {refused} (ProxyError).",
    ]
    failures = ask_all(town, town.network(login="robot:wrong-secret"), tmp_path)

    assert [failure.message for failure in failures] == expected
    assert failures[1].hint == hint
    assert "wrong-secret" not in caplog.text + repr(town.network(login="robot:wrong-secret"))


def test_authority_that_is_not_named_is_refused_behind_the_proxy_too(town: Town, tmp_path: Path) -> None:
    """A tunnel vouches for nobody; the message speaks of the certificate."""
    failures = ask_all(town, town.network(trusted=False), tmp_path)

    assert ["certificate" in failure.message.lower() or "SSLError" in failure.message for failure in failures] == [
        True,
        True,
        True,
    ]


def test_file_of_authorities_that_cannot_be_read_fails_as_a_connection_does(town: Town, tmp_path: Path) -> None:
    """It was there when the settings were read; each client says it in its own error."""
    failures = ask_all(town, replace(town.network(), ca_file=tmp_path / "gone.crt"), tmp_path)

    assert [
        "authorities cannot be read" in failures[0].message,
        *("SSLError" in x.message or "authorities" in x.message for x in failures[1:]),
    ] == [
        True,
        True,
        True,
    ]
    assert "gone.crt" not in "".join(failure.message for failure in failures)


def test_authorities_are_read_once_for_all_connections(town: Town, tmp_path: Path) -> None:
    """Dozens of connections of one build would each take some 20 ms of the processor for it."""
    town.index.add_wheel("demo", "1.0")
    copied = tmp_path / "ca.crt"
    copied.write_bytes(town.authority.read_bytes())
    pools = Pools(replace(town.network(), ca_file=copied), hint="")

    def ask() -> int:
        url = f"https://{INDEX}/simple/demo/"
        return pools.find(url, public_only=False).request("GET", url, retries=False).status

    first = ask()
    copied.unlink()
    pools.close()

    assert (first, ask()) == (200, 200)
    pools.close()


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "metadata.google.internal", "2130706433", "registry"])
def test_proxy_is_no_way_to_private_hosts(town: Town, tmp_path: Path, host: str) -> None:
    """Hosts that a stranger names and that are private by their own words: the proxy is not even asked."""
    file = IndexFile(filename="a.whl", url=f"https://{host}/a.whl", sha256="0" * 64, size_bytes=None)
    registry = make_registry(town.network())
    with pytest.raises(NotAllowed):
        make_index(town.network(), tmp_path).fetch_file(SOURCE, file)
    with pytest.raises(NotAllowed, match="has a private address"):
        registry.ping(host)
    registry.close()

    assert town.proxy.calls == []


def test_host_that_is_not_listed_is_refused_before_the_proxy(town: Town, tmp_path: Path) -> None:
    """A proxy that knows the name is no listing."""
    registry = RegistryClient(rules={}, allowed_hosts=frozenset(), network=town.network())
    index = HTTPPackageIndex(rules={}, allow_unlisted=False, cache=tmp_path, network=town.network())
    for call in (lambda: registry.ping(REGISTRY), lambda: index.list_files(SOURCE, "demo")):
        with pytest.raises(NotAllowed):
            call()

    assert town.proxy.calls == []


def test_connection_to_a_private_address_is_closed() -> None:
    """The address is checked again on the connection that was made, before a byte is sent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = socket.create_connection(server.getsockname())
        with pytest.raises(NotAllowed, match=r"^evil\.example\.org has a private address"):
            verify_connection("evil.example.org", made, hint="")

        assert made.fileno() == -1


def test_download_that_drips_ends_at_its_deadline(town: Town) -> None:
    """Each read is in time, the whole is not."""
    now = iter([0.0, 0.0, 1.0])
    app = GitHubApp(
        api_url=f"https://{API}",
        app_id=1,
        private_key_pem=town.key,
        network=town.network(),
        patience=Patience(download_seconds=0.5),
    )
    sources = GitHubSources(app, clock=lambda: next(now))
    with pytest.raises(GitHubFailed) as caught, sources.open_tarball(REPOSITORY, SHA) as stream:
        stream.read()

    assert (caught.value.message, caught.value.transient) == ("The download of the tarball took too long.", True)
