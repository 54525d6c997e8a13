"""How every client reaches its server: whose certificates count, which proxy stands between, which addresses are refused.

One `Network` is made from the operator's settings (or a user's environment) and given to all clients, so that none of them
has a rule of its own. Behind a proxy names are resolved by the proxy; what can still be refused then is what a name or an
address says by itself. Nothing is decided here about hosts that may be asked: that is each client's.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import NameResolutionError, ProxyError, SSLError
from urllib3.util import make_headers
from urllib3.util.ssl_ import ALPN_PROTOCOLS, create_urllib3_context

from hublish.core.address import verify_public, verify_public_name
from hublish.core.proxy import Proxies, Proxy, read_proxies
from hublish.errors import NotAllowed, clip

CONNECTIONS_PER_HOST = 16
_HOSTS_AT_ONCE = 32
_TUNNEL_REFUSED = re.compile(r"Tunnel connection failed: ([0-9]{3} .*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The way out of this process.

    Attributes:
        ca_file: PEM file of certificate authorities in place of the system's; None takes the system's.
        proxies: which proxy serves which URL.
    """

    ca_file: Path | None = None
    proxies: Proxies = field(default_factory=Proxies)


def read_network(environ: Mapping[str, str]) -> Network:
    """Read what a user's environment says: proxies (see `read_proxies`), SSL_CERT_FILE, else REQUESTS_CA_BUNDLE.

    Raises:
        SettingsInvalid: a proxy is no URL.
    """
    named = environ.get("SSL_CERT_FILE") or environ.get("REQUESTS_CA_BUNDLE")
    return Network(ca_file=Path(named).expanduser() if named else None, proxies=read_proxies(environ))


class Pools:
    """The connections of one client. Safe to share between threads; they are kept alive between requests."""

    def __init__(self, network: Network, *, hint: str) -> None:
        """Prepare; nothing is opened yet.

        Args:
            network: the way out.
            hint: how the operator would allow a host that is refused for its private address.
        """
        self._network = network
        self._hint = hint
        self._pools: dict[tuple[Proxy | None, bool, bool], urllib3.PoolManager] = {}
        self._authorities: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def find(self, url: str, *, public_only: bool) -> urllib3.PoolManager:
        """Find the pool to ask a URL through.

        Args:
            url: absolute.
            public_only: refuse private addresses: here when a proxy will resolve the name and the name or address itself
                is private, else where the connection is made.

        Raises:
            NotAllowed: the host is private by its own words.
            urllib3.exceptions.SSLError: the file of authorities cannot be read, as when a connection fails for it.
        """
        proxy = self._network.proxies.find(url)
        if proxy is not None and public_only:
            verify_public_name(urlsplit(url).hostname or "", hint=self._hint)
        encrypted = url.lower().startswith("https:") or (proxy is not None and proxy.url.lower().startswith("https:"))
        key = proxy, public_only and proxy is None, encrypted
        with self._lock:
            if key not in self._pools:
                self._pools[key] = self._make_pool(proxy, guarded=key[1], encrypted=encrypted)
            return self._pools[key]

    def close(self) -> None:
        """Close idle connections; the pools can be used on."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()

    def _make_pool(self, proxy: Proxy | None, *, guarded: bool, encrypted: bool) -> urllib3.PoolManager:
        authorities = self._load_authorities() if encrypted else None
        options: dict[str, Any] = {
            "num_pools": _HOSTS_AT_ONCE,
            "maxsize": CONNECTIONS_PER_HOST,
            "cert_reqs": "CERT_REQUIRED",
            "ssl_context": authorities,
        }
        if proxy is not None:
            headers = None if proxy.login is None else make_headers(proxy_basic_auth=proxy.login)
            return urllib3.ProxyManager(proxy.url, proxy_headers=headers, proxy_ssl_context=authorities, **options)
        pool = urllib3.PoolManager(**options)
        if guarded:
            pool.pool_classes_by_scheme = _make_guarded_classes(self._hint)
        return pool

    def _load_authorities(self) -> ssl.SSLContext:
        """Load them once: left to urllib3, each of a build's dozens of connections would, and take 20 ms of processor."""
        if self._authorities is None:
            context = create_urllib3_context()
            try:
                if self._network.ca_file is None:
                    context.load_default_certs()
                else:
                    context.load_verify_locations(self._network.ca_file)
            except OSError as exc:
                # Its name is the operator's, and this may be read by everybody.
                raise SSLError(f"the file of certificate authorities cannot be read ({exc.strerror or exc})") from exc
            # urllib3 sets the same again for each connection; OpenSSL does not lock it against a handshake that reads it.
            context.set_alpn_protocols(ALPN_PROTOCOLS)
            context.set_alpn_protocols = _keep_protocols  # type: ignore[assignment]  # bound to the instance, as methods are not
            self._authorities = context
        return self._authorities


def _keep_protocols(_: Iterable[str]) -> None:
    """In place of a context's `set_alpn_protocols` once these are set."""


def verify_connection(host: str, connection: socket.socket, *, hint: str) -> None:
    """Refuse a connection that was made to a private address: it is closed before a byte is sent.

    Raises:
        NotAllowed: see `hublish.core.address.verify_public`.
    """
    try:
        verify_public(host, [str(connection.getpeername()[0])], hint=hint)
    except BaseException:
        connection.close()
        raise


def join_url(base: str, location: str) -> str:
    """Join what a server named, in a redirect for one, to the URL it was asked by.

    Raises:
        NotAllowed: it is no URL.
    """
    try:
        return urljoin(base, location)
    except ValueError as exc:
        raise NotAllowed(f"expected a URL to go on to, got {clip(location.partition('?')[0])!r}") from exc


def find_proxy_refusal(error: BaseException) -> str | None:
    """What a proxy answered instead of opening a way, e.g. "407 Proxy Authentication Required"; None for another error."""
    said = str(error.original_error) if isinstance(error, ProxyError) else ""
    found = _TUNNEL_REFUSED.search(said)
    return None if found is None else clip(found[1], limit=80)


def _verify_host(connection: HTTPConnection, *, hint: str) -> None:
    host = connection.host.strip("[]")
    try:
        found = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as exc:
        cause = exc if isinstance(exc, socket.gaierror) else socket.gaierror(str(exc))
        raise NameResolutionError(host, connection, cause) from exc
    verify_public(host, [str(entry[4][0]) for entry in found], hint=hint)


def _make_guarded_classes(hint: str) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """Pools whose connections refuse private addresses.

    The address is checked before connecting, so that nothing can be probed, and again on the connected socket, so that a
    name that answers differently the second time (DNS rebinding) gains nothing.
    """

    class GuardedHTTPConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            _verify_host(self, hint=hint)
            connected = super()._new_conn()
            verify_connection(self.host, connected, hint=hint)
            return connected

    class GuardedHTTPSConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            _verify_host(self, hint=hint)
            connected = super()._new_conn()
            verify_connection(self.host, connected, hint=hint)
            return connected

    class GuardedHTTPPool(urllib3.HTTPConnectionPool):
        ConnectionCls = GuardedHTTPConnection

    class GuardedHTTPSPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = GuardedHTTPSConnection

    return {"http": GuardedHTTPPool, "https": GuardedHTTPSPool}
