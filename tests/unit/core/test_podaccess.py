"""Secrets of a build on their way into its Step."""

from __future__ import annotations

import pytest

from hublish.core.podaccess import parse_build_secrets, render_build_secrets
from hublish.errors import StoredValueInvalid


def test_secrets_arrive_as_they_are() -> None:
    """Any id, any bytes."""
    secrets = {"token": b"\x00\xff\n", "../a b/ä": b"", "netrc": b"machine example.com\n"}

    assert parse_build_secrets(render_build_secrets(secrets)) == secrets


@pytest.mark.parametrize("body", [b"hunter2", b"[]", b'{"a": "hunter2!"}', b'{"a": 1}', b"\xff"])
def test_anything_else_is_refused_without_being_shown(body: bytes) -> None:
    """An error ends in a log."""
    with pytest.raises(StoredValueInvalid, match="build-secrets") as caught:
        parse_build_secrets(body)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
