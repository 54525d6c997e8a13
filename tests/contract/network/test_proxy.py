"""Every client behind a proxy and a private authority: names that only the proxy resolves, certificates only `ca_file` knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.adapters.github import GitHubSources
from hublish.adapters.registry import RegistryRule
from hublish.core.proxy import Proxies, Proxy
from hublish.errors import RegistryFailed
from hublish.network import Network
from tests.contract.index.parts import SOURCE
from tests.contract.network.parts import (
    API,
    CODELOAD,
    INDEX,
    REGISTRY,
    REPOSITORY,
    SHA,
    TARBALL,
    Town,
    make_app,
    make_index,
    make_registry,
)
from tests.contract.registry.parts import MANIFEST_TYPE, make_blob, make_manifest, make_reference
from tests.sandbox.connect_proxy import ConnectProxy
from tests.sandbox.registry import Registry


@pytest.mark.registry
def test_registry_is_reached_through_the_proxy(town: Town) -> None:
    """A push and a pull: every request through one tunnel or more to the registry, none to anywhere else."""
    blob = make_blob(300_000)
    reference = make_reference(REGISTRY)
    client = make_registry(town.network())
    client.ensure_blob(reference, **blob.push)
    digest = client.ensure_manifest(reference, body=make_manifest(blob), media_type=MANIFEST_TYPE)
    with client.open_blob(reference, blob.digest) as body:
        pulled = body.read()
    client.close()

    assert pulled == blob.content
    assert client.fetch_digest(reference) == digest
    client.close()
    assert town.proxy.targets == [f"{REGISTRY}:443"]
    assert {call.headers["proxy-authorization"] for call in town.proxy.calls} == {town.proxy.authorization}


@pytest.mark.registry
def test_registry_without_tls_is_reached_through_the_proxy_for_http(tmp_path: Path) -> None:
    """Whole URLs, as HTTP_PROXY means it."""
    blob = make_blob(300_000)
    host = "plain.example.org:5000"
    with Registry.start(tmp_path / "plain") as registry, ConnectProxy({host: registry.host}) as proxy:
        network = Network(proxies=Proxies(http=Proxy(url=proxy.url)))
        client = make_registry(network, **{host: RegistryRule(plain_http=True)})
        pushed = client.ensure_blob(make_reference(host), **blob.push)
        client.close()

        assert (pushed.transfer, registry.blob("team/ts", blob.digest)) == ("uploaded", blob.content)
        assert {call.method for call in proxy.calls} == {"HEAD", "POST", "PUT"}


def test_index_is_reached_through_the_proxy(town: Town, tmp_path: Path) -> None:
    """Pages and files."""
    served = town.index.add_wheel("demo", "1.0")
    index = make_index(town.network(), tmp_path)
    [file] = index.list_files(SOURCE, "demo")

    assert index.fetch_file(SOURCE, file).read_bytes() == served.body
    assert town.proxy.targets == [f"{INDEX}:443"]


def test_github_is_reached_through_the_proxy(town: Town) -> None:
    """The API and the host that it redirects the download to."""
    app = make_app(town, town.network())
    with GitHubSources(app).open_tarball(REPOSITORY, SHA) as stream:
        body = stream.read()

    assert body == TARBALL
    assert app.fetch_identity().slug == "hublish"
    assert town.proxy.targets == [f"{API}:443", f"{CODELOAD}:443"]
    # One tunnel serves all operations of a host: no handshake is made twice.
    assert len(town.proxy.calls) == 2


def test_environment_has_no_say(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients follow what they are given; variables of the process lead nowhere, PyGithub's own reading included."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))

    assert make_app(town, town.network()).fetch_identity().slug == "hublish"


@pytest.mark.registry
def test_hosts_of_no_proxy_are_asked_directly(town: Town) -> None:
    """The proxy hears nothing of them."""
    client = make_registry(town.network(direct=(".example.org",)))
    with pytest.raises(RegistryFailed, match="expected a host that can be resolved, got none"):
        client.ping(REGISTRY)
    client.close()

    assert town.proxy.calls == []
