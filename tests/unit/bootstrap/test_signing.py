"""The key that layer indexes are signed with, as a file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hublish.bootstrap.signing import ensure_signing_key
from hublish.errors import SettingsInvalid


def test_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    """The second start finds the first one's key; nobody else may read it."""
    path = tmp_path / "data" / "key.pem"

    first, second = ensure_signing_key(path), ensure_signing_key(path)

    assert first.private_bytes_raw() == second.private_bytes_raw()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["key.pem"]


def test_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    """The error names the file and how to make the right one."""
    path = tmp_path / "key.pem"
    key = generate_private_key(SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    with pytest.raises(SettingsInvalid, match="is no Ed25519 private key") as caught:
        ensure_signing_key(path)

    assert "openssl genpkey" in caught.value.hint


def test_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    """It is never overwritten: it may be something else that is dear to somebody."""
    path = tmp_path / "key.pem"
    path.write_text("notes\n")

    with pytest.raises(SettingsInvalid, match="is no Ed25519 private key"):
        ensure_signing_key(path)

    assert path.read_text() == "notes\n"


def test_key_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder is no file."""
    with pytest.raises(SettingsInvalid, match="cannot be read or made"):
        ensure_signing_key(tmp_path)
