"""The package index port over HTTP: pages and files of the sources a lock names."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from packaging.utils import canonicalize_name

from hublish.adapters.index.cache import (
    CachedPage,
    ensure_metadata,
    ensure_page,
    file_path,
    find_file,
    load_metadata,
    load_page,
)
from hublish.adapters.index.pages import ACCEPT, parse_page
from hublish.adapters.index.rules import LIST_IT, IndexBase, IndexRule, IndexRules, host_of, split_url
from hublish.adapters.index.transport import Answer, IndexTiming, IndexTransport, Request
from hublish.builders.disk import replace_file
from hublish.builders.sweep import sweep_workspace
from hublish.core.locks.lock import IndexSource
from hublish.core.ports import IndexFile
from hublish.errors import IndexFailed, NotAllowed, WheelInvalid, WheelMissing, clip
from hublish.network import Network, Pools

_LARGEST_PAGE_BYTES = 64 * 2**20
_LARGEST_FILE_BYTES = 4 * 2**30
_LARGEST_METADATA_BYTES = 16 * 2**20
_CACHE_LIMIT_BYTES = 20 * 2**30
_WRITE_BYTES = 1 << 20
_OK, _NOT_MODIFIED = 200, 304


class HTTPPackageIndex:
    """Package indexes by the operator's map; safe to share between threads."""

    def __init__(
        self,
        *,
        rules: Mapping[str, IndexRule],
        allow_unlisted: bool,
        cache: Path,
        environ: Mapping[str, str] | None = None,
        network: Network | None = None,
        timing: IndexTiming | None = None,
        largest_page_bytes: int = _LARGEST_PAGE_BYTES,
        largest_file_bytes: int = _LARGEST_FILE_BYTES,
        largest_metadata_bytes: int = _LARGEST_METADATA_BYTES,
        cache_limit_bytes: int = _CACHE_LIMIT_BYTES,
    ) -> None:
        """Prepare a client; nothing is sent or read yet.

        Args:
            rules: `host` or `host:port` -> rule.
            allow_unlisted: True on a user's own machine only; see IndexRules.
            cache: folder for pages and files; created when needed.
            environ: values for `${VAR}` in source URLs, on a user's own machine only; None expands nothing.
            network: proxies and certificate authorities; None is the system's, without a proxy.
            timing: how patient each call is; None takes the defaults.
            largest_page_bytes: a page above it is refused. 64 MiB: the largest real pages have about 40.
            largest_file_bytes: a file above it is refused. 4 GiB: the largest real wheels have about 3.
            largest_metadata_bytes: a METADATA above it is refused. 16 MiB: what is read of one inside a wheel, too.
            cache_limit_bytes: what the cache may hold; what was not used for longest is dropped. 20 GiB: as the layers'.
        """
        self._rules = IndexRules(rules=rules, allow_unlisted=allow_unlisted, environ=environ)
        self._timing = IndexTiming() if timing is None else timing
        pools = Pools(network or Network(), hint=LIST_IT)
        self._transport = IndexTransport(rules=self._rules, timing=self._timing, pools=pools)
        self._cache = cache
        self._largest_page_bytes = largest_page_bytes
        self._largest_file_bytes = largest_file_bytes
        self._largest_metadata_bytes = largest_metadata_bytes
        self._cache_limit_bytes = cache_limit_bytes

    def list_files(
        self, source: IndexSource, name: str, *, hashes: AbstractSet[str] | None = None
    ) -> tuple[IndexFile, ...]:
        """List all files of a package, or those of some hashes.

        Args:
            source: the index, as the lock names it.
            name: name of the project, normalised or not.
            hashes: sha256 in lower-case hex of the files that are wanted; None is all.

        Returns:
            The files in the index's order; empty when the index does not know the name.

        Raises:
            NotAllowed: the host, or one it redirects to, may not be asked.
            IndexFailed: the index refused, failed or answered something else.
            DiskFull: the cache has no space.
        """
        base = self._rules.make_base(source)
        url = f"{base.url}/{quote(canonicalize_name(name), safe='')}/"
        kept = load_page(self._cache, url)
        headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip"}
        headers |= {} if kept is None else {"If-None-Match": kept.etag}
        request = Request(url=url, base=base, hashed=False, headers=headers, seconds=self._timing.page_seconds)
        page = self._transport.run(request, lambda answer: self._read_page(answer, kept, request.where))
        if page is None:
            return ()
        if page is not kept and page.etag:
            ensure_page(self._cache, url, page)
        return parse_page(page.body, content_type=page.content_type, url=page.url, hashes=hashes)

    def _read_page(self, answer: Answer, kept: CachedPage | None, where: str) -> CachedPage | None:
        if answer.status == _NOT_MODIFIED and kept is not None:
            return kept
        if answer.status != _OK:
            return None
        return CachedPage(
            url=answer.url,
            etag=answer.headers.get("etag", ""),
            content_type=answer.headers.get("content-type", ""),
            body=_read_body(answer, where, limit_bytes=self._largest_page_bytes),
        )

    def fetch_file(self, source: IndexSource, file: IndexFile, progress: Callable[[int], None] | None = None) -> Path:
        """Fetch a file into the cache, or find it there.

        Args:
            source: the index that lists the file.
            file: what `list_files` gave.
            progress: called with the bytes received since its last call; with a negative number when a broken try is
                begun anew, so that the sum is always what is there. Not called for a file in the cache.

        Returns:
            Path of the file, named `file.filename`; its content has the hash `file.sha256`.

        Raises:
            WheelInvalid: the index gives no hash, or other bytes.
            WheelMissing: the file is gone.
            NotAllowed, IndexFailed, DiskFull: as for `list_files`.
        """
        base = self._rules.make_base(source)
        if file.sha256 is None:
            raise WheelInvalid(
                f"{host_of(split_url(base.url))} lists {clip(file.filename)} without a SHA-256, so it cannot be verified"
            )
        kept = find_file(self._cache, file.filename, file.sha256)
        if kept is not None:
            return kept
        path = file_path(self._cache, file.sha256, file.filename)
        # A compressed transfer would only hide the sizes that progress and caps count.
        request = Request(
            url=file.url,
            base=base,
            hashed=True,
            headers={"Accept-Encoding": "identity"},
            seconds=self._timing.file_seconds,
        )
        self._transport.run(request, lambda answer: self._save_file(answer, file, path, base, progress))
        sweep_workspace(self._cache, limit_bytes=self._cache_limit_bytes, now=time.time)
        return path

    def find_file(self, file: IndexFile) -> Path | None:
        """Find a file that was fetched before.

        Args:
            file: its name and hash count, nothing else of it.

        Returns:
            Its path, as `fetch_file` gives it; None when it is not in the cache.
        """
        return None if file.sha256 is None else find_file(self._cache, file.filename, file.sha256)

    def fetch_metadata(self, source: IndexSource, file: IndexFile) -> bytes | None:
        """Fetch the METADATA of a wheel by itself, or find it in the cache.

        Args:
            source: the index that lists the file.
            file: what `list_files` gave.

        Returns:
            The bytes, with the hash `file.metadata_sha256` where the index gives one; None when it offers no METADATA,
            answers that it has none after all, or offers it without a hash on a host that is not listed. What came
            without a hash is not kept, as nobody could vouch for it later.

        Raises:
            WheelInvalid: other bytes than the hash says.
            NotAllowed, IndexFailed, DiskFull: as for `list_files`.

        Source:
            PEP 658: the METADATA lies beside the file, under its URL with ".metadata" at the end.
        """
        base = self._rules.make_base(source)
        if not file.has_metadata:
            return None
        sha256 = file.metadata_sha256
        kept = None if sha256 is None else load_metadata(self._cache, sha256)
        if kept is not None:
            return kept
        request = Request(
            url=f"{file.url}.metadata",
            base=base,
            hashed=sha256 is not None,
            headers={"Accept-Encoding": "gzip"},
            seconds=self._timing.page_seconds,
        )
        try:
            body = self._transport.run(request, lambda answer: self._read_metadata(answer, request.where))
        except NotAllowed:
            if sha256 is None:
                return None
            raise
        if body is None or sha256 is None:
            return body
        _verify_hash(hashlib.sha256(body).hexdigest(), sha256, f"{file.filename}.metadata", base)
        ensure_metadata(self._cache, sha256, body)
        return body

    def _read_metadata(self, answer: Answer, where: str) -> bytes | None:
        if answer.status != _OK:
            return None
        return _read_body(answer, where, limit_bytes=self._largest_metadata_bytes)

    def _save_file(
        self, answer: Answer, file: IndexFile, path: Path, base: IndexBase, progress: Callable[[int], None] | None
    ) -> None:
        host = host_of(split_url(base.url))
        if answer.status != _OK:
            raise WheelMissing(
                f"{clip(file.filename)} is listed by {host} but gone or yanked away (status {answer.status})",
                hint="Lock again: run `pipenv lock`.",
            )
        with replace_file(path) as stream:
            found = self._copy(answer, stream, file.filename, progress)
            _verify_hash(found, file.sha256, file.filename, base)

    def _copy(self, answer: Answer, stream: BinaryIO, filename: str, progress: Callable[[int], None] | None) -> str:
        digest = hashlib.sha256()
        received = 0
        waiting = bytearray()
        try:
            for chunk in answer.chunks:
                waiting += chunk
                received += len(chunk)
                # TLS gives 16 KiB at a time: threads that hash and write each of them hinder each other.
                if len(waiting) >= _WRITE_BYTES:
                    digest.update(waiting)
                    stream.write(waiting)
                    waiting.clear()
                if progress is not None:
                    progress(len(chunk))
                if received > self._largest_file_bytes:
                    raise IndexFailed(f"{clip(filename)} is larger than {self._largest_file_bytes} bytes")
        except IndexFailed:
            if progress is not None:
                progress(-received)
            raise
        digest.update(waiting)
        stream.write(waiting)
        return digest.hexdigest()


def _read_body(answer: Answer, where: str, *, limit_bytes: int) -> bytes:
    body = bytearray()
    for chunk in answer.chunks:
        body += chunk
        if len(body) > limit_bytes:
            raise IndexFailed(f"{where} is larger than {limit_bytes} bytes")
    return bytes(body)


def _verify_hash(found: str, expected: str | None, filename: str, base: IndexBase) -> None:
    if found != expected:
        raise WheelInvalid(
            f"{clip(filename)} from {host_of(split_url(base.url))}: expected sha256 {expected}, got {found}",
            hint="The index or something on the way changed the file; nothing was installed.",
        )
