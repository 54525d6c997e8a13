"""Bases of people who mean harm: the scan is bounded whatever their layers claim, and nothing old is believed."""

from __future__ import annotations

import pytest

from hublish.builders.baseimage import scan as base_scan
from hublish.errors import BaseUnsupported, ImageInvalid
from tests.fakes import TINY_BASE
from tests.unit.builders.baseimage.parts import read

SITE = "/usr/local/lib/python3.11/dist-packages"


def test_files_that_are_kept_are_bounded_over_all_layers(monkeypatch):
    """A thousand lists of files that unpack to a hundred MiB each would fill any memory."""
    monkeypatch.setattr(base_scan, "KEPT_LIMIT_BYTES", 64 << 10)
    layers = [{f"{SITE}/a{number}-1.dist-info/RECORD": bytes(20 << 10)} for number in range(4)]

    with pytest.raises(BaseUnsupported, match="the names and lists of files in the base have more than 65536 bytes"):
        read(TINY_BASE, *layers)


def test_stream_is_bounded_over_all_layers(monkeypatch):
    """Each layer alone is small enough."""
    monkeypatch.setattr(base_scan, "STREAM_LIMIT_BYTES", 100 << 10)

    with pytest.raises(BaseUnsupported, match="the base unpacks to more than 102400 bytes"):
        read(TINY_BASE, *({f"/data{number}": bytes(30 << 10)} for number in range(4)))


def test_folders_hidden_again_and_again_are_refused(monkeypatch):
    """Each one costs a look at all that is known."""
    monkeypatch.setattr(base_scan, "WORK_LIMIT", 500)
    layer = {f"/d{number}/.wh..wh..opq": b"" for number in range(200)}

    with pytest.raises(BaseUnsupported, match="hides or replaces too many folders"):
        read(TINY_BASE, layer)


def test_list_of_files_that_cannot_be_read_is_refused():
    """The csv module has a limit of its own."""
    record = b'"' + b"x" * 200_000 + b'",,\n'

    with pytest.raises(ImageInvalid, match=r"lists the files of a distribution .* \(field larger than field limit"):
        read(TINY_BASE, {f"{SITE}/a-1.dist-info/RECORD": record})


@pytest.mark.parametrize(
    "libc",
    [b"GNU C Library stable release version 2." + b"9" * 5000, b"GNU C Library (x) version 2.1234"],
)
def test_endless_version_is_none(libc):
    """Python refuses to read numbers of thousands of digits."""
    with pytest.raises(BaseUnsupported, match="found neither glibc nor musl"):
        read({**TINY_BASE, "/usr/lib/x86_64-linux-gnu/libc.so.6": libc})


def test_endless_full_version_is_none():
    """The image's environment says what it likes."""
    silent = {**TINY_BASE, "/usr/bin/python3.11": b"nothing"}

    with pytest.raises(BaseUnsupported, match="the full version of"):
        read(silent, environment=(("PYTHON_VERSION", "3.11." + "9" * 5000),))


def test_what_a_replaced_file_said_is_forgotten():
    """A layer that puts another kind of entry, or a file that says nothing, in its place takes the fact away."""
    replaced = read(TINY_BASE, {"/etc/passwd": "-> /run/passwd"})

    assert replaced.passwd is None
    with pytest.raises(BaseUnsupported, match=r"the full version of /usr/bin/python3\.11 is not"):
        read(TINY_BASE, {"/usr/bin/python3.11": b"another build"})
