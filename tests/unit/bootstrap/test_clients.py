"""Clients and rules made from the operator's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.adapters.index import IndexRule
from hublish.adapters.registry import RegistryRule
from hublish.bootstrap.clients import (
    make_bases,
    make_index_rules,
    make_namespaces,
    make_network,
    make_registry_rules,
)
from hublish.bootstrap.hubs import make_hub
from hublish.core.github.consent import HubRule
from hublish.core.proxy import Proxies, Proxy
from hublish.core.reference import parse_reference
from hublish.errors import SettingsInvalid
from hublish.network import Network
from hublish.settings import ProxySettings, Settings, parse_settings
from hublish.workflows.services import Hub

SETTINGS = b"""\
github: {app_id: 1, private_key_file: key.pem, webhook_secret_files: [secret]}
public_url: https://hublish.example.com
data: data
database: sqlite:///hublish.sqlite
registries:
  registry.example.org:
    auth_file: auth.json
    token_hosts: [login.example.org]
    namespaces: {Octo: [team, lab], "*": [public]}
  127.0.0.1:5000: {plain_http: true}
indexes:
  index.example.invalid: {mirror: https://mirror.example.org/simple, auth_file: login, plain_http: true}
hubs:
  demo: {repo: org/apps, branch: dev, folder: /images/, jupyterhub: 5, pin: tag, accept: [{repo: octo/ts, images: [a]}]}
"""


@pytest.fixture
def settings() -> Settings:
    return parse_settings(SETTINGS, path=Path("/etc/hublish/settings.yaml"))


def test_registries_are_rules_of_their_client(settings: Settings) -> None:
    """Credentials, hosts of the token service and plain HTTP as the operator says; nothing is added."""
    expected = {
        "registry.example.org": RegistryRule(
            plain_http=False,
            auth_file=Path("/etc/hublish/auth.json"),
            token_hosts=frozenset({"login.example.org"}),
        ),
        "127.0.0.1:5000": RegistryRule(plain_http=True, auth_file=None, token_hosts=frozenset()),
    }

    assert make_registry_rules(settings) == expected


def test_indexes_are_rules_of_their_client(settings: Settings) -> None:
    """By the host that locks name."""
    expected = {
        "index.example.invalid": IndexRule(
            mirror="https://mirror.example.org/simple", auth_file=Path("/etc/hublish/login"), plain_http=True
        )
    }

    assert make_index_rules(settings) == expected


def test_owners_are_compared_without_case(settings: Settings) -> None:
    """As GitHub does; a registry without a map allows nobody."""
    expected = {
        "registry.example.org": {"octo": ("team", "lab"), "*": ("public",)},
        "127.0.0.1:5000": {},
    }

    assert make_namespaces(settings) == expected


def test_hub_is_what_the_settings_say(settings: Settings) -> None:
    """With its folder without slashes at its ends."""
    expected = Hub(
        name="demo",
        repo="org/apps",
        branch="dev",
        folder="images",
        jupyterhub=5,
        pin="tag",
        accept=(HubRule(repo="octo/ts", images=("a",), file="*"),),
    )

    assert make_hub("demo", settings.hubs["demo"]) == expected


def test_bases_are_references() -> None:
    """By Python version."""
    text = "registry.example.org/base/python:3.11"

    assert make_bases({"3.11": text}) == {"3.11": parse_reference(text)}


def test_base_that_is_no_reference_names_its_key() -> None:
    """The operator finds the place."""
    with pytest.raises(SettingsInvalid, match=r"^bases\.3\.11: "):
        make_bases({"3.11": "registry.example.org/Base"})


def test_way_out_is_what_the_settings_say(settings: Settings, tmp_path: Path) -> None:
    """One for every client; the login comes from its file and is no part of a URL."""
    login = tmp_path / "login"
    login.write_text("robot:hunter2\n")
    proxy = ProxySettings(https="http://a.example.org:3128", http="b.example.org", no_proxy=["c"], auth_file=login)
    behind = settings.model_copy(update={"ca_file": tmp_path / "ca.pem", "proxy": proxy})
    expected = Network(
        ca_file=tmp_path / "ca.pem",
        proxies=Proxies(
            https=Proxy(url="http://a.example.org:3128", login="robot:hunter2"),
            http=Proxy(url="http://b.example.org", login="robot:hunter2"),
            direct=("c",),
        ),
    )

    assert make_network(behind) == expected
    assert make_network(settings) == Network()


@pytest.mark.parametrize(
    ("proxy", "message"),
    [
        (ProxySettings(https="http://robot:hunter2@a.example.org"), "proxy.https holds a login"),
        (ProxySettings(http="socks5://a"), "proxy.http: expected the URL of an HTTP proxy, got 'socks5://a'"),
        (
            ProxySettings(auth_file=Path("/nowhere")),
            "proxy.auth_file: /nowhere cannot be read: No such file or directory",
        ),
        (ProxySettings(auth_file=Path("{tmp}/bytes")), "proxy.auth_file: {tmp}/bytes cannot be read: it is not UTF-8"),
        (
            ProxySettings(auth_file=Path("{tmp}/lines")),
            "proxy.auth_file: expected one line `user:password` in {tmp}/lines",
        ),
        (
            ProxySettings(auth_file=Path("{tmp}/user")),
            "proxy.auth_file: expected one line `user:password` in {tmp}/user",
        ),
    ],
)
def test_unusable_proxy_is_refused_with_its_key(
    settings: Settings, tmp_path: Path, proxy: ProxySettings, message: str
) -> None:
    """And without its login."""
    for name, body in (("bytes", b"\xff"), ("lines", b"robot:hunter2\nX-Evil: 1"), ("user", b"hunter2")):
        (tmp_path / name).write_bytes(body)
    if proxy.auth_file is not None:
        proxy = proxy.model_copy(update={"auth_file": Path(str(proxy.auth_file).replace("{tmp}", str(tmp_path)))})
    with pytest.raises(SettingsInvalid) as caught:
        make_network(settings.model_copy(update={"proxy": proxy}))

    assert caught.value.message == message.replace("{tmp}", str(tmp_path))
    assert "hunter2" not in caught.value.message
