"""The index client's cache: nothing half done, nothing damaged handed out."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from hublish.adapters.index.cache import (
    CachedPage,
    ensure_metadata,
    ensure_page,
    file_path,
    find_file,
    load_metadata,
    load_page,
)

URL = "https://index.example.com/simple/a/"
PAGE = CachedPage(url=f"{URL}#moved", etag='"1"', content_type="text/html", body=b"line\n\nline\n")
BODY = b"wheel"
SHA256 = hashlib.sha256(BODY).hexdigest()
NAME = "a.whl"


def test_page_comes_back_as_kept(tmp_path: Path) -> None:
    """All fields and bytes survive."""
    ensure_page(tmp_path, URL, PAGE)

    assert (load_page(tmp_path, URL), load_page(tmp_path, URL + "b/")) == (PAGE, None)


def test_what_is_found_counts_as_used(tmp_path: Path) -> None:
    """A sweep drops what nobody asked for longest; a file that a build takes now is none of that."""
    ensure_page(tmp_path, URL, PAGE)
    ensure_metadata(tmp_path, SHA256, BODY)
    path = file_path(tmp_path, SHA256, NAME)
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    for file in files:
        os.utime(file, (1, 1))

    load_page(tmp_path, URL)
    load_metadata(tmp_path, SHA256)
    find_file(tmp_path, NAME, SHA256)

    assert len(files) == 3
    assert all(file.stat().st_mtime > 1 for file in files)


def test_damaged_page_is_no_page(tmp_path: Path) -> None:
    """A page whose bytes changed on disk is asked for anew."""
    ensure_page(tmp_path, URL, PAGE)
    [kept] = (tmp_path / "pages").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])

    assert load_page(tmp_path, URL) is None


@pytest.mark.parametrize(
    ("found", "content"),
    [(True, BODY), (False, b"other bytes"), (False, bytes(len(BODY))), (False, b"")],
)
def test_kept_file_is_checked(tmp_path: Path, found: bool, content: bytes) -> None:
    """Its hash decides, also where it has the right length; a bad one is removed."""
    path = file_path(tmp_path, SHA256, NAME)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    assert (find_file(tmp_path, NAME, SHA256) == path, path.exists()) == (found, found)


def test_missing_file_is_not_found(tmp_path: Path) -> None:
    """An empty cache has nothing."""
    assert find_file(tmp_path, NAME, SHA256) is None


def test_metadata_comes_back_unless_damaged(tmp_path: Path) -> None:
    """What is kept under a hash is handed out as long as it has that hash."""
    missing = load_metadata(tmp_path, SHA256)
    ensure_metadata(tmp_path, SHA256, BODY)
    kept = load_metadata(tmp_path, SHA256)
    (tmp_path / "metadata" / SHA256).write_bytes(b"other")

    assert (missing, kept, load_metadata(tmp_path, SHA256)) == (None, BODY, None)
