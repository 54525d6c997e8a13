"""What the registry's contract tests share: clients without waiting, bytes with their digests."""

from __future__ import annotations

import hashlib
import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hublish.adapters.registry import Patience, RegistryClient, RegistryRule, TransferSizes
from hublish.core.ports import BlobPush
from hublish.core.reference import Reference

SIZES = TransferSizes(monolithic_bytes=100_000, chunk_bytes=400_000, read_bytes=50_000)
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Bytes that are the same in every run, with digest and size."""

    content: bytes
    digest: str = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "digest", "sha256:" + hashlib.sha256(self.content).hexdigest())

    @property
    def push(self) -> dict[str, Any]:
        """The arguments of `ensure_blob`."""
        return {
            "digest": self.digest,
            "size_bytes": len(self.content),
            "open_body": lambda: io.BytesIO(self.content),
        }


def make_blob(size_bytes: int, *, seed: int = 0) -> Blob:
    """A blob of that size."""
    return Blob(content=random.Random(seed).randbytes(size_bytes))


def make_manifest(blob: Blob) -> bytes:
    """A manifest whose config is `blob`."""
    config = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": blob.digest,
        "size": len(blob.content),
    }
    document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": []}
    return json.dumps(document).encode()


def make_client(
    *hosts: str, auth_file: Path | None = None, sleep: Callable[[float], None] = lambda _: None, **options: Any
) -> RegistryClient:
    """A client that speaks plain HTTP to `hosts` and does not really wait between tries."""
    rules = {host: RegistryRule(plain_http=True, auth_file=auth_file) for host in hosts}
    options.setdefault("rules", rules)
    options.setdefault("allowed_hosts", None)
    options.setdefault("sizes", SIZES)
    options.setdefault("patience", Patience(sleep=sleep, jitter=lambda: 1.0, read_seconds=120.0))
    return RegistryClient(**options)


def make_reference(host: str, repository: str = "team/ts", tag: str | None = "v1") -> Reference:
    """A reference on the sandbox."""
    return Reference(registry=host, repository=repository, tag=tag)


def write_auth(path: Path, host: str, user: str, password: str) -> Path:
    """A docker-style config.json."""
    path.write_text(json.dumps({"auths": {host: {"username": user, "password": password}}}))
    return path


BIG = make_blob(1_000_001)
"""Goes up in several pieces with SIZES."""
SMALL = make_blob(70_000, seed=1)
TINY = make_blob(1000, seed=5)
TINY_UPLOADED = BlobPush(transfer="uploaded", uploaded_bytes=1000)
