"""Which proxy stands between this process and a URL: one rule for every client. It sends nothing and reads no environment.

A login for a proxy is a secret: it is kept apart from the URL and never in a message or a representation.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from hublish.core.address import find_address, is_loopback
from hublish.errors import SettingsInvalid, clip

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        url: `http://host[:port]` or `https://host[:port]`, without a login.
        login: `user:password`, or None.
    """

    url: str
    login: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """Which proxy serves which URL; by default none.

    Attributes:
        https: for https URLs, by CONNECT; None for none.
        http: for plain http URLs; None for none.
        direct: what is reached without: a name stands for itself and all below it (a leading dot changes nothing), an
            address for itself, `10.0.0.0/8` for a network, any of them with `:port` for that port only, `*` for all.
    """

    https: Proxy | None = None
    http: Proxy | None = None
    direct: tuple[str, ...] = ()

    def find(self, url: str) -> Proxy | None:
        """Find the proxy for a URL; None where it is asked directly, as this machine itself always is."""
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        proxy = self.https if parts.scheme == "https" else self.http
        if proxy is None or is_loopback(host):
            return None
        port = parts.port or _PORTS.get(parts.scheme)
        return None if any(_matches(entry, host, port) for entry in self.direct) else proxy


def parse_proxy(text: str, *, name: str) -> Proxy:
    """Parse the URL of a proxy; a missing scheme means http, as most programs take it.

    Args:
        text: e.g. `http://user:password@proxy.example.org:3128`.
        name: key or variable it stands in, for the message.

    Raises:
        SettingsInvalid: no http(s) URL of a host; the message shows nothing that may be a login.
    """
    parts, port = _split(text)
    if parts is None or parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/"):
        raise SettingsInvalid(
            f"{name}: expected the URL of an HTTP proxy, got {clip(text.rpartition('@')[2], limit=80)!r}",
            hint="write http://host:port or https://host:port; SOCKS proxies are not supported",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    login = None if parts.username is None else f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(url=f"{parts.scheme}://{host}{'' if port is None else f':{port}'}", login=login)


def read_proxies(environ: Mapping[str, str]) -> Proxies:
    """Read HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in lower case first, as most programs do. Raises SettingsInvalid."""
    texts = {name: environ.get(name.lower()) or environ.get(name) for name in ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")}
    https, http = (
        None if not texts[name] else parse_proxy(str(texts[name]), name=name) for name in ("HTTPS_PROXY", "HTTP_PROXY")
    )
    return Proxies(https=https, http=http, direct=split_direct(texts["NO_PROXY"] or ""))


def split_direct(text: str) -> tuple[str, ...]:
    """Split the value of NO_PROXY, whose entries stand between commas or white space."""
    return tuple(text.replace(",", " ").split())


def _split(text: str) -> tuple[SplitResult | None, int | None]:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError:
        return None, None
    return parts, port


def _matches(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (":" not in name or name.endswith("]")):
        return port == int(wanted) and _matches(name, host, port)
    address = find_address(host)
    if address is not None:
        return _holds(entry.strip("[]"), address)
    ending = entry.lower().strip(".")
    return host == ending or host.endswith(f".{ending}")


def _holds(network: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
