"""Headers by hand are the bytes that tarfile writes."""

from __future__ import annotations

import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hublish.oci.tar_header import FIXED_MTIME_SECONDS, render_tar_header

NAMES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0/"), min_size=1, max_size=130)


def render_by_tarfile(path: str, **fields: object) -> bytes:
    header = tarfile.TarInfo(path.lstrip("/"))
    header.type, header.mode = fields["kind"], fields["mode"]
    header.uid, header.gid = fields["user_id"], fields["group_id"]
    header.size, header.linkname = fields.get("size_bytes", 0), fields.get("target", "")
    header.mtime = FIXED_MTIME_SECONDS
    return header.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/a", {}),
        ("/opt/hublish", {"kind": tarfile.DIRTYPE, "mode": 0o775}),
        ("/" + "a" * 100, {"size_bytes": 8**11 - 1}),
        ("/" + "a" * 99, {"kind": tarfile.DIRTYPE}),
        ("/" + "a" * 100, {"kind": tarfile.DIRTYPE}),
        ("/" + "a" * 101, {}),
        ("/" + "a" * 988, {}),
        ("/" + "a" * 989, {}),
        ("/" + "a" * 990, {}),
        ("/" + "a" * 991, {}),
        ("/" + "a" * 992, {}),
        ("/" + "a" * 993, {}),
        ("/" + "a" * 500, {"kind": tarfile.DIRTYPE, "mode": 0o1777}),
        ("/big", {"size_bytes": 8**11}),
        ("/user", {"user_id": 8**7}),
        ("/group", {"group_id": 8**7}),
        ("/link", {"kind": tarfile.SYMTYPE, "mode": 0o777, "target": "b" * 100}),
        ("/link", {"kind": tarfile.SYMTYPE, "mode": 0o777, "target": "b" * 101}),
        ("/é", {}),
        ("/link", {"kind": tarfile.SYMTYPE, "target": "é"}),
        ("/bad\udcff", {}),
    ],
)
def test_header_is_what_tarfile_writes(path, fields):
    """At every edge of a field, and beyond it."""
    complete = {"kind": tarfile.REGTYPE, "mode": 0o644, "user_id": 1001, "group_id": 0, **fields}

    assert render_tar_header(path, **complete) == render_by_tarfile(path, **complete)


@settings(max_examples=200, deadline=None)
@given(
    NAMES,
    NAMES,
    st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE]),
    st.tuples(st.integers(0, 0o7777), st.integers(0, 1 << 31), st.integers(0, 1 << 40)),
)
def test_any_header_is_what_tarfile_writes(name, target, kind, numbers):
    """Whatever the fields."""
    mode, owner, size_bytes = numbers
    fields = {"kind": kind, "mode": mode, "user_id": owner, "group_id": owner}
    fields |= {"size_bytes": size_bytes} if kind == tarfile.REGTYPE else {}
    fields |= {"target": target} if kind == tarfile.SYMTYPE else {}

    assert render_tar_header("/" + name, **fields) == render_by_tarfile("/" + name, **fields)
