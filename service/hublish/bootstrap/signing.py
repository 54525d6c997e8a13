"""Keys that the service makes for itself: loaded from their files, made where there is none, readable by their owner only."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hublish.errors import SettingsInvalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_OWNER_ONLY = 0o600
_SIGNING_KEY = "signing key"
# A whole Ed25519 key in PKCS #8 and PEM, as RFC 8410 has it and this module writes it: any 32 bytes are one.
_WHOLE_KEY = re.compile(
    rb"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI[A-P][A-Za-z0-9+/]{42}\n-----END PRIVATE KEY-----\n"
)


def open_signing_key(path: Path) -> Callable[[], Ed25519PrivateKey]:
    """Verify that there is a key to sign layer indexes with, and give what loads it when it is first needed.

    Most builds of an unchanged lock never need it, and would wait for cryptography at each start.

    Raises:
        SettingsInvalid: as `ensure_signing_key`, at once.
    """
    if _WHOLE_KEY.fullmatch(ensure_key_file(path, make_body=_make_pem, what=_SIGNING_KEY)):
        return cache(lambda: ensure_signing_key(path))
    key = ensure_signing_key(path)
    return lambda: key


def ensure_signing_key(path: Path) -> Ed25519PrivateKey:
    """Load the key that layer indexes are signed with; where there is no such file, a new key is written to it.

    Args:
        path: PEM file of an Ed25519 private key, readable by its owner only when it is made here.

    Raises:
        SettingsInvalid: it cannot be read or written, or holds another kind of key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  # start-up time
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  # the same

    body = ensure_key_file(path, make_body=_make_pem, what=_SIGNING_KEY)
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
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  # start-up time
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415  # the same
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _refuse(path: Path) -> SettingsInvalid:
    return SettingsInvalid(
        f"the signing key {path} is no Ed25519 private key in PEM without a password",
        hint="Name a file that does not exist, and a key is made; or `openssl genpkey -algorithm ed25519 -out FILE`.",
    )
