"""Keys that the service makes for itself: loaded from their files, made where there is none, readable by their owner only."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from hublish.errors import SettingsInvalid

_OWNER_ONLY = 0o600


def ensure_signing_key(path: Path) -> Ed25519PrivateKey:
    """Load the key that layer indexes are signed with; where there is no such file, a new key is written to it.

    Args:
        path: PEM file of an Ed25519 private key, readable by its owner only when it is made here.

    Raises:
        SettingsInvalid: it cannot be read or written, or holds another kind of key.
    """
    body = ensure_key_file(path, make_body=_make_pem, what="signing key")
    try:
        key = load_pem_private_key(body, password=None)
    except (ValueError, TypeError) as error:
        raise _refuse(path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _refuse(path)
    return key


def ensure_key_file(path: Path, *, make_body: Callable[[], bytes], what: str) -> bytes:
    """Load a key file; where there is none, a new one is written.

    Args:
        path: the file.
        make_body: makes what a new one holds.
        what: the key's name in messages, e.g. "signing key".

    Raises:
        SettingsInvalid: it cannot be read or written.
    """
    try:
        with suppress(FileExistsError):
            _write_key(path, make_body)
        return path.read_bytes()
    except OSError as error:
        raise SettingsInvalid(
            f"the {what} {path} cannot be read or made: {error.strerror}", hint="check the path and its mode"
        ) from error


def _write_key(path: Path, make_body: Callable[[], bytes]) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    body = make_body()
    # Written beside and linked into place: two processes that start at once end with the same, whole key.
    staging = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as stream:
            stream.write(body)
        os.link(staging, path)
    finally:
        staging.unlink(missing_ok=True)


def _make_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _refuse(path: Path) -> SettingsInvalid:
    return SettingsInvalid(
        f"the signing key {path} is no Ed25519 private key in PEM without a password",
        hint="Name a file that does not exist, and a key is made; or `openssl genpkey -algorithm ed25519 -out FILE`.",
    )
