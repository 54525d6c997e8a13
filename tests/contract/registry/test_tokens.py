"""Registries whose token service says who may do what."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from hublish.adapters.registry import Patience, RegistryRule
from hublish.errors import NotAllowed, RegistryFailed
from tests.contract.registry.parts import TINY, TINY_UPLOADED, make_blob, make_client, make_reference, write_auth
from tests.sandbox.registry import PASSWORD, USER, Registry
from tests.sandbox.registry_faults import Fault, FaultProxy
from tests.sandbox.registry_token import REFRESH_TOKEN, TokenServer

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed"),
]


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


def test_token_is_fetched_once_per_scope(bearer, tokens, tmp_path):
    """A trusted token service gets the credentials; its token serves all requests of a push."""
    auth = write_auth(tmp_path / "c.json", bearer.host, USER, PASSWORD)
    client = make_client(rules=make_bearer_rules(bearer, tokens, auth, trusted=True))

    assert client.ensure_blob(make_reference(bearer.host), **TINY.push) == TINY_UPLOADED
    assert client.ensure_blob(make_reference(bearer.host), **TINY.push).transfer == "present"
    assert [call.scopes for call in tokens.calls] == [("repository:team/ts:pull,push",)]
    assert client.ping(bearer.host) == "bearer"
    client.close()


def test_mount_asks_for_both_repositories(bearer, tokens, tmp_path):
    """A token for a mount may read the source as well."""
    auth = write_auth(tmp_path / "c.json", bearer.host, USER, PASSWORD)
    client = make_client(rules=make_bearer_rules(bearer, tokens, auth, trusted=True))
    source, target = make_reference(bearer.host, "team/base"), make_reference(bearer.host, "team/new")
    client.ensure_blob(source, **TINY.push)

    assert client.ensure_blob(target, **TINY.push, mount_from=(source,)).transfer == "mounted"
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
        client.ensure_blob(make_reference(registry.host), **TINY.push)
        now[0] = 1000.0
        client.ensure_blob(make_reference(registry.host), **TINY.push)
        client.close()

    assert len(tokens.calls) == 2


def test_token_service_on_another_host_gets_no_credentials(bearer, tokens, tmp_path):
    """It is asked as nobody, the push is refused, and the hint says what to list."""
    auth = write_auth(tmp_path / "c.json", bearer.host, USER, PASSWORD)
    client = make_client(rules=make_bearer_rules(bearer, tokens, auth, trusted=False))
    with pytest.raises(RegistryFailed) as caught:
        client.ensure_blob(make_reference(bearer.host), **TINY.push)
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

    assert client.ensure_blob(make_reference(bearer.host), **TINY.push) == TINY_UPLOADED
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
