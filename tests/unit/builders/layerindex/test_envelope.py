"""Signed envelopes: the specification's own example, and everything that is refused."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hublish.builders.layerindex.envelope import (
    make_key_id,
    make_pre_authentication_encoding,
    open_envelope,
    render_envelope,
)
from hublish.errors import SignatureInvalid

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KIND = "application/example"


def test_what_is_signed_is_as_the_specification_says():
    """The example of DSSE's protocol.md."""
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"

    assert make_pre_authentication_encoding(b"hello world", payload_type="http://example.com/HelloWorld") == expected


def test_document_comes_out_as_it_went_in():
    """Equal documents give equal envelopes: Ed25519 signs without chance."""
    envelope = render_envelope(b"hello", payload_type=KIND, key=KEY)

    assert open_envelope(envelope, payload_type=KIND, keys=[OTHER.public_key(), KEY.public_key()]) == b"hello"
    assert render_envelope(b"hello", payload_type=KIND, key=KEY) == envelope


def change(**changes: object) -> bytes:
    return json.dumps({**json.loads(render_envelope(b"hello", payload_type=KIND, key=KEY)), **changes}).encode()


def encode(body: bytes) -> str:
    return base64.b64encode(body).decode()


@pytest.mark.parametrize(
    ("envelope", "message"),
    [
        (b"", "expected a signed envelope, got something else"),
        (b"[1]", "expected a signed envelope, got something else"),
        (change(payload="*"), "expected a signed envelope, got something else"),
        (change(signatures=5), "expected a signed envelope, got something else"),
        (change(signatures=[{}]), "expected a signed envelope, got something else"),
        (change(signatures=[]), "the document is signed by no key that is known here"),
        (change(payload=encode(b"hellO")), "the signature does not fit the document: one of them was changed"),
        (
            change(signatures=[{"keyid": make_key_id(KEY.public_key()), "sig": encode(bytes(64))}]),
            "the signature does not fit the document: one of them was changed",
        ),
        (
            change(payloadType="application/other"),
            "expected a signed document of the type application/example, got another type",
        ),
        (
            render_envelope(b"hello", payload_type=KIND, key=OTHER),
            "the document is signed by no key that is known here",
        ),
    ],
)
def test_what_no_known_key_signed_is_refused(envelope, message):
    """Unsigned, signed by another, changed, of another type, no envelope."""
    with pytest.raises(SignatureInvalid) as caught:
        open_envelope(envelope, payload_type=KIND, keys=[KEY.public_key()])

    assert caught.value.message == message


def test_signature_under_another_type_does_not_fit():
    """What was signed as one kind of document is never taken for another."""
    envelope = json.loads(render_envelope(b"hello", payload_type="application/other", key=KEY))
    body = json.dumps({**envelope, "payloadType": KIND}).encode()

    with pytest.raises(SignatureInvalid, match="does not fit"):
        open_envelope(body, payload_type=KIND, keys=[KEY.public_key()])
