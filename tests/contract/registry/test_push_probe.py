"""Whether a registry takes a push, asked of a real one: begun, cancelled, nothing left."""

from __future__ import annotations

import shutil

import pytest

from hublish.errors import NotAllowed, RegistryFailed
from tests.contract.registry.parts import make_client, make_reference, write_auth
from tests.sandbox.registry import PASSWORD, USER
from tests.sandbox.registry_faults import Fault

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed"),
]


def test_upload_is_begun_and_cancelled(registry, proxy, client):
    """Two requests, no byte, no repository."""
    client.verify_push(make_reference(proxy.host, "probe/ts"))

    assert [(call.method, call.body_bytes) for call in proxy.calls] == [("POST", 0), ("DELETE", 0)]
    assert proxy.calls[0].path == "/v2/probe/ts/blobs/uploads/"
    assert "probe/ts" not in registry.repositories()


def test_registry_that_cannot_cancel_takes_pushes_all_the_same(proxy, client):
    """It forgets the upload by itself."""
    proxy.add(Fault(method="DELETE", path="probe/ts", status=405))
    client.verify_push(make_reference(proxy.host, "probe/ts"))

    assert [call.method for call in proxy.calls] == ["POST", "DELETE"]


def test_refused_push_says_so_without_the_password(guarded, tmp_path):
    """Wrong credentials, and none."""
    wrong = write_auth(tmp_path / "wrong.json", guarded.host, USER, "not-the-password")
    for auth_file in (wrong, None):
        client = make_client(guarded.host, auth_file=auth_file)
        with pytest.raises(RegistryFailed) as caught:
            client.verify_push(make_reference(guarded.host))
        client.close()

        assert caught.value.status == 401
        assert "not-the-password" not in f"{caught.value} {caught.value.hint}"


def test_right_password_takes_the_push(guarded, tmp_path):
    """The probe uses the login of a push."""
    client = make_client(guarded.host, auth_file=write_auth(tmp_path / "c.json", guarded.host, USER, PASSWORD))
    client.verify_push(make_reference(guarded.host))
    client.close()


def test_unlisted_registry_is_not_asked(registry):
    """A config can name no registry that the operator does not."""
    client = make_client(registry.host, allowed_hosts=frozenset({"registry.example.org"}))
    with pytest.raises(NotAllowed):
        client.verify_push(make_reference(registry.host))
    client.close()
