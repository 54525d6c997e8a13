"""Every client behind a proxy and a private authority: names that only the proxy resolves, certificates only `ca_file` knows."""

from __future__ import annotations

import http.server
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hublish.adapters.github import GitHubApp, GitHubSources, Patience
from hublish.adapters.index import HTTPPackageIndex, IndexRule
from hublish.adapters.registry import Patience as RegistryPatience
from hublish.adapters.registry import RegistryClient, RegistryRule
from hublish.core.ports import IndexFile
from hublish.core.proxy import Proxies, Proxy
from hublish.core.repository import Repository
from hublish.errors import GitHubFailed, HublishError, IndexFailed, NotAllowed, RegistryFailed
from hublish.network import Network, verify_connection
from tests.contract.index.parts import QUICK, SOURCE
from tests.contract.registry_setting import MANIFEST_TYPE, make_blob, make_manifest, make_reference
from tests.sandbox.connect_proxy import ConnectProxy
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.registry import Registry
from tests.sandbox.registry_token import make_certificate
from tests.sandbox.wheels import PLACEHOLDER_HOST

REGISTRY, INDEX, API, CODELOAD = (f"{name}.example.org" for name in ("registry", "index", "api", "codeload"))
LOGIN = "robot:hunter2"
TARBALL = b"a tarball " * 10_000
SHA = "a" * 40
REPOSITORY = Repository(id=7, installation_id=3, owner="org", name="ts", default_branch="main", private=True)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the certificate hangs up, as it shall; nothing to print."""


class _GitHub(http.server.BaseHTTPRequestHandler):
    """What an App asks for a tarball."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        answers = {
            "/app": (200, b'{"id": 1, "slug": "hublish"}'),
            f"/repos/org/ts/tarball/{SHA}": (302, b""),
            "/tarball": (200, TARBALL),
        }
        status, body = answers[self.path]
        self._send(status, body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(201, b'{"token": "ghs_x", "expires_at": "2036-01-01T00:00:00Z"}')

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"https://{CODELOAD}/tarball")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass(frozen=True, kw_only=True)
class Town:
    """Servers with certificates of one private authority, and the proxy that alone knows their names."""

    proxy: ConnectProxy
    authority: Path
    key: bytes
    index: PackageIndexSandbox
    registry: Registry

    def network(self, *, login: str | None = LOGIN, trusted: bool = True, direct: tuple[str, ...] = ()) -> Network:
        """The way out through the proxy."""
        proxy = Proxy(url=self.proxy.url, login=login)
        proxies = Proxies(https=proxy, http=proxy, direct=direct)
        return Network(ca_file=self.authority if trusted else None, proxies=proxies)


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Path, bytes, PackageIndexSandbox, Registry, str]]:
    folder = tmp_path_factory.mktemp("town")
    tls = make_certificate(folder / "tls", REGISTRY, INDEX, API, CODELOAD)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    github = _Server(("127.0.0.1", 0), _GitHub)
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


def make_app_key() -> bytes:
    """A private key of an App."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def make_registry(network: Network, **rules: RegistryRule) -> RegistryClient:
    hosts = rules or {REGISTRY: RegistryRule()}
    patience = RegistryPatience(attempts=1)
    return RegistryClient(rules=hosts, allowed_hosts=None, network=network, patience=patience)


def make_index(network: Network, cache: Path) -> HTTPPackageIndex:
    rules = {PLACEHOLDER_HOST: IndexRule(mirror=f"https://{INDEX}/simple")}
    return HTTPPackageIndex(rules=rules, allow_unlisted=False, cache=cache, network=network, timing=QUICK)


def make_app(town: Town, network: Network) -> GitHubApp:
    return GitHubApp(
        api_url=f"https://{API}", app_id=1, private_key_pem=town.key, network=network, patience=Patience(attempts=1)
    )


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
