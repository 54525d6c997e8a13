"""The registry client: the ports ImageReader and ImageWriter over the OCI distribution API.

It moves bytes and verifies digests; what an image is made of, and which credentials exist, is decided elsewhere.

Source: OCI distribution-spec v1.1.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from hublish.adapters.registry.content import find_media_type, make_digest, make_mismatch, verify_digest
from hublish.adapters.registry.credential import CredentialFiles
from hublish.adapters.registry.download import BlobStream
from hublish.adapters.registry.endpoint import MANIFEST_TYPES, Endpoint
from hublish.adapters.registry.failure import Purpose
from hublish.adapters.registry.mount import MOUNTED, mount_blob
from hublish.adapters.registry.policy import HostPolicy
from hublish.adapters.registry.pushprobe import verify_push
from hublish.adapters.registry.rule import Patience, RegistryRule, TransferSizes
from hublish.adapters.registry.transport import Request, Transport
from hublish.adapters.registry.upload import BlobBody, BlobUpload
from hublish.core.ports import BlobPush, Manifest
from hublish.core.reference import Reference, is_digest
from hublish.errors import ReferenceInvalid, RegistryFailed, clip
from hublish.network import Network

MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024
_FOUND = frozenset({200})
_FOUND_OR_NOT = frozenset({200, 404})
_STORED = frozenset({200, 201, 202})


class RegistryClient:
    """All registries that references name. Safe to share between threads; every call blocks."""

    def __init__(
        self,
        *,
        rules: Mapping[str, RegistryRule],
        default_auth_files: tuple[Path, ...] = (),
        allowed_hosts: frozenset[str] | None,
        allow_private: bool = False,
        allow_helpers: bool = False,
        network: Network | None = None,
        user_agent: str = "hublish",
        patience: Patience | None = None,
        sizes: TransferSizes | None = None,
    ) -> None:
        """Make a client; nothing is read or sent yet.

        Args:
            rules: the operator's `registries` map by `host[:port]`.
            default_auth_files: docker-style `config.json` files for hosts whose rule names none; missing are skipped.
            allowed_hosts: registries that references may name; None allows any, for the command line.
            allow_private: private addresses also for hosts without a rule; only where a user's own machine asks.
            allow_helpers: run the credential helpers that auth files name; only on a user's own machine.
            network: proxies and certificate authorities; None is the system's, without a proxy.
            user_agent: what registries log.
            patience: time-outs and repetitions; None is the default.
            sizes: chunk sizes; None is the default.
        """
        self._policy = HostPolicy(rules=dict(rules), allowed_hosts=allowed_hosts, allow_private=allow_private)
        self._sizes = sizes or TransferSizes()
        self._transport = Transport(
            policy=self._policy,
            files=CredentialFiles(default_files=default_auth_files, allow_helpers=allow_helpers),
            patience=patience or Patience(),
            network=network or Network(),
            user_agent=user_agent,
        )

    def close(self) -> None:
        """Close idle connections; the client can be used on."""
        self._transport.close()

    # -- ImageReader ---------------------------------------------------------------------------------------------------

    def fetch_manifest(self, reference: Reference) -> Manifest | None:
        """Fetch the manifest under the reference's digest, else its tag.

        Returns:
            The exact bytes with their digest, compared with the reference and with what the registry says; None when
            there is no such manifest or repository.

        Raises:
            RegistryFailed: refused, failed, larger than 4 MiB, or other bytes than their digest says.
            NotAllowed: the registry is not listed, or leads where requests may not go.
            ReferenceInvalid: neither tag nor digest is given.
        """
        request = self._manifest_request("GET", reference)
        answer = self._transport.call(request, expected=_FOUND_OR_NOT, limit=MANIFEST_LIMIT_BYTES)
        if answer.status not in _FOUND:
            return None
        digest = make_digest(answer.body)
        # A tag's bytes can only be compared with the registry's own word.
        wanted = reference.digest or answer.headers.get("docker-content-digest", digest)
        if wanted != digest:
            raise make_mismatch(request.purpose, wanted, digest)
        return Manifest(body=answer.body, media_type=find_media_type(answer), digest=digest)

    def open_blob(self, reference: Reference, digest: str) -> AbstractContextManager[BinaryIO]:
        """Open a blob of the reference's repository as stored.

        Reading to the end compares the digest; a reader that stops before has verified nothing. A connection that
        breaks is taken up again where it broke.

        Raises:
            RegistryFailed: on entering, when the blob is not there or refused; on reading, when the connection cannot
                be taken up again or the bytes are not those of the digest.
            NotAllowed: the registry is not listed, or leads where requests may not go.
        """
        verify_digest(digest)
        self._policy.verify_registry(reference.registry)
        return self._stream_blob(Endpoint(reference=reference, policy=self._policy), digest)

    def fetch_digest(self, reference: Reference) -> str | None:
        """Fetch only the digest under the reference's tag (or of its digest, whether it is there).

        Returns:
            "sha256:…", or None when there is no such manifest. Raises as `fetch_manifest`.
        """
        request = self._manifest_request("HEAD", reference)
        answer = self._transport.call(request, expected=_FOUND_OR_NOT)
        if answer.status not in _FOUND:
            return None
        digest = answer.headers.get("docker-content-digest", "")
        if not is_digest(digest):
            manifest = self.fetch_manifest(reference)
            return None if manifest is None else manifest.digest
        if reference.digest is not None and digest != reference.digest:
            raise make_mismatch(request.purpose, reference.digest, digest)
        return digest

    def list_tags(self, reference: Reference) -> tuple[str, ...]:
        """List the tags of the reference's repository; empty when there is none. Raises as `fetch_manifest`."""
        # Only a service asks for it; a build on the command line must not wait for it.
        from hublish.adapters.registry.tags import list_tags  # noqa: PLC0415  # start-up time

        self._policy.verify_registry(reference.registry)
        return list_tags(self._transport, Endpoint(reference=reference, policy=self._policy))

    # -- ImageWriter ---------------------------------------------------------------------------------------------------

    def ensure_blob(
        self,
        reference: Reference,
        *,
        digest: str,
        size_bytes: int,
        open_body: Callable[[], BinaryIO],
        mount_from: tuple[Reference, ...] = (),
        progress: Callable[[int], None] | None = None,
    ) -> BlobPush:
        """Make sure the repository holds the blob: a look, then a mount, then a resumable upload.

        Args:
            reference: the repository; tag and digest do not count.
            digest: of the blob.
            size_bytes: of the blob.
            open_body: opens the bytes, anew for each try; a seekable stream resumes without being read again.
            mount_from: repositories that may hold the blob; those on other registries are passed over.
            progress: given the bytes that are newly sent; over a whole upload they sum up to `size_bytes`.

        Returns:
            How the blob got there; `uploaded_bytes` counts repeated bytes too.

        Raises:
            RegistryFailed: refused, full, or the tries are used up; the upload was cancelled.
            ImageInvalid: the body is not what digest and size say.
            NotAllowed: the registry is not listed, or leads where requests may not go.
        """
        verify_digest(digest)
        self._policy.verify_registry(reference.registry)
        endpoint = Endpoint(reference=reference, policy=self._policy, push=True)
        if self._has_blob(endpoint, digest, size_bytes):
            return BlobPush(transfer="present", uploaded_bytes=0)
        session, base = mount_blob(reference, digest, mount_from, policy=self._policy, transport=self._transport)
        if session is not None and session.status == MOUNTED:
            return BlobPush(transfer="mounted", uploaded_bytes=0)
        # Instead of a mount the registry may have opened an upload, which is used.
        body = BlobBody(
            open_body=open_body, size_bytes=size_bytes, read_bytes=self._sizes.read_bytes, progress=progress
        )
        BlobUpload(
            transport=self._transport,
            endpoint=endpoint,
            sizes=self._sizes,
            digest=digest,
            size_bytes=size_bytes,
            body=body,
            is_there=lambda: self._has_blob(endpoint, digest, size_bytes),
        ).run(session, base)
        return BlobPush(transfer="uploaded", uploaded_bytes=body.sent_bytes)

    def ensure_manifest(self, reference: Reference, *, body: bytes, media_type: str) -> str:
        """Store a manifest under the reference's tag, or its digest when it has no tag.

        The same bytes under another tag of the repository are a copy: no blob travels.

        Returns:
            The digest that the registry reports, which is that of `body`.

        Raises:
            RegistryFailed: refused, larger than 4 MiB, a blob it names is not there, or the registry reports another
                digest.
            NotAllowed: the registry is not listed.
            ReferenceInvalid: neither tag nor digest is given.
        """
        digest, request = make_digest(body), self._manifest_request("PUT", reference, by_tag=True)
        if len(body) > MANIFEST_LIMIT_BYTES:
            raise RegistryFailed(
                f"{request.purpose.subject}: expected at most {MANIFEST_LIMIT_BYTES} bytes, got {len(body)}."
            )
        endpoint = Endpoint(reference=reference, policy=self._policy, push=True)
        put = endpoint.make_follow_up(
            "PUT",
            request.url,
            action=request.purpose.action,
            headers={"Content-Type": media_type},
            make_body=lambda: (body,),
            body_bytes=len(body),
        )
        answer = self._transport.call(put, expected=_STORED)
        stored = answer.headers.get("docker-content-digest")
        if stored is None:
            stored = self.fetch_digest(reference if reference.tag is None else reference.with_tag(reference.tag))
        if stored != digest:
            raise make_mismatch(put.purpose, digest, stored or "nothing")
        return stored

    # -- PushProbe -----------------------------------------------------------------------------------------------------

    def verify_push(self, reference: Reference) -> None:
        """Begin an upload into the reference's repository and cancel it; see `verify_push` of `pushprobe`."""
        verify_push(reference, policy=self._policy, transport=self._transport)

    # -- doctor --------------------------------------------------------------------------------------------------------

    def ping(self, host: str) -> str:
        """Ask a registry whether it speaks the distribution API and takes our credentials.

        Returns:
            "anonymous", "basic" or "bearer": how it lets us in.

        Raises:
            RegistryFailed: it does not answer, answers something else, or refuses the credentials.
            NotAllowed: it is not listed, or its address may not be asked.
        """
        self._policy.verify_registry(host)
        purpose = Purpose(host=host, repository="", action="check")
        request = Request(purpose=purpose, method="GET", url=f"{self._policy.base_url(host)}/v2/", scopes=())
        self._transport.call(request, expected=_FOUND)
        header = self._transport.authorization.header(purpose, ())
        return "anonymous" if header is None else header.partition(" ")[0].lower()

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _manifest_request(self, method: str, reference: Reference, *, by_tag: bool = False) -> Request:
        self._policy.verify_registry(reference.registry)
        target = reference.tag or reference.digest if by_tag else reference.digest or reference.tag
        if target is None:
            raise ReferenceInvalid(
                f"Expected a tag or a digest in the image reference {clip(str(reference))!r}, got none.",
                offset=len(str(reference)),
            )
        endpoint = Endpoint(reference=reference, policy=self._policy)
        action = f"{'push' if method == 'PUT' else 'look-up'} of the manifest {target}"
        return endpoint.make_request(
            method, f"manifests/{target}", action=action, headers={"Accept": ", ".join(MANIFEST_TYPES)}
        )

    @contextmanager
    def _stream_blob(self, endpoint: Endpoint, digest: str) -> Iterator[BinaryIO]:
        with BlobStream(transport=self._transport, endpoint=endpoint, digest=digest) as raw:
            raw.connect()
            # BufferedReader is a BinaryIO in all but its declared type.
            yield cast("BinaryIO", io.BufferedReader(raw, self._sizes.read_bytes))

    def _has_blob(self, endpoint: Endpoint, digest: str, size_bytes: int) -> bool:
        request = endpoint.make_request("HEAD", f"blobs/{digest}", action=f"look for the blob {digest}", elsewhere=True)
        answer = self._transport.call(request, expected=_FOUND_OR_NOT)
        if answer.status not in _FOUND:
            return False
        held = answer.headers.get("content-length")
        if held is not None and held != str(size_bytes):
            raise RegistryFailed(
                f"{request.purpose.subject}: expected {size_bytes} bytes, got {clip(held)}.",
                hint="The registry holds a damaged blob; remove it there and push again.",
            )
        return True
