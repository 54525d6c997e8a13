"""The requests of the distribution API: which URL, which scope, which headers. It sends nothing.

Source: OCI distribution-spec v1.1, "Endpoints".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from hublish.adapters.registry.failure import Purpose
from hublish.adapters.registry.policy import HostPolicy
from hublish.adapters.registry.transport import Request
from hublish.core.reference import Reference

OCTETS = "application/octet-stream"
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One repository of a registry, and what is to be done there.

    Attributes:
        reference: the repository; tag and digest do not count.
        policy: gives scheme and host.
        push: ask for tokens that may write.
        also_pull: further repositories of the registry that a mount reads.
    """

    reference: Reference
    policy: HostPolicy
    push: bool = False
    also_pull: tuple[str, ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        """Scopes of the tokens to ask for, sorted as the token service's specification has them: pull before push."""
        own = f"repository:{self.reference.repository}:{'pull,push' if self.push else 'pull'}"
        return (own, *(f"repository:{repository}:pull" for repository in self.also_pull))

    def make_request(
        self,
        method: str,
        path: str,
        *,
        action: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        elsewhere: bool = False,
    ) -> Request:
        """Make a request without a body to `/v2/REPOSITORY/path`."""
        suffix = f"?{urlencode(query)}" if query else ""
        url = f"{self.policy.base_url(self.reference.registry)}/v2/{self.reference.repository}/{path}{suffix}"
        return self.make_follow_up(method, url, action=action, headers=headers or {}, elsewhere=elsewhere)

    def make_follow_up(
        self,
        method: str,
        url: str,
        *,
        action: str,
        headers: Mapping[str, str],
        make_body: Callable[[], Iterable[bytes]] | None = None,
        body_bytes: int = 0,
        elsewhere: bool = False,
    ) -> Request:
        """Make a request to a URL that the registry named."""
        purpose = Purpose(host=self.reference.registry, repository=self.reference.repository, action=action)
        return Request(
            purpose=purpose,
            method=method,
            url=url,
            scopes=self.scopes,
            headers=headers,
            make_body=make_body,
            body_bytes=body_bytes,
            elsewhere=elsewhere,
        )


def find_mountable(reference: Reference, mount_from: tuple[Reference, ...]) -> tuple[Reference, ...]:
    """Those of `mount_from` that a mount into `reference`'s repository can read: other repositories of its registry."""
    return tuple(
        source
        for source in mount_from
        if source.registry == reference.registry and source.repository != reference.repository
    )
