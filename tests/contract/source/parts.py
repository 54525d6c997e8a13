"""What the tests of tarballs share."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hublish.adapters.source_archive import ArchiveSourceFetcher, StoredSource
from hublish.core.repository import RefKind, Repository, ResolvedRef

COMMIT = "0123456789" * 4
REPOSITORY = Repository(id=7, owner="org", name="ts", installation_id=1, default_branch="main")


@dataclass(slots=True, kw_only=True)
class Door:
    """The GitHub side: gives these bodies one after the other, the last one again and again."""

    bodies: list[bytes]
    calls: list[tuple[str, str]] = field(default_factory=list)

    def open(self, repository: Repository, sha: str) -> AbstractContextManager[BinaryIO]:
        self.calls.append((repository.full_name, sha))
        return closing(io.BytesIO(self.bodies.pop(0) if len(self.bodies) > 1 else self.bodies[0]))


def make_fetcher(
    door: Callable[..., AbstractContextManager[BinaryIO]], cache: Path, **changes: object
) -> ArchiveSourceFetcher:
    arguments: dict[str, object] = {"fetch_tarball": door, "cache": cache, "sleep": lambda seconds: None, **changes}
    return ArchiveSourceFetcher(**arguments)  # type: ignore[arg-type]


def fetch(body: bytes, cache: Path, *, commit: str = COMMIT, **changes: object) -> StoredSource:
    return make_fetcher(Door(bodies=[body]).open, cache, **changes).fetch_source(REPOSITORY, make_ref(commit))


def make_ref(commit: str) -> ResolvedRef:
    return ResolvedRef(name="v1", kind=RefKind.TAG, sha=commit)


def make_member(
    name: str, *, kind: bytes = tarfile.REGTYPE, body: bytes = b"", link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size, member.mtime = kind, link, len(body), 1767323045
    return member, body


def make_tarball(*members: tuple[tarfile.TarInfo, bytes], commit: str | None = COMMIT) -> bytes:
    body = io.BytesIO()
    headers = {} if commit is None else {"comment": commit}
    with tarfile.open(fileobj=body, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return body.getvalue()


def list_files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
