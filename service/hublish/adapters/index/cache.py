"""What an index gave, on disk: pages to be asked again with their ETag, files and metadata by their SHA-256.

Every write goes to a file beside and is renamed into place, so that a crash or a full disk leaves nothing half done. What
is found counts as used, so that a sweep takes what nobody asked for longest.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from hublish.builders.disk import hash_file, write_file
from hublish.builders.sweep import note_use


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedPage:
    """A page as it came: where from after redirects, its ETag, its content type, its bytes."""

    url: str
    etag: str
    content_type: str
    body: bytes


def load_page(folder: Path, url: str) -> CachedPage | None:
    """Load the page kept for `url`; None when there is none or its file is damaged."""
    try:
        head, _, body = _page_path(folder, url).read_bytes().partition(b"\n")
        fields = json.loads(head)
        page = CachedPage(url=fields["url"], etag=fields["etag"], content_type=fields["content_type"], body=body)
        note_use(_page_path(folder, url))
        return page if fields["sha256"] == hashlib.sha256(body).hexdigest() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def ensure_page(folder: Path, url: str, page: CachedPage) -> None:
    """Keep the page asked for at `url`. Raises DiskFull."""
    head = {
        "url": page.url,
        "etag": page.etag,
        "content_type": page.content_type,
        "sha256": hashlib.sha256(page.body).hexdigest(),
    }
    write_file(_page_path(folder, url), json.dumps(head).encode() + b"\n" + page.body)


def file_path(folder: Path, sha256: str, filename: str) -> Path:
    """Where a file is kept: a folder named by its hash, so that the file can carry its own name."""
    return folder / "wheels" / sha256 / filename


def find_file(folder: Path, filename: str, sha256: str) -> Path | None:
    """The kept file, or None; one with other bytes is removed.

    Its size would not do: after a crash of the machine a file can have its length and none of its bytes, and would then
    fail every build that wants it.
    """
    path = file_path(folder, sha256, filename)
    note_use(path)
    try:
        if hash_file(path) == sha256:
            return path
    except FileNotFoundError:
        return None
    path.unlink(missing_ok=True)
    return None


def load_metadata(folder: Path, sha256: str) -> bytes | None:
    """Load the METADATA kept under its hash; None when there is none or its file is damaged."""
    note_use(_metadata_path(folder, sha256))
    try:
        body = _metadata_path(folder, sha256).read_bytes()
    except OSError:
        return None
    return body if hashlib.sha256(body).hexdigest() == sha256 else None


def ensure_metadata(folder: Path, sha256: str, body: bytes) -> None:
    """Keep the METADATA whose hash is `sha256`. Raises DiskFull."""
    write_file(_metadata_path(folder, sha256), body)


def _metadata_path(folder: Path, sha256: str) -> Path:
    return folder / "metadata" / sha256


def _page_path(folder: Path, url: str) -> Path:
    return folder / "pages" / os.fspath(hashlib.sha256(url.encode()).hexdigest())
