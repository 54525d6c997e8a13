"""Who may talk to which registry, with which credentials, over which connection."""

from __future__ import annotations

import shutil
import socket

import pytest

from hublish.adapters.registry import Patience, RegistryRule
from hublish.errors import NotAllowed, RegistryFailed, SettingsInvalid
from hublish.network import Network
from tests.contract.registry.parts import TINY, TINY_UPLOADED, make_client, make_reference, write_auth
from tests.sandbox.registry import PASSWORD, USER, Registry
from tests.sandbox.registry_faults import Fault, FaultProxy
from tests.sandbox.registry_token import make_certificate

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed"),
]


def test_basic_credentials_open_the_registry(guarded, tmp_path):
    """The rule's file is used, from the first refused request on."""
    client = make_client(guarded.host, auth_file=write_auth(tmp_path / "c.json", guarded.host, USER, PASSWORD))

    assert client.ensure_blob(make_reference(guarded.host), **TINY.push) == TINY_UPLOADED
    assert client.ping(guarded.host) == "basic"
    client.close()


@pytest.mark.parametrize("password", [None, "wrong"])
def test_missing_or_wrong_credentials_are_refused_with_a_hint(guarded, tmp_path, password):
    """The message names host, repository, status and code; the hint names the operator's map; no secret is in it."""
    files = () if password is None else (write_auth(tmp_path / "c.json", guarded.host, USER, password),)
    client = make_client(guarded.host, default_auth_files=files)
    with pytest.raises(RegistryFailed) as caught:
        client.fetch_manifest(make_reference(guarded.host))
    client.close()

    expected = (
        f"look-up of the manifest v1 in {guarded.host}/team/ts: expected 200 or 404, got 401 Unauthorized - "
        "UNAUTHORIZED: authentication required"
    )
    assert caught.value.message.startswith(expected)
    assert caught.value.hint == (
        f"Check the credentials of {guarded.host}: in the operator's `registries` map (auth_file), or by `docker login "
        f"{guarded.host}` on the command line; the account must be allowed to do this in team/ts."
    )
    assert (caught.value.transient, caught.value.status) == (False, 401)


def test_named_auth_file_that_is_missing_is_refused(guarded, tmp_path):
    """An operator's typing error is not taken for "no credentials"."""
    client = make_client(guarded.host, auth_file=tmp_path / "nowhere.json")

    with pytest.raises(SettingsInvalid, match="got no such file"):
        client.ping(guarded.host)
    client.close()


def test_unlisted_registry_is_refused(guarded):
    """With an allow-list, a reference to another registry makes no request."""
    with FaultProxy(guarded.host) as front:
        client = make_client(front.host, allowed_hosts=frozenset({"registry.example.org"}))
        reference = make_reference(front.host)
        calls = [
            lambda: client.fetch_manifest(reference),
            lambda: client.fetch_digest(reference),
            lambda: client.open_blob(reference, TINY.digest),
            lambda: client.ensure_blob(reference, **TINY.push),
            lambda: client.ensure_manifest(reference, body=b"{}", media_type="x"),
            lambda: client.ping(front.host),
        ]
        for call in calls:
            with pytest.raises(NotAllowed, match="Expected a registry that the operator lists"):
                call()
        client.close()

        assert front.calls == []


def test_private_address_of_an_unlisted_host_is_refused(guarded):
    """A host without a rule must be public: by number, by name, and before a connection is made."""
    port = guarded.host.rsplit(":", 1)[1]
    client = make_client()
    for host in (guarded.host, f"localhost:{port}"):
        with pytest.raises(NotAllowed, match="has a private address"):
            client.ping(host)
    client.close()


def test_plain_http_is_spoken_only_to_listed_hosts(guarded):
    """A listed host without `plain_http` is spoken to by TLS, which a plain registry cannot answer."""
    client = make_client(rules={guarded.host: RegistryRule()}, patience=Patience(attempts=1))
    with pytest.raises(RegistryFailed) as caught:
        client.ping(guarded.host)
    client.close()

    assert caught.value.message.startswith(f"check of {guarded.host}: expected a trusted TLS connection, got:")


def test_tls_is_verified_with_the_named_ca(tmp_path):
    """A registry's own CA is trusted when its file is named, and refused with a hint when not."""
    certificate, key = make_certificate(tmp_path / "tls")
    with Registry.start(tmp_path / "registry", tls=(certificate, key)) as registry:
        rules = {registry.host: RegistryRule()}
        trusting = make_client(rules=rules, network=Network(ca_file=certificate))
        private = make_client(network=Network(ca_file=certificate), allow_private=True)
        doubting = make_client(rules=rules)
        with pytest.raises(RegistryFailed) as caught:
            doubting.ping(registry.host)

        assert trusting.ping(registry.host) == "anonymous"
        assert private.ping(registry.host) == "anonymous"
    for client in (trusting, private, doubting):
        client.close()
    assert caught.value.hint.startswith(f"The certificate of {registry.host} is not trusted here.")
    assert caught.value.transient is False


def test_host_without_a_listener_is_told():
    """No connection is a transient failure with host and hint."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        client = make_client(host)
        with pytest.raises(RegistryFailed) as caught:
            client.ping(host)
        client.close()

    expected = f"check of {host}: expected an answer, got no connection."
    assert (caught.value.message, caught.value.transient, caught.value.status) == (expected, True, None)


def test_host_that_cannot_resolve_is_told():
    """A label of more than 63 letters is in no name service, which therefore is not asked."""
    host = "a" * 64 + ".example"
    client = make_client(patience=Patience(attempts=1))
    with pytest.raises(RegistryFailed) as caught:
        client.ping(host)
    client.close()

    expected = f"check of {host}: expected a host that can be resolved, got none."
    assert caught.value.message == expected


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://127.0.0.1:1/x", "Expected https for '127.0.0.1:1', got 'http'."),
        ("https://127.0.0.1:1/x", "127.0.0.1 has a private address, "),
        ("https://[::ffff:169.254.169.254]/x", "::ffff:169.254.169.254 has a private address, "),
        ("ftp://files.example/x", "Expected https for 'files.example', got 'ftp'."),
        ("https://u:p@files.example/x", "Expected a URL with a host and without credentials"),
        ("https://files.example:99999/x", "Expected a URL with a host and without credentials"),
        ("https://[bad/x?signature=secret", "expected a URL to go on to, got 'https://[bad/x'"),
    ],
)
def test_redirect_to_where_requests_may_not_go_is_refused(proxy, client, target, reason):
    """Plain HTTP, private addresses and odd URLs of a redirect are refused before a byte is sent."""
    proxy.add(Fault(method="GET", path="blobs", status=307, headers={"Location": target}))

    with pytest.raises(NotAllowed) as caught, client.open_blob(make_reference(proxy.host), TINY.digest):
        pass

    assert reason in caught.value.message


def test_redirect_of_a_manifest_to_another_host_is_refused(proxy, client):
    """Only blobs may come from elsewhere."""
    proxy.add(Fault(method="GET", path="manifests", status=307, headers={"Location": "https://files.example/x"}))

    with pytest.raises(NotAllowed, match=r"got a redirect to files\.example"):
        client.fetch_manifest(make_reference(proxy.host))


def test_endless_redirects_are_refused(proxy, client):
    """Five redirects are enough."""
    proxy.add(Fault(method="GET", path="manifests", status=307, headers={"Location": "/v2/a/manifests/b"}, times=9))

    with pytest.raises(RegistryFailed, match="expected at most 5 redirects, got more"):
        client.fetch_manifest(make_reference(proxy.host))
