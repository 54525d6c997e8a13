"""Where requests may go: listed hosts, TLS, redirects, who may be private. It decides and refuses; it sends nothing.

A repository's config, a registry's redirect and a registry's token realm all choose hosts, and none is trusted: a
service that follows them reads its own cluster's metadata for a stranger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from hublish.adapters.registry.rule import RegistryRule
from hublish.errors import NotAllowed, clip

DEFAULT_PORTS = {"https": 443, "http": 80}
# Docker Hub's references say docker.io, its API answers elsewhere.
API_HOSTS = {"docker.io": "registry-1.docker.io"}
LIST_IT = "List the host in the operator's `registries` map if it is meant to be asked."


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPolicy:
    """The operator's word on hosts.

    Attributes:
        rules: by `host[:port]`; a host with a rule is listed: plain HTTP by its rule, private addresses allowed.
        allowed_hosts: registries a reference may name; None allows any, for the command line.
        allow_private: private addresses for every host; only where the user's own machine asks for the user.
    """

    rules: Mapping[str, RegistryRule]
    allowed_hosts: frozenset[str] | None
    allow_private: bool = False

    def rule(self, host: str) -> RegistryRule | None:
        """The rule of `host[:port]`, or of its API's other name; None for a host that is not listed."""
        for name in (host, *(name for name, api in API_HOSTS.items() if api == host)):
            if name in self.rules:
                return self.rules[name]
        return None

    def verify_registry(self, host: str) -> None:
        """Refuse a registry that the operator does not list.

        Raises:
            NotAllowed: `allowed_hosts` is given and does not hold the host.
        """
        if self.allowed_hosts is not None and host not in self.allowed_hosts:
            raise NotAllowed(
                f"Expected a registry that the operator lists, got {clip(host)!r}.",
                hint="Use a listed registry, or ask the operator to add this one to `registries` in the settings.",
            )

    def base_url(self, host: str) -> str:
        """`scheme://host[:port]` of a registry's API: https unless its rule says plain HTTP."""
        rule = self.rule(host)
        scheme = "http" if rule is not None and rule.plain_http else "https"
        return f"{scheme}://{API_HOSTS.get(host, host)}"

    def verify_url(self, url: str) -> None:
        """Refuse a URL that is no https URL, or plain HTTP to a host that is not listed for it.

        Raises:
            NotAllowed: with host and reason, never with the URL's query.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            raise NotAllowed(f"Expected a URL, got {clip(url.partition('?')[0])!r}.") from None
        host = host_of(parts)
        if not host or parts.username is not None or parts.password is not None:
            raise NotAllowed(f"Expected a URL with a host and without credentials, got {clip(parts.path)!r}.")
        rule = self.rule(host)
        plain = parts.scheme == "http" and rule is not None and rule.plain_http
        if parts.scheme != "https" and not plain:
            raise NotAllowed(
                f"Expected https for {clip(host)!r}, got {clip(parts.scheme)!r}.",
                hint="List the host with `plain_http: true` (on the command line: --plain-http HOST) if that is meant.",
            )

    def may_be_private(self, url: str) -> bool:
        """Tell whether the host of `url` may have a private address: it is listed, or all may."""
        return self.allow_private or self.rule(host_of(urlsplit(url))) is not None


def host_of(parts: SplitResult) -> str:
    """`host[:port]` of a split URL in lower case, without the scheme's own port; "" when there is no valid host."""
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    host = f"[{host}]" if ":" in host else host
    return host if port is None or port == DEFAULT_PORTS.get(parts.scheme) else f"{host}:{port}"
