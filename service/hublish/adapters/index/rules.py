"""Which index host may be asked, under which address, with which credentials: the operator's map, applied.

A host counts as listed when it is a key of the map or the host of a mirror in it. Everything a lock or an index says about
other hosts is measured here; nothing is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from urllib3.util import make_headers

from hublish.core.locks.lock import IndexSource
from hublish.errors import NotAllowed, SettingsInvalid, clip

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
LIST_IT = "Ask the operator to list the host under `indexes` in the settings; on the command line use --index-map."
_PLAIN_HTTP = "Use https, or set `plain_http: true` for the host under `indexes` (on the command line: --plain-http)."
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRule:
    """What the operator says of one index host.

    Attributes:
        mirror: base URL of a simple API that is asked instead; None asks the host itself.
        auth_file: file of one line, `user:password`, the login for the host that is asked; None for none.
        plain_http: allow http:// to the host that is asked. Off by default: an answer could be read and changed by anyone
            on the way.
    """

    mirror: str | None = None
    auth_file: Path | None = None
    plain_http: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexBase:
    """Where a source is really asked.

    Attributes:
        url: base URL without credentials and trailing slash.
        authorization: value of the Authorization header; None for none. It belongs to the origin of `url` only.
    """

    url: str
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRules:
    """The operator's map and what holds for hosts that are not in it.

    Attributes:
        rules: `host` or `host:port`, lower case -> rule; a key without port means the scheme's default port.
        allow_unlisted: True on a user's own machine only: the hosts a lock names may be asked over https.
        environ: values for `${VAR}` in source URLs, on a user's own machine only; None expands nothing.
    """

    rules: Mapping[str, IndexRule]
    allow_unlisted: bool
    environ: Mapping[str, str] | None = field(default=None, repr=False)

    def make_base(self, source: IndexSource) -> IndexBase:
        """Find where a source of a lock is asked.

        Raises:
            NotAllowed: the host is not listed, a variable is not allowed or not set, http where https is due.
            SettingsInvalid: the rule's auth file cannot be read.
        """
        parts = self._split_source(source)
        rule = self.rules.get(host_of(parts))
        if rule is None:
            self._verify_unlisted(source, parts)
            rule = IndexRule()
        if rule.mirror is not None:
            parts = split_url(rule.mirror)
        if parts.scheme != "https" and not rule.plain_http:
            raise NotAllowed(f"the index {show_url(parts)} is asked over plain http", hint=_PLAIN_HTTP)
        return IndexBase(url=without_credentials(parts).rstrip("/"), authorization=_load_authorization(parts, rule))

    def verify_hop(self, url: str, *, base: IndexBase, hashed: bool) -> bool:
        """Decide whether a URL that an index named (a file, a redirect) may be asked.

        Args:
            url: absolute URL.
            base: where the conversation began.
            hashed: True when the answer's SHA-256 is known beforehand, so that it does not matter who gives it.

        Returns:
            True when the address behind the host must be public; False for a listed host.

        Raises:
            NotAllowed: it may not be asked.
        """
        parts = split_url(url)
        listed = self._listed_hosts()
        if host_of(parts) in listed:
            if parts.scheme == "https" or listed[host_of(parts)]:
                return False
            raise NotAllowed(f"{show_url(parts)} is asked over plain http", hint=_PLAIN_HTTP)
        if origin_of(url) == origin_of(base.url):
            return True
        asked = host_of(split_url(base.url))
        if not hashed:
            raise NotAllowed(f"the index {asked} redirects to another host, {clip(host_of(parts))}", hint=LIST_IT)
        if parts.scheme != "https":
            raise NotAllowed(
                f"the index {asked} points to {show_url(parts)} over plain http on another host", hint=_PLAIN_HTTP
            )
        return True

    def _listed_hosts(self) -> dict[str, bool]:
        hosts = {host: rule.plain_http and rule.mirror is None for host, rule in self.rules.items()}
        for rule in self.rules.values():
            if rule.mirror is not None:
                mirror = host_of(split_url(rule.mirror))
                hosts[mirror] = hosts.get(mirror, False) or rule.plain_http
        return hosts

    def _split_source(self, source: IndexSource) -> SplitResult:
        url = source.url if self.environ is None else self._expand(source)
        parts = split_url(url)
        if self.environ is None and "$" in (parts.username or "") + (parts.password or ""):
            # The operator's rule gives the login; what the lock would read from an environment is left out.
            parts = split_url(without_credentials(parts))
            if host_of(parts) not in self.rules:
                raise NotAllowed(
                    f"the source {clip(source.name)} takes its login from a variable, which is never read here",
                    hint=f"Give {clip(host_of(parts))} an auth_file under `indexes` in the settings.",
                )
        if "${" in url.partition("://")[2].rpartition("@")[2]:
            raise NotAllowed(
                f"the source {clip(source.name)} has a variable in its address, which is never expanded here",
                hint="Write the address of the index in the Pipfile as it is, and lock again.",
            )
        return parts

    def _expand(self, source: IndexSource) -> str:
        environ = self.environ or {}
        missing = sorted({name for name in _VARIABLE.findall(source.url) if name not in environ})
        if missing:
            raise NotAllowed(
                f"the source {clip(source.name)} needs the variable {clip(', '.join(missing))}, which is not set",
                hint="Set it and try again.",
            )
        return _VARIABLE.sub(lambda match: environ[match[1]], source.url)

    def _verify_unlisted(self, source: IndexSource, parts: SplitResult) -> None:
        if not self.allow_unlisted:
            raise NotAllowed(f"the index host {clip(host_of(parts))} is not listed", hint=LIST_IT)
        if not source.verify_ssl:
            raise NotAllowed(
                f"the source {clip(source.name)} says verify_ssl = false, and {clip(host_of(parts))} is not listed",
                hint="Set verify_ssl = true and lock again, or give the index's certificate authority and list the host.",
            )


def split_url(url: str) -> SplitResult:
    """Split an http(s) URL. Raises NotAllowed when it is none or has no host."""
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise NotAllowed(f"expected an http(s) URL, found {clip(url.partition('?')[0].rpartition('@')[2])}") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not port_is_valid:
        raise NotAllowed(f"expected an http(s) URL, found {clip(url.partition('?')[0].rpartition('@')[2])}")
    return parts


def host_of(parts: SplitResult) -> str:
    """`host`, or `host:port` when the port is not the scheme's own; lower case."""
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{host}:{parts.port}"


def origin_of(url: str) -> tuple[str, str]:
    """(scheme, host): the only place credentials are sent to."""
    parts = split_url(url)
    return parts.scheme, host_of(parts)


def show_url(parts: SplitResult) -> str:
    """Host and path for an error's text: no credentials, no query."""
    return clip(f"{host_of(parts)}{parts.path}")


def without_credentials(parts: SplitResult) -> str:
    """The URL without login and fragment."""
    return urlunsplit((parts.scheme, host_of(parts), parts.path, parts.query, ""))


def _load_authorization(parts: SplitResult, rule: IndexRule) -> str | None:
    if rule.auth_file is not None:
        return _basic(*_load_login(parts, rule.auth_file))
    if parts.username is None:
        return None
    return _basic(unquote(parts.username), unquote(parts.password or ""))


def _load_login(parts: SplitResult, path: Path) -> tuple[str, str]:
    """Read (user, password). The file is read anew for each call, so that a rotated secret counts at once."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
        raise SettingsInvalid(f"the auth file {path} of the index {host_of(parts)} cannot be read: {reason}") from exc
    user, separator, password = lines[0].partition(":") if len(lines) == 1 else ("", "", "")
    if not (user and separator):
        raise SettingsInvalid(
            f"expected one line `user:password` in the auth file {path} of the index {host_of(parts)}"
        )
    return user, password


def _basic(login: str, password: str) -> str:
    return str(make_headers(basic_auth=f"{login}:{password}")["authorization"])
