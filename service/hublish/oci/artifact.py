"""Artifacts: files that are no image, kept in a registry under a manifest of their own; bytes only.

Registries keep every blob that a manifest names, so an artifact lists all of its files.

Source: OCI image-spec v1.1, manifest.md ("Guidelines for artifact usage", the empty descriptor).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hublish.errors import ImageInvalid, clip
from hublish.oci.document import list_objects, parse_document, render_document
from hublish.oci.manifest import OCI_MANIFEST, Descriptor, make_descriptor, parse_descriptor, render_descriptor

EMPTY_BODY = b"{}"
EMPTY = make_descriptor(EMPTY_BODY, media_type="application/vnd.oci.empty.v1+json")
"""The config of an artifact that has none; its two bytes have to be pushed, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An artifact: what it is, its files in order, and short texts beside them."""

    artifact_type: str
    blobs: tuple[Descriptor, ...]
    annotations: Mapping[str, str]


def render_artifact(
    artifact_type: str,
    blobs: Sequence[Descriptor],
    *,
    annotations: Mapping[str, str],
    subject: Descriptor | None = None,
) -> bytes:
    """Render an artifact's manifest as canonical JSON; `subject` is the manifest it says something about."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": render_descriptor(EMPTY),
        "layers": [render_descriptor(blob) for blob in blobs],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    if subject is not None:
        document["subject"] = render_descriptor(subject)
    return render_document(document)


def parse_artifact(body: bytes) -> Artifact:
    """Parse an artifact's manifest.

    Raises:
        ImageInvalid: broken shape, or no artifact.
    """
    document = parse_document(body, what="artifact")
    artifact_type, annotations = document.get("artifactType"), document.get("annotations", {})
    if not isinstance(artifact_type, str):
        raise ImageInvalid(f"artifact: expected a text under 'artifactType', got {clip(repr(artifact_type))}")
    if not isinstance(annotations, dict) or not all(isinstance(text, str) for text in annotations.values()):
        raise ImageInvalid("artifact: expected texts under 'annotations'")
    blobs = [
        parse_descriptor(entry, what=f"artifact: layers[{number}]")
        for number, entry in enumerate(list_objects(document, "layers", what="artifact"))
    ]
    return Artifact(artifact_type=artifact_type, blobs=tuple(blobs), annotations=annotations)
