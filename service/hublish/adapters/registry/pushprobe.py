"""Whether a registry takes a push, found out without one: an upload is begun and cancelled, and no byte is sent.

Source: OCI distribution-spec v1.1, "Pushing blobs" and "Cancel a blob upload".
"""

from __future__ import annotations

from hublish.adapters.registry.endpoint import Endpoint
from hublish.adapters.registry.policy import HostPolicy
from hublish.adapters.registry.transport import Transport
from hublish.core.reference import Reference

_BEGUN = frozenset({202})
_CANCELLED = frozenset({204, 202, 200})


def verify_push(reference: Reference, *, policy: HostPolicy, transport: Transport) -> None:
    """Begin an upload into a repository and cancel it.

    Args:
        reference: the repository; tag and digest do not count.
        policy: which registries may be asked.
        transport: sends the requests.

    Raises:
        RegistryFailed: the upload was not begun: refused, no such repository, or the registry is away.
        NotAllowed: the registry is not listed, or leads where requests may not go.
    """
    policy.verify_registry(reference.registry)
    endpoint = Endpoint(reference=reference, policy=policy, push=True)
    begin = endpoint.make_request("POST", "blobs/uploads/", action="check of the push")
    begun = transport.call(begin, expected=_BEGUN)
    location = transport.locate(begin, begun, base=begin.url)
    # Many registries cannot cancel, and forget an upload by themselves: one try, and whatever comes of it is well.
    cancel = endpoint.make_follow_up("DELETE", location, action="check of the push", headers={})
    transport.attempt(cancel, expected=_CANCELLED)
