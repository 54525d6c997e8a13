"""Which artifacts say something about a manifest, where the registry keeps no such list itself: an index under a tag.

A registry that keeps the list (it answers the referrers API) does not need the tag, and is not harmed by it.

Source: OCI distribution-spec v1.1, "Referrers Tag Schema".
"""

from __future__ import annotations

from hublish.oci.document import list_objects, parse_document, render_document
from hublish.oci.manifest import OCI_INDEX, Descriptor, render_descriptor


def make_referrers_tag(digest: str) -> str:
    """Make the tag that lists what refers to a manifest: its digest with "-" for ":"."""
    return digest.replace(":", "-", 1)


def add_referrer(index: bytes | None, artifact: Descriptor, *, artifact_type: str) -> bytes | None:
    """Add an artifact to the list of referrers.

    Args:
        index: the list as it stands; None when there is none.
        artifact: its manifest.
        artifact_type: what it is; an older artifact of hublish of that type is not removed.

    Returns:
        The new list; None when the artifact is listed already.

    Raises:
        ImageInvalid: what stands under the tag is no index.
    """
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    if index is not None:
        document = parse_document(index, what="list of referrers")
    listed = list_objects(document, "manifests", what="list of referrers")
    if any(entry.get("digest") == artifact.digest for entry in listed):
        return None
    entry = {**render_descriptor(artifact), "artifactType": artifact_type}
    return render_document({**document, "manifests": [*listed, entry]})
