"""What the tests of OCI layouts share."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

from hublish.adapters.layout import OCILayout
from hublish.core.ports import BlobPush
from hublish.core.reference import Reference

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
REFERENCE = Reference(registry="registry.example.org", repository="team/ts", tag="v1")


def digest_of(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


def push(layout: OCILayout, body: bytes) -> BlobPush:
    return layout.ensure_blob(
        REFERENCE, digest=digest_of(body), size_bytes=len(body), open_body=lambda: io.BytesIO(body)
    )


def make_layer() -> tuple[bytes, str]:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        info = tarfile.TarInfo("hello")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"world"))
    return gzip.compress(plain.getvalue(), mtime=0), digest_of(plain.getvalue())


def push_image(layout: OCILayout, reference: Reference = REFERENCE, *, comment: str = "") -> tuple[str, bytes]:
    layer, diff_id = make_layer()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": {"comment": comment}},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
    ).encode()
    push(layout, layer)
    push(layout, config)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": digest_of(config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                    "digest": digest_of(layer),
                    "size": len(layer),
                }
            ],
        }
    ).encode()
    return layout.ensure_manifest(reference, body=manifest, media_type=MANIFEST_TYPE), manifest


def load_index(folder: Path) -> object:
    return json.loads((folder / "index.json").read_text())
