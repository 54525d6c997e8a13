"""A blob that another repository of the registry holds: taken over from there, so that none of its bytes travel.

Source: OCI distribution-spec v1.1, "Mounting a blob from another repository".
"""

from __future__ import annotations

from hublish.adapters.registry.endpoint import Endpoint, find_mountable
from hublish.adapters.registry.failure import Answer
from hublish.adapters.registry.policy import HostPolicy
from hublish.adapters.registry.transport import Setback, Transport
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed

MOUNTED = 201


def mount_blob(
    reference: Reference,
    digest: str,
    mount_from: tuple[Reference, ...],
    *,
    policy: HostPolicy,
    transport: Transport,
) -> tuple[Answer | None, str]:
    """Ask for a mount from the first repository that shows us the blob.

    Args:
        reference: the repository that is to hold it.
        digest: of the blob.
        mount_from: repositories that may hold it; those on other registries are passed over.
        policy: which hosts may be asked.
        transport: the way to them.

    Returns:
        `(answer, URL asked)`: status MOUNTED when it is there now, 202 with the session of an upload that the registry
        opened instead; `(None, "")` when no repository has it.

    Raises:
        RegistryFailed: refused, or the tries are used up.
    """
    for source in find_mountable(reference, mount_from):
        if _can_pull(source, digest, policy=policy, transport=transport):
            endpoint = Endpoint(reference=reference, policy=policy, push=True, also_pull=(source.repository,))
            query = {"mount": digest, "from": source.repository}
            request = endpoint.make_request("POST", "blobs/uploads/", action=f"mount of the blob {digest}", query=query)
            return transport.call(request, expected=frozenset({MOUNTED, 202})), request.url
    return None, ""


def _can_pull(source: Reference, digest: str, *, policy: HostPolicy, transport: Transport) -> bool:
    """Whether a mount has a chance: a repository we may not read, or that has no such blob, is passed over."""
    endpoint = Endpoint(reference=source, policy=policy)
    request = endpoint.make_request("HEAD", f"blobs/{digest}", action=f"look for the blob {digest}", elsewhere=True)
    try:
        answer = transport.attempt(request, expected=frozenset({200}))
    except RegistryFailed:
        return False
    return not isinstance(answer, Setback)
