"""One blob on its way up: in one PUT, or, when that breaks, in pieces that continue where the registry says it is.

Each piece has the whole budget of tries again; a session that the registry lost (or cannot continue: docker-registry
2.8 refuses one whose piece broke in the middle) is begun anew. What was left half done is cancelled.

Source: OCI distribution-spec v1.1, "Pushing blobs".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO
from urllib.parse import urlencode, urlsplit

from hublish.adapters.registry.budget import Budget
from hublish.adapters.registry.endpoint import OCTETS, Endpoint
from hublish.adapters.registry.failure import Answer
from hublish.adapters.registry.rule import TransferSizes
from hublish.adapters.registry.transport import Setback, Transport
from hublish.errors import HublishError, ImageInvalid, RegistryFailed

ACCEPTED, CREATED, NO_CONTENT, OK, RANGE_REFUSED, NOT_FOUND = 202, 201, 204, 200, 416, 404
TOO_LARGE = 413
_LOST_SESSION = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "RANGE_INVALID"})
_OTHER_BYTES = frozenset({"DIGEST_INVALID", "SIZE_INVALID"})


class BlobUpload:
    """The upload of one blob; used once, by one thread."""

    def __init__(
        self,
        *,
        transport: Transport,
        endpoint: Endpoint,
        sizes: TransferSizes,
        digest: str,
        size_bytes: int,
        body: BlobBody,
        is_there: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._sizes = sizes
        self._digest = digest
        self._size_bytes = size_bytes
        self._body = body
        self._is_there = is_there
        self._budget = Budget(transport.patience, size_bytes=size_bytes)
        self._action = f"upload of the blob {digest}"
        self._location: str | None = None
        self._offset = 0
        self._chunk_bytes = sizes.chunk_bytes
        self._in_pieces = size_bytes > sizes.monolithic_bytes

    def run(self, session: Answer | None, base: str) -> None:
        """Upload until the registry holds the blob.

        Args:
            session: the registry's answer that opened an upload already (a mount it did not make); None opens one.
            base: URL that the answer's Location is relative to.

        Raises:
            RegistryFailed: refused, or the budget is used up; the upload was cancelled.
            ImageInvalid: the body is not what its digest and size say.
        """
        try:
            if session is not None:
                self._open_session(session, base)
            while (setback := self._advance()) is not None:
                self._budget.wait(setback.failure, retry_after_seconds=setback.retry_after_seconds)
                if self._is_complete():
                    return
                self._find_offset()
        except HublishError:
            self._cancel()
            raise
        finally:
            self._body.close()

    def _advance(self) -> Setback | None:
        """Send what is missing; None when the blob is complete."""
        if self._location is None:
            request = self._endpoint.make_request("POST", "blobs/uploads/", action=self._action)
            begun = self._transport.attempt(request, expected=frozenset({ACCEPTED}))
            if isinstance(begun, Setback):
                return begun
            self._open_session(begun, request.url)
        if self._in_pieces or self._offset > 0:
            while self._offset < self._size_bytes:
                setback = self._send_chunk()
                if setback is not None:
                    return self._judge(setback)
                self._budget.note_progress()
        return self._finish()

    def _open_session(self, answer: Answer, base: str) -> None:
        request = self._endpoint.make_request("POST", "blobs/uploads/", action=self._action)
        self._location, self._offset = self._transport.locate(request, answer, base=base), 0
        shortest = answer.headers.get("oci-chunk-min-length", "")
        if re.fullmatch(r"[0-9]{1,12}", shortest):
            self._chunk_bytes = max(self._chunk_bytes, int(shortest))

    def _send_chunk(self) -> Setback | None:
        start = self._offset
        length = min(self._chunk_bytes, self._size_bytes - start)
        request = self._endpoint.make_follow_up(
            "PATCH",
            self._require_location(),
            action=self._action,
            headers={"Content-Type": OCTETS, "Content-Range": f"{start}-{start + length - 1}"},
            make_body=lambda: self._body.read_range(start, length),
            body_bytes=length,
        )
        # 204 is what some registries answer in place of 202.
        answer = self._transport.attempt(request, expected=frozenset({ACCEPTED, NO_CONTENT}))
        if isinstance(answer, Setback):
            return answer
        if "location" in answer.headers:
            self._location = self._transport.locate(request, answer, base=request.url)
        reached = _parse_range(answer.headers.get("range"))
        self._offset = start + length if reached is None else reached
        if not start < self._offset <= start + length:
            got = f"expected the upload to stand at {start + length} bytes, got {self._offset}"
            self._location = None
            return Setback(failure=RegistryFailed(f"{request.purpose.subject}: {got}.", transient=True))
        return None

    def _finish(self) -> Setback | None:
        location = self._require_location()
        start, length = self._offset, self._size_bytes - self._offset
        request = self._endpoint.make_follow_up(
            "PUT",
            f"{location}{'&' if urlsplit(location).query else '?'}{urlencode({'digest': self._digest})}",
            action=self._action,
            headers={"Content-Type": OCTETS},
            make_body=(lambda: self._body.read_range(start, length)) if length else None,
            body_bytes=length,
        )
        answer = self._transport.attempt(request, expected=frozenset({CREATED, NO_CONTENT}))
        if isinstance(answer, Setback):
            if length > self._chunk_bytes:
                # What broke, or was too large for something on the way, is sent in pieces from now on.
                self._in_pieces = True
                answer.failure.transient |= answer.failure.status == TOO_LARGE
            return self._judge(answer)
        stored = answer.headers.get("docker-content-digest")
        if stored is None and not self._is_there():
            return Setback(
                failure=RegistryFailed(f"{request.purpose.subject}: expected the blob to be there, got none.")
            )
        if stored is not None and stored != self._digest:
            raise RegistryFailed(
                f"{request.purpose.subject}: expected the registry to report {self._digest}, got {stored[:80]!r}.",
                hint="The registry stored other bytes or misreports them; do not use what it holds.",
            )
        self._offset = self._size_bytes
        return None

    def _judge(self, setback: Setback) -> Setback:
        """Make a setback repeatable that only says that the session, or what arrived, is no longer good."""
        if setback.codes & _OTHER_BYTES:
            # Either our bytes are not what the digest says, which no repetition mends, or they changed on the way.
            self._body.verify(self._digest)
            self._location = None
            setback.failure.transient = True
        elif setback.failure.status == NOT_FOUND or setback.codes & _LOST_SESSION:
            self._location = None
            setback.failure.transient = True
        elif setback.failure.status == RANGE_REFUSED:
            setback.failure.transient = True
        return setback

    def _is_complete(self) -> bool:
        """Whether the blob is there after all: an answer may be lost after the registry stored everything."""
        return self._offset + self._sizes.monolithic_bytes >= self._size_bytes and self._is_there()

    def _find_offset(self) -> None:
        """Ask where the upload stands; a session that cannot be asked is given up."""
        while self._location is not None:
            request = self._endpoint.make_follow_up("GET", self._location, action=self._action, headers={})
            answer = self._transport.attempt(request, expected=frozenset({NO_CONTENT, OK, ACCEPTED}))
            if isinstance(answer, Setback):
                if answer.failure.transient:
                    self._budget.wait(answer.failure, retry_after_seconds=answer.retry_after_seconds)
                    continue
                self._location = None
                return
            reached = _parse_range(answer.headers.get("range"))
            if reached is None or reached > self._size_bytes:
                self._location = None
                return
            if "location" in answer.headers:
                self._location = self._transport.locate(request, answer, base=request.url)
            self._offset = reached
            return

    def _cancel(self) -> None:
        """Free what the registry holds of a broken upload, as far as one try goes."""
        if self._location is None:
            return
        request = self._endpoint.make_follow_up("DELETE", self._location, action=self._action, headers={})
        self._transport.attempt(request, expected=frozenset({NO_CONTENT}))

    def _require_location(self) -> str:
        if self._location is None:
            raise RegistryFailed(f"{self._action}: expected an open upload, got none.", transient=True)
        return self._location


class BlobBody:
    """The bytes of a blob, opened anew for each try; counts what is sent and reports what is new."""

    def __init__(
        self,
        *,
        open_body: Callable[[], BinaryIO],
        size_bytes: int,
        read_bytes: int,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._open_body = open_body
        self._size_bytes = size_bytes
        self._read_bytes = read_bytes
        self._progress = progress
        self._stream: BinaryIO | None = None
        self._position = 0
        self._furthest = 0
        self.sent_bytes = 0

    def read_range(self, start: int, length: int) -> Iterator[bytes]:
        """The bytes from `start`, in pieces; progress is reported when a piece has been handed on.

        Raises:
            ImageInvalid: the body cannot be read, or ends too early.
        """
        self._seek(start)
        left = length
        while left:
            piece = self._read(min(self._read_bytes, left))
            left -= len(piece)
            yield piece
            self.sent_bytes += len(piece)
            end = start + length - left
            if self._progress is not None and end > self._furthest:
                self._progress(end - self._furthest)
            self._furthest = max(self._furthest, end)

    def verify(self, digest: str) -> None:
        """Raise ImageInvalid when the body's own bytes are not those of `digest`."""
        self._seek(0)
        found = hashlib.sha256()
        for _ in range(0, self._size_bytes, self._read_bytes):
            found.update(self._read(min(self._read_bytes, self._size_bytes - self._position)))
        if f"sha256:{found.hexdigest()}" != digest:
            raise ImageInvalid(
                f"Expected a blob with the digest {digest} here, got sha256:{found.hexdigest()}.",
                hint="A file changed while it was uploaded; clear the cache and build again.",
            )

    def close(self) -> None:
        """Close the stream."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _seek(self, start: int) -> None:
        if self._stream is not None and self._position == start:
            return
        self.close()
        self._stream, self._position = self._open_body(), 0
        if self._stream.seekable():
            self._position = self._stream.seek(start)
        while self._position < start:
            self._read(min(self._read_bytes, start - self._position))

    def _read(self, length: int) -> bytes:
        try:
            piece = b"" if self._stream is None else self._stream.read(length)
        except OSError as exc:
            raise ImageInvalid(f"Expected to read a blob of {self._size_bytes} bytes, got: {exc.strerror}.") from exc
        if not piece:
            raise ImageInvalid(f"Expected a blob of {self._size_bytes} bytes, got its end after {self._position}.")
        self._position += len(piece)
        return piece


def _parse_range(text: str | None) -> int | None:
    """Bytes that an upload holds by its Range header `0-LAST`; None when there is none that can be understood.

    An upload without bytes is reported as `0-0` too, which therefore counts as none: one byte more is sent.
    """
    match = re.fullmatch(r"(?:bytes=)?0-([0-9]{1,15})", (text or "").strip())
    if match is None:
        return None
    last = int(match[1])
    return last + 1 if last else 0
