"""Signed documents: bytes in an envelope with an Ed25519 signature over the bytes and their type.

Only what a known key signed comes out; a document is never looked at before that.

Source: DSSE v1 (secure-systems-lab/dsse, envelope.md and protocol.md).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hublish.errors import SignatureInvalid
from hublish.oci.document import render_document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"
_KEY_ID_DIGITS = 32


def make_key_id(key: Ed25519PublicKey) -> str:
    """Make the name of a key: a digest of its public part."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:_KEY_ID_DIGITS]


def make_pre_authentication_encoding(payload: bytes, *, payload_type: str) -> bytes:
    """Make what is signed: type and bytes, each with its length, so that none can be taken for a part of the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def render_envelope(payload: bytes, *, payload_type: str, key: Ed25519PrivateKey) -> bytes:
    """Sign a document and render its envelope."""
    signature = key.sign(make_pre_authentication_encoding(payload, payload_type=payload_type))
    return render_document(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"keyid": make_key_id(key.public_key()), "sig": base64.b64encode(signature).decode()}],
        }
    )


def open_envelope(body: bytes, *, payload_type: str, keys: Iterable[Ed25519PublicKey]) -> bytes:
    """Take a document out of its envelope.

    Args:
        body: the envelope.
        payload_type: the document's expected type.
        keys: whose signatures count.

    Raises:
        SignatureInvalid: no envelope, another type, or no signature of one of `keys` that fits.
    """
    # Here, because most builds look at no signature.
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  # start-up time

    try:
        envelope = json.loads(body)
        payload = base64.b64decode(envelope["payload"], validate=True)
        found_type = envelope["payloadType"]
        signatures = {entry["keyid"]: base64.b64decode(entry["sig"], validate=True) for entry in envelope["signatures"]}
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise SignatureInvalid("expected a signed envelope, got something else") from exc
    if found_type != payload_type:
        raise SignatureInvalid(f"expected a signed document of the type {payload_type}, got another type")
    for key in keys:
        signature = signatures.get(make_key_id(key))
        if signature is None:
            continue
        try:
            key.verify(signature, make_pre_authentication_encoding(payload, payload_type=payload_type))
        except InvalidSignature as exc:
            raise SignatureInvalid("the signature does not fit the document: one of them was changed") from exc
        return payload
    raise SignatureInvalid("the document is signed by no key that is known here")
