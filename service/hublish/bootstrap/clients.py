"""Clients made from the operator's settings, the same for the service and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hublish.adapters.registry import RegistryClient, RegistryRule
from hublish.core.namespaces import Namespaces
from hublish.core.proxy import Proxies, Proxy, parse_proxy
from hublish.core.reference import Reference, parse_reference
from hublish.errors import ReferenceInvalid, SettingsInvalid
from hublish.network import Network

if TYPE_CHECKING:
    from hublish.adapters.index import HTTPPackageIndex, IndexRule
    from hublish.firstsettings import FirstSettings
    from hublish.settings import Settings


def make_network(settings: Settings | FirstSettings) -> Network:
    """The way out that the operator names, the same for every client.

    Raises:
        SettingsInvalid: a proxy is no URL, holds a login, or its auth file is unusable; nothing of a login is shown.
    """
    named = settings.proxy
    login = None if named.auth_file is None else _load_login(named.auth_file)
    return Network(
        ca_file=settings.ca_file,
        proxies=Proxies(
            https=_make_proxy(named.https, "proxy.https", login),
            http=_make_proxy(named.http, "proxy.http", login),
            direct=tuple(named.no_proxy),
        ),
    )


def _make_proxy(text: str | None, name: str, login: str | None) -> Proxy | None:
    if text is None:
        return None
    proxy = parse_proxy(text, name=name)
    if proxy.login is not None:
        raise SettingsInvalid(
            f"{name} holds a login", hint="write `user:password` into a file, and name it proxy.auth_file"
        )
    return replace(proxy, login=login)


def _load_login(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsInvalid(
            f"proxy.auth_file: {path} cannot be read: {reason}", hint="check the path and its mode"
        ) from error
    if not text.partition(":")[2] or not text.isprintable():
        raise SettingsInvalid(f"proxy.auth_file: expected one line `user:password` in {path}")
    return text


def make_registry_rules(settings: Settings) -> dict[str, RegistryRule]:
    """The operator's registries as rules of the client."""
    return {
        host: RegistryRule(
            plain_http=registry.plain_http,
            auth_file=registry.auth_file,
            token_hosts=frozenset(registry.token_hosts),
        )
        for host, registry in settings.registries.items()
    }


def make_registry(settings: Settings) -> RegistryClient:
    """A client that speaks with the operator's registries and no others."""
    rules = make_registry_rules(settings)
    return RegistryClient(rules=rules, allowed_hosts=frozenset(rules), network=make_network(settings))


def make_index_rules(settings: Settings) -> dict[str, IndexRule]:
    """The operator's package indexes as rules of the client."""
    # Here, because most builds on a user's machine ask no index.
    from hublish.adapters.index import IndexRule  # noqa: PLC0415  # start-up time

    return {
        host: IndexRule(mirror=index.mirror, auth_file=index.auth_file, plain_http=index.plain_http)
        for host, index in settings.indexes.items()
    }


def make_index(settings: Settings, *, cache: Path) -> HTTPPackageIndex:
    """A client that speaks with the operator's package indexes and no others; no variable is ever expanded."""
    from hublish.adapters.index import HTTPPackageIndex  # noqa: PLC0415  # start-up time

    return HTTPPackageIndex(
        rules=make_index_rules(settings), allow_unlisted=False, cache=cache, network=make_network(settings)
    )


def make_bases(bases: Mapping[str, str]) -> dict[str, Reference]:
    """Default bases by Python version.

    Raises:
        SettingsInvalid: a base is no reference; the message names the key.
    """
    made = {}
    for version, text in bases.items():
        try:
            made[version] = parse_reference(text)
        except ReferenceInvalid as error:
            raise SettingsInvalid(f"bases.{version}: {error.message}", hint=error.hint) from error
    return made


def make_namespaces(settings: Settings) -> Namespaces:
    """Who may push where."""
    return {
        host: {owner.lower(): tuple(prefixes) for owner, prefixes in registry.namespaces.items()}
        for host, registry in settings.registries.items()
    }
