"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from hublish.builders.disk import replace_file, write_file
from hublish.errors import DiskFull


def test_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Until the block ends others read the old one; its folder is made, and nothing else is left there."""
    path = tmp_path / "deep" / "file"
    write_file(path, b"old")
    with replace_file(path) as stream:
        stream.write(b"new")
        during = path.read_bytes()

    assert (during, path.read_bytes(), list(path.parent.iterdir())) == (b"old", b"new", [path])


@pytest.mark.parametrize(
    ("error", "expected"), [(errno.ENOSPC, DiskFull), (errno.EDQUOT, DiskFull), (errno.EIO, OSError)]
)
def test_failed_write_leaves_nothing(tmp_path: Path, error: int, expected: type[Exception]) -> None:
    """A full disk is told as such, and neither the file nor a part of it stays."""

    def write() -> None:
        with replace_file(tmp_path / "wheels" / "a") as stream:
            stream.write(b"part")
            raise OSError(error, "broken")

    with pytest.raises(expected):
        write()

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
