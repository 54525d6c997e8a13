"""A repository of more than 2 GB as GitHub would send it: the download stops at the limit, and the disk stays nearly empty."""

from __future__ import annotations

import struct
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from hublish.adapters.github import GitHubClone, GitHubSources
from hublish.core.source_rules import SourceLimits
from hublish.errors import SourceInvalid
from hublish.network import Network
from tests.contract.source.parts import COMMIT, REPOSITORY, list_files, make_fetcher, make_ref
from tests.sandbox.serving import serve

pytestmark = pytest.mark.timeout(1200)
MIB = 1 << 20
FILE_BYTES = 16 * MIB
REPOSITORY_BYTES = 8 << 30
# All files have the same bytes, so that the service keeps one of them: what it reads is large, what lies on disk is not.


def store(piece: bytes) -> bytes:
    """Blocks of a deflate stream that hold a piece as it is, and say that more follows."""
    parts = (piece[start : start + 0xFFFF] for start in range(0, len(piece), 0xFFFF))
    return b"".join(struct.pack("<BHH", 0, len(part), len(part) ^ 0xFFFF) + part for part in parts)


def make_headers(number: int) -> bytes:
    """The header of one file in the tarball; before the first, the commit as git writes it."""
    member = tarfile.TarInfo(f"org-ts/data/{number}")
    member.size, member.mtime = FILE_BYTES, 1767323045
    commit = tarfile.TarInfo.create_pax_global_header({"comment": COMMIT}) if number == 0 else b""
    return commit + member.tobuf(tarfile.PAX_FORMAT)


def stream_tarball() -> Iterator[bytes]:
    """The beginning of the gzip of a tarball of 8 GiB, made while it is sent, without compression."""
    body = store(bytes(range(256)) * (FILE_BYTES // 256))
    yield b"\x1f\x8b\x08" + bytes(7)
    for number in range(REPOSITORY_BYTES // FILE_BYTES):
        yield store(make_headers(number)) + body


class Huge(BaseHTTPRequestHandler):
    """GitHub's two hosts in one: the redirect, and the tarball that nobody stores."""

    sent_bytes = 0
    gone = threading.Event()

    def do_GET(self) -> None:
        if self.path.startswith("/repos/"):
            self.send_response(302)
            self.send_header("Location", f"http://{self.headers['Host']}/codeload")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        try:
            for piece in stream_tarball():
                self.wfile.write(piece)
                Huge.sent_bytes += len(piece)
        except OSError:
            Huge.gone.set()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sources() -> Iterator[GitHubSources]:
    with serve(Huge) as url:
        yield GitHubSources(GitHubClone(api_url=url, token="token", network=Network()))


def test_repository_of_more_than_2_gb_is_refused_at_the_limit(sources: GitHubSources, tmp_path: Path) -> None:
    """By the default limits: it ends with the reason, not far behind the limit, and nothing of it stays."""
    fetcher = make_fetcher(sources.open_tarball, tmp_path)
    limit = SourceLimits().total_bytes

    with pytest.raises(SourceInvalid) as caught:
        fetcher.fetch_source(REPOSITORY, make_ref(COMMIT))
    assert caught.value.message.startswith(f"the repository has more than {limit} bytes")
    assert Huge.gone.wait(120)
    assert 0 < Huge.sent_bytes < limit + 64 * MIB
    assert list_files(tmp_path) == []
