"""A town behind a proxy: registry, index and GitHub, each under a name that only the proxy resolves."""

from __future__ import annotations

import http.server
from dataclasses import dataclass
from pathlib import Path

from hublish.adapters.github import GitHubApp, Patience
from hublish.adapters.index import HTTPPackageIndex, IndexRule
from hublish.adapters.registry import Patience as RegistryPatience
from hublish.adapters.registry import RegistryClient, RegistryRule
from hublish.core.proxy import Proxies, Proxy
from hublish.core.repository import Repository
from hublish.network import Network
from tests.contract.index.parts import QUICK
from tests.sandbox.connect_proxy import ConnectProxy
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.registry import Registry
from tests.sandbox.wheels import PLACEHOLDER_HOST

REGISTRY, INDEX, API, CODELOAD = (f"{name}.example.org" for name in ("registry", "index", "api", "codeload"))
LOGIN = "robot:hunter2"
TARBALL = b"a tarball " * 10_000
SHA = "a" * 40
REPOSITORY = Repository(id=7, installation_id=3, owner="org", name="ts", default_branch="main", private=True)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the certificate hangs up, as it shall; nothing to print."""


class GitHub(http.server.BaseHTTPRequestHandler):
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
