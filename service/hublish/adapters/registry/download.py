"""Blobs read from a registry as a stream: resumed where a connection broke, given up when they drip, verified at the end.

Source: OCI distribution-spec v1.1, "Pulling blobs"; RFC 9110, section 14 (ranges).
"""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

import urllib3
import urllib3.exceptions

from hublish.adapters.registry.budget import Budget, Pace
from hublish.adapters.registry.endpoint import Endpoint
from hublish.adapters.registry.failure import Answer, make_breakdown, make_refusal, parse_retry_after
from hublish.adapters.registry.transport import BODY_LIMIT_BYTES, Setback, Transport, find_length
from hublish.errors import RegistryFailed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

OK, PARTIAL = 200, 206
SKIP_BYTES = 256 * 1024


class BlobStream(io.RawIOBase):
    """The bytes of one blob; reading the last one compares the digest and raises RegistryFailed on a mismatch.

    Each piece that arrives gives the next one the whole budget of tries again.
    """

    def __init__(self, *, transport: Transport, endpoint: Endpoint, digest: str) -> None:
        super().__init__()
        self._transport = transport
        self._endpoint = endpoint
        self._digest = digest
        self._hash = hashlib.sha256()
        self._offset = 0
        self._size_bytes: int | None = None
        self._response: urllib3.BaseHTTPResponse | None = None
        self._request = endpoint.make_request("GET", f"blobs/{digest}", action=f"blob {digest}", elsewhere=True)
        self._pace = Pace(transport.patience, self._request.purpose)
        self._done = False

    def connect(self) -> None:
        """Send the first request, so that a blob that is not there is reported before anything is read."""
        budget = Budget(self._transport.patience)
        while self._response is None:
            setback = self._connect()
            if setback is not None:
                budget.wait(setback.failure, retry_after_seconds=setback.retry_after_seconds)

    def readable(self) -> bool:
        """Always True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read some bytes; 0 at the end, after the digest was compared."""
        view = memoryview(buffer).cast("B")
        if self._done or not view:
            return 0
        with self._pace.waiting():
            piece = self._wait_for_piece(len(view))
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """Close the stream and its connection."""
        self._drop()
        super().close()

    def _wait_for_piece(self, length: int) -> bytes:
        budget = Budget(self._transport.patience)
        while True:
            setback = self._connect() if self._response is None else None
            if setback is None:
                result = self._receive(length)
                if isinstance(result, bytes):
                    return result
                setback = result
            self._drop()
            budget.wait(setback.failure, retry_after_seconds=setback.retry_after_seconds)

    def _connect(self) -> Setback | None:
        headers = {} if self._offset == 0 else {"Range": f"bytes={self._offset}-"}
        request = self._endpoint.make_follow_up(
            "GET", self._request.url, action=self._request.purpose.action, headers=headers, elsewhere=True
        )
        try:
            response = self._transport.open(request)
        except RegistryFailed as failure:
            return Setback(failure=failure)
        if response.status not in (OK, PARTIAL) or (response.status == PARTIAL and not self._continues(response)):
            return self._refuse(response)
        self._response = response
        if response.status == OK:
            self._size_bytes = find_length(response)
            return self._skip()
        return None

    def _continues(self, response: urllib3.BaseHTTPResponse) -> bool:
        return response.headers.get("content-range", "").startswith(f"bytes {self._offset}-")

    def _refuse(self, response: urllib3.BaseHTTPResponse) -> Setback:
        purpose = self._request.purpose
        try:
            body = b"" if response.status in (OK, PARTIAL) else response.read1(BODY_LIMIT_BYTES)
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            return Setback(failure=make_breakdown(purpose, exc))
        finally:
            response.close()
        answer = Answer(status=response.status, headers={}, body=body)
        note = self._transport.authorization.note(purpose)
        return Setback(
            failure=make_refusal(purpose, answer, expected="200 OK, or 206 from where it broke", note=note),
            retry_after_seconds=parse_retry_after(response.headers.get("retry-after")),
        )

    def _skip(self) -> Setback | None:
        """Read again what is known already, from a server that knows no ranges."""
        left, self._offset, known = self._offset, 0, self._offset
        while left:
            result = self._fetch(min(left, SKIP_BYTES))
            if isinstance(result, Setback):
                self._offset = known
                self._drop()
                return result
            left -= len(result)
            self._offset += len(result)
        return None

    def _receive(self, length: int) -> bytes | Setback:
        result = self._fetch(length)
        if isinstance(result, Setback):
            return result
        if not result:
            self._verify()
        self._hash.update(result)
        self._offset += len(result)
        return result

    def _fetch(self, length: int) -> bytes | Setback:
        purpose = self._request.purpose
        try:
            piece = b"" if self._response is None else self._response.read1(length)
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            return Setback(failure=make_breakdown(purpose, exc))
        if not piece and self._size_bytes is not None and self._offset < self._size_bytes:
            got = f"expected {self._size_bytes} bytes, got the end after {self._offset}"
            return Setback(failure=RegistryFailed(f"{purpose.subject}: {got}.", transient=True))
        if piece:
            self._pace.note(len(piece))
        return piece

    def _verify(self) -> None:
        found = f"sha256:{self._hash.hexdigest()}"
        if found != self._digest:
            raise RegistryFailed(
                f"{self._request.purpose.subject}: expected bytes of this digest, got {found} ({self._offset} bytes).",
                hint="The registry, or something between it and here, serves other bytes; do not use them.",
            )
        self._done = True

    def _drop(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None
