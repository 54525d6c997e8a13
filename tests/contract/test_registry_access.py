"""Who may talk to which registry, with which credentials, over which connection."""

from __future__ import annotations

import json
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from hublish.adapters.registry import Patience, RegistryRule
from hublish.core.ports import BlobPush
from hublish.errors import NotAllowed, RegistryFailed, SettingsInvalid
from hublish.network import Network
from tests.contract.registry_setting import make_blob, make_client, make_reference, write_auth
from tests.sandbox.registry import HTPASSWD, PASSWORD, USER, Registry
from tests.sandbox.registry_faults import Fault, FaultProxy
from tests.sandbox.registry_token import REFRESH_TOKEN, TokenServer, make_certificate

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed"),
]
BLOB = make_blob(1000, seed=5)
UPLOADED = BlobPush(transfer="uploaded", uploaded_bytes=1000)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A registry that asks for user and password."""
    with Registry.start(tmp_path_factory.mktemp("basic"), htpasswd=HTPASSWD) as started:
        yield started


@pytest.fixture
def tokens(tmp_path):
    """A token service."""
    with TokenServer(tmp_path / "tokens") as started:
        yield started


@pytest.fixture
def bearer(tmp_path, tokens):
    """A registry that asks for tokens of that service."""
    with Registry.start(tmp_path / "bearer", token=tokens.auth) as started:
        yield started


def make_bearer_rules(registry, tokens, auth_file, *, trusted):
    """Rules for a registry whose token service is on another host, trusted with credentials or not."""
    own = RegistryRule(plain_http=True, auth_file=auth_file, token_hosts=frozenset({tokens.host} if trusted else ()))
    return {registry.host: own, tokens.host: RegistryRule(plain_http=True)}


def test_basic_credentials_open_the_registry(guarded, tmp_path):
    """The rule's file is used, from the first refused request on."""
    client = make_client(guarded.host, auth_file=write_auth(tmp_path / "c.json", guarded.host, USER, PASSWORD))

    assert client.ensure_blob(make_reference(guarded.host), **BLOB.push) == UPLOADED
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


def test_token_is_fetched_once_per_scope(bearer, tokens, tmp_path):
    """A trusted token service gets the credentials; its token serves all requests of a push."""
    auth = write_auth(tmp_path / "c.json", bearer.host, USER, PASSWORD)
    client = make_client(rules=make_bearer_rules(bearer, tokens, auth, trusted=True))

    assert client.ensure_blob(make_reference(bearer.host), **BLOB.push) == UPLOADED
    assert client.ensure_blob(make_reference(bearer.host), **BLOB.push).transfer == "present"
    assert [call.scopes for call in tokens.calls] == [("repository:team/ts:pull,push",)]
    assert client.ping(bearer.host) == "bearer"
    client.close()


def test_mount_asks_for_both_repositories(bearer, tokens, tmp_path):
    """A token for a mount may read the source as well."""
    auth = write_auth(tmp_path / "c.json", bearer.host, USER, PASSWORD)
    client = make_client(rules=make_bearer_rules(bearer, tokens, auth, trusted=True))
    source, target = make_reference(bearer.host, "team/base"), make_reference(bearer.host, "team/new")
    client.ensure_blob(source, **BLOB.push)

    assert client.ensure_blob(target, **BLOB.push, mount_from=(source,)).transfer == "mounted"
    assert tokens.calls[-1].scopes == ("repository:team/new:pull,push", "repository:team/base:pull")
    client.close()


def test_many_connections_share_one_token(tmp_path):
    """Forty blobs looked for at once cost one token, and each one request; another repository costs no refusal more."""
    with (
        TokenServer(tmp_path / "tokens") as tokens,
        Registry.start(tmp_path / "registry", token=tokens.auth) as registry,
        FaultProxy(registry.host) as front,
    ):
        auth = write_auth(tmp_path / "c.json", front.host, USER, PASSWORD)
        rules = {
            front.host: RegistryRule(plain_http=True, auth_file=auth, token_hosts=frozenset({tokens.host})),
            tokens.host: RegistryRule(plain_http=True),
        }
        client = make_client(rules=rules)
        blobs = [make_blob(10, seed=seed) for seed in range(40)]
        target = make_reference(front.host)
        for blob in blobs:
            client.ensure_blob(target, **blob.push)
        client.close()
        tokens.calls.clear()
        front.calls.clear()
        fresh = make_client(rules=rules)
        with ThreadPoolExecutor(16) as pool:
            transfers = set(pool.map(lambda blob: fresh.ensure_blob(target, **blob.push).transfer, blobs))
        refused = len(front.calls) - len(blobs)
        fresh.fetch_manifest(make_reference(front.host, "team/other"))
        fresh.close()

    assert transfers == {"present"}
    assert [call.scopes for call in tokens.calls] == [
        ("repository:team/ts:pull,push",),
        ("repository:team/other:pull",),
    ]
    assert refused <= 16
    assert [call.path for call in front.calls][-1:] == ["/v2/team/other/manifests/v1"]
    assert len(front.calls) == len(blobs) + refused + 1


def test_expired_token_is_replaced(tmp_path):
    """A token that ended between two requests costs one more request, not the push."""
    now = [0.0]
    with (
        TokenServer(tmp_path / "tokens") as tokens,
        Registry.start(tmp_path / "registry", token=tokens.auth) as registry,
    ):
        auth = write_auth(tmp_path / "c.json", registry.host, USER, PASSWORD)
        client = make_client(
            rules=make_bearer_rules(registry, tokens, auth, trusted=True),
            patience=Patience(clock=lambda: now[0], sleep=lambda _: None),
        )
        client.ensure_blob(make_reference(registry.host), **BLOB.push)
        now[0] = 1000.0
        client.ensure_blob(make_reference(registry.host), **BLOB.push)
        client.close()

    assert len(tokens.calls) == 2


def test_token_service_on_another_host_gets_no_credentials(bearer, tokens, tmp_path):
    """It is asked as nobody, the push is refused, and the hint says what to list."""
    auth = write_auth(tmp_path / "c.json", bearer.host, USER, PASSWORD)
    client = make_client(rules=make_bearer_rules(bearer, tokens, auth, trusted=False))
    with pytest.raises(RegistryFailed) as caught:
        client.ensure_blob(make_reference(bearer.host), **BLOB.push)
    client.close()

    assert [call.authorization for call in tokens.calls] == [None]
    assert caught.value.hint.endswith(
        f"The token service is on another host, {tokens.host}, and therefore got no credentials; list it under "
        f"token_hosts of {bearer.host} in the operator's `registries` map if it should."
    )


def test_identity_token_is_exchanged(bearer, tokens, tmp_path):
    """A refresh token goes to the trusted service only, by POST."""
    path = tmp_path / "c.json"
    path.write_text(json.dumps({"auths": {bearer.host: {"identitytoken": REFRESH_TOKEN}}}))
    client = make_client(rules=make_bearer_rules(bearer, tokens, path, trusted=True))

    assert client.ensure_blob(make_reference(bearer.host), **BLOB.push) == UPLOADED
    assert [(call.method, call.parameters["grant_type"]) for call in tokens.calls] == [("POST", "refresh_token")]
    client.close()


def test_wrong_password_at_the_token_service_is_told(bearer, tokens, tmp_path):
    """The service's own refusal reaches the message."""
    auth = write_auth(tmp_path / "c.json", bearer.host, USER, "wrong")
    client = make_client(rules=make_bearer_rules(bearer, tokens, auth, trusted=True))
    with pytest.raises(RegistryFailed) as caught:
        client.fetch_manifest(make_reference(bearer.host))
    client.close()

    expected = (
        f"token from {tokens.host} in {bearer.host}/team/ts: expected 200 OK, got 401 Unauthorized - UNAUTHORIZED: "
        "wrong password."
    )
    assert caught.value.message == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", "expected JSON with a token, got something else"),
        (b"[]", "expected JSON with a token, got something else"),
        (b"{}", "expected JSON with a token, got none that fits a header"),
        (b'{"token": "a\\r\\nX-Evil: 1"}', "expected JSON with a token, got none that fits a header"),
    ],
)
def test_odd_token_answers_are_refused(bearer, tokens, tmp_path, body, reason):
    """What a token service says is not trusted to be a token."""
    with FaultProxy(tokens.host) as proxy, FaultProxy(bearer.host) as front:
        challenge = f'Bearer realm="http://{proxy.host}/token",service="s"'
        front.add(Fault(method="GET", path="/v2/", status=401, headers={"WWW-Authenticate": challenge}))
        proxy.add(Fault(method="GET", path="/token", status=200, body=body))
        client = make_client(front.host, proxy.host)
        with pytest.raises(RegistryFailed, match=reason):
            client.ping(front.host)
        client.close()


@pytest.mark.parametrize(
    ("realm", "reason"),
    [
        ("http://127.0.0.1:1/token", "Expected https for '127.0.0.1:1'"),
        ("https://127.0.0.1:1/token", "127.0.0.1 has a private address"),
        ("file:///etc/passwd", "Expected a URL with a host"),
        ("", "Expected a URL with a host"),
    ],
)
def test_realm_where_requests_may_not_go_is_refused(guarded, realm, reason):
    """A registry cannot make the service ask its own network for a token."""
    with FaultProxy(guarded.host) as front:
        front.add(Fault(method="GET", path="/v2/", status=401, headers={"WWW-Authenticate": f'Bearer realm="{realm}"'}))
        client = make_client(front.host)
        with pytest.raises(NotAllowed, match=reason):
            client.ping(front.host)
        client.close()


def test_unlisted_registry_is_refused(guarded):
    """With an allow-list, a reference to another registry makes no request."""
    with FaultProxy(guarded.host) as front:
        client = make_client(front.host, allowed_hosts=frozenset({"registry.example.org"}))
        reference = make_reference(front.host)
        calls = [
            lambda: client.fetch_manifest(reference),
            lambda: client.fetch_digest(reference),
            lambda: client.open_blob(reference, BLOB.digest),
            lambda: client.ensure_blob(reference, **BLOB.push),
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
