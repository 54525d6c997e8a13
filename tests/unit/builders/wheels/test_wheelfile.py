"""A wheel is opened with distrust: every way of being crafted is refused."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
import zlib
from pathlib import Path

import pytest
from installer.utils import parse_entrypoints

from hublish.builders.wheels import wheelfile
from hublish.builders.wheels.wheelfile import open_wheel, read_requirements
from hublish.errors import WheelInvalid
from tests.sandbox.wheels import make_wheel
from tests.unit.builders.rawzip import RawMember, read_raw_members, write_raw_zip


def write(tmp_path: Path, body: bytes, name: str = "alpha-1.0-py3-none-any.whl") -> Path:
    path = tmp_path / name
    path.write_bytes(body)
    return path


def rewrite(body: bytes, *, drop: str = "", add: dict[str, bytes] | None = None, mode: int = 0o100644) -> bytes:
    """The same archive with a member less and others more; RECORD stays as it was."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.infolist():
            if member.filename != drop:
                new.writestr(member, old.read(member))
        for name, content in (add or {}).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            new.writestr(info, content)
    return target.getvalue()


def read_all(path: Path) -> dict[str, tuple[bytes, bool]]:
    with open_wheel(path) as wheel:
        found = {}
        for member in wheel.members():
            digest = hashlib.sha256()
            body = b"".join(plain for _, plain in member.read_pieces(digest))
            assert digest.digest() == hashlib.sha256(body).digest()
            if member.fits_memory:
                assert member.read()[1:] == (body, digest.digest())
            found[member.path] = (body, member.is_executable)
        return found


def test_files_come_out_with_their_executable_bit(tmp_path):
    """Names, bytes and the one mode bit that counts."""
    body = rewrite(make_wheel("alpha", "1.0"), add={"alpha/run": b"#!/bin/sh\n"}, mode=0o100755)

    found = read_all(write(tmp_path, body))

    assert found["alpha/run"] == (b"#!/bin/sh\n", True)
    assert found["alpha-1.0.dist-info/WHEEL"][1] is False


def test_folders_and_shipped_bytecode_are_left_out(tmp_path):
    """Byte-code from elsewhere could differ from its source."""
    body = rewrite(make_wheel("alpha", "1.0"), add={"alpha/__pycache__/x.pyc": b"x", "alpha/sub/": b""})

    found = read_all(write(tmp_path, body))

    assert not [name for name in found if "__pycache__" in name or name.endswith("/")]


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\b", "a//b", "./a"])
def test_path_that_leaves_its_place_is_refused(tmp_path, name):
    """No spelling gets out of the environment."""
    with pytest.raises(WheelInvalid, match="leaves its place"):
        read_all(write(tmp_path, rewrite(make_wheel("alpha", "1.0"), add={name: b"x"})))


@pytest.mark.parametrize("name", [".wh.numpy", "alpha/.wh..wh..opq", "alpha/.wh.sub/a.py"])
def test_file_that_a_layer_would_read_as_a_removal_is_refused(tmp_path, name):
    """A wheel could take away what others brought, with no trace of it in the image."""
    with pytest.raises(WheelInvalid, match="would remove files of others"):
        read_all(write(tmp_path, rewrite(make_wheel("alpha", "1.0"), add={name: b"x"})))


def test_symbolic_link_is_refused(tmp_path):
    """A wheel holds files; a link could lead anywhere."""
    path = write(tmp_path, rewrite(make_wheel("alpha", "1.0"), add={"link": b"/etc"}, mode=stat.S_IFLNK | 0o777))

    with pytest.raises(WheelInvalid, match="'link' is neither a file nor a folder"), open_wheel(path):
        pass


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_member_twice_is_refused(tmp_path):
    """Two readers could see two different wheels."""
    path = write(tmp_path, rewrite(make_wheel("alpha", "1.0"), add={"alpha/__init__.py": b"other"}))

    with pytest.raises(WheelInvalid, match=r"holds 'alpha/__init__\.py' twice"), open_wheel(path):
        pass


def test_file_that_differs_from_record_is_refused(tmp_path):
    """RECORD is verified before a byte is used."""
    body = rewrite(make_wheel("alpha", "1.0"), drop="alpha/__init__.py", add={"alpha/__init__.py": b"other"})

    with pytest.raises(WheelInvalid, match=r"alpha/__init__\.py has sha256=.*, its RECORD says sha256="):
        read_all(write(tmp_path, body))


def test_large_file_is_verified_at_its_end(tmp_path, monkeypatch):
    """What does not fit into memory is verified while it is read; the last piece does not come if it is wrong."""
    monkeypatch.setattr(wheelfile, "IN_MEMORY_LIMIT_BYTES", 10)
    good = make_wheel("alpha", "1.0", {"alpha.py": "x = 1\n" * 50})
    bad = rewrite(good, drop="alpha.py", add={"alpha.py": b"y = 1\n" * 50})

    assert read_all(write(tmp_path, good))["alpha.py"] == (b"x = 1\n" * 50, False)
    with pytest.raises(WheelInvalid, match="its RECORD says"):
        read_all(write(tmp_path, bad))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FILE_COUNT_LIMIT", 2, "expected at most 2 files"),
        ("UNPACKED_LIMIT_BYTES", 100, "expected at most 100"),
        ("METADATA_LIMIT_BYTES", 10, "is larger than 10 bytes"),
    ],
)
def test_bomb_is_refused(tmp_path, monkeypatch, name, value, message):
    """Count, size and metadata are bounded before anything is unpacked."""
    monkeypatch.setattr(wheelfile, name, value)

    with pytest.raises(WheelInvalid, match=message):
        read_all(write(tmp_path, make_wheel("alpha", "1.0")))


def test_ratio_bomb_is_refused(tmp_path, monkeypatch):
    """A small archive that unpacks to much more than its own size is no package."""
    monkeypatch.setattr(wheelfile, "RATIO_APPLIES_FROM_BYTES", 1000)
    path = write(tmp_path, make_wheel("alpha", "1.0", {"zeros": bytes(10 << 20)}))

    with pytest.raises(WheelInvalid, match="more than 300 times its own size"):
        read_all(path)


def test_member_that_lies_about_its_size_is_refused(tmp_path):
    """The declared size is what is handed out; other bytes behind it break the checksum."""
    body = make_wheel("alpha", "1.0", {"zeros": bytes(5000)})
    lie = body.replace((5000).to_bytes(4, "little"), (10).to_bytes(4, "little"))

    with pytest.raises(WheelInvalid, match="zeros: expected 10 bytes unpacked, got more"):
        read_all(write(tmp_path, lie))


# Random, so that its stream is long enough to be taken over as it is.
BODY = os.urandom(5000)


def write_hostile(tmp_path: Path, **lies: object) -> Path:
    """A wheel whose alpha.bin is not what the archive says."""
    members = read_raw_members(make_wheel("alpha", "1.0", {"alpha.bin": BODY, "last.py": "x"}))
    crafted = [
        RawMember.make(member.name, BODY, **lies) if member.name == "alpha.bin" else member for member in members
    ]
    return write(tmp_path, write_raw_zip(crafted))


def deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


def test_archive_by_hand_is_read_when_it_tells_the_truth(tmp_path):
    """The hostile ones below differ from it by one lie each."""
    assert read_all(write_hostile(tmp_path))["alpha.bin"] == (BODY, False)


@pytest.mark.parametrize("in_memory_bytes", [0, 1 << 20])
@pytest.mark.parametrize(
    ("lies", "message"),
    [
        ({"stream": deflate(BODY)[:-3]}, "alpha.bin: the deflate stream ends early"),
        ({"stream": deflate(BODY) + b"trailing"}, "alpha.bin: expected the end of the deflate stream, got more bytes"),
        ({"stream": deflate(BODY) * 2}, "alpha.bin: expected the end of the deflate stream, got more bytes"),
        ({"stream": b""}, "alpha.bin: the deflate stream ends early, after 0 of 5000 bytes"),
        ({"stream": b"\xff" * 3000}, "alpha.bin: the deflate stream is broken"),
        ({"size": 4999}, "alpha.bin: expected 4999 bytes unpacked, got more"),
        ({"size": 5001}, "alpha.bin: expected 5001 bytes unpacked, got 5000"),
        ({"crc": 7}, "alpha.bin: expected the checksum 00000007, got"),
        ({"stream": deflate(bytes(50 << 20))}, "alpha.bin: expected 5000 bytes unpacked, got more"),
        ({"stream": deflate(BODY[::-1]), "crc": zlib.crc32(BODY[::-1])}, "its RECORD says sha256="),
        ({"local_name": "alpha.exe"}, "alpha.bin does not lie where the directory of the archive says"),
        ({"local_name": ""}, "alpha.bin does not lie where the directory of the archive says"),
        ({"flags": 0x01}, "'alpha.bin' is encrypted"),
        ({"flags": 0x40}, "'alpha.bin' is encrypted"),
        ({"method": 99}, "not a wheel that can be installed"),
        ({"method": 0, "stream": BODY[:-1] + bytes([BODY[-1] ^ 1])}, "not a wheel that can be installed"),
    ],
)
def test_member_that_is_not_what_the_archive_says_is_refused(tmp_path, monkeypatch, lies, message, in_memory_bytes):
    """Its stream would stand in the layer as it is, so every byte of it is accounted for."""
    monkeypatch.setattr(wheelfile, "IN_MEMORY_LIMIT_BYTES", in_memory_bytes)

    with pytest.raises(WheelInvalid, match=message):
        read_all(write_hostile(tmp_path, **lies))


def test_member_behind_the_end_of_the_file_is_refused(tmp_path):
    """A directory that points past the end has no local header to agree with."""
    path = write_hostile(tmp_path)
    body = bytearray(path.read_bytes())
    entry = body.rindex(b"PK\x01\x02")
    body[entry + 42 : entry + 46] = (len(body) + 1000).to_bytes(4, "little")

    with pytest.raises(WheelInvalid, match=r"not a wheel that can be installed|does not lie where"):
        read_all(write(tmp_path, bytes(body)))


def test_which_members_can_be_taken_over(tmp_path):
    """Deflated and long enough; what is stored or small is compressed with its neighbours."""
    files = {"long.bin": BODY, "short.py": "x = 1\n"}
    stored = RawMember.make("stored.bin", BODY, method=0, stream=BODY)
    path = write(tmp_path, write_raw_zip([*read_raw_members(make_wheel("alpha", "1.0", files)), stored]))

    with open_wheel(path) as wheel:
        spliceable = [member.path for member in wheel.members() if member.is_spliceable]
        streams = {member.path: member.read()[0] for member in wheel.members()}

    assert spliceable == ["long.bin"]
    assert streams["stored.bin"] == b""
    assert zlib.decompress(streams["long.bin"], -15) == BODY


def test_closed_wheel_gives_nothing(tmp_path):
    """A member outlives its wheel as a name only."""
    with open_wheel(write_hostile(tmp_path)) as wheel:
        member = next(iter(wheel.members()))

    with pytest.raises(WheelInvalid, match="was closed before"):
        member.read()


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04", b"x" * 100])
def test_bytes_that_are_no_archive_are_refused(tmp_path, body):
    """Whatever the bytes, the answer names the file."""
    path = write(tmp_path, body)

    with pytest.raises(WheelInvalid, match=r"alpha-1\.0-py3-none-any\.whl: not a wheel"), open_wheel(path):
        pass


def test_wheel_without_its_metadata_is_refused(tmp_path):
    """Without METADATA nobody knows what it needs."""
    path = write(tmp_path, rewrite(make_wheel("alpha", "1.0"), drop="alpha-1.0.dist-info/METADATA"))

    with pytest.raises(WheelInvalid, match="not a wheel that can be installed"):
        read_requirements(path)


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("RECORD", b'"' + b"x" * 200_000 + b'",,\n', "field larger than field limit"),
        ("entry_points.txt", b"no section\n", "no section headers"),
        ("entry_points.txt", b"[console_scripts]\na = b:c\na = d:e\n", "already exists"),
        ("entry_points.txt", b"[console_scripts]\na = %(x)s:c\n", "Bad value substitution"),
    ],
)
def test_metadata_that_its_parser_refuses_is_refused_by_name(tmp_path, name, body, reason):
    """The parsers of csv and ini files have errors of their own; none of them leaves here."""
    dist_info = f"alpha-1.0.dist-info/{name}"
    path = write(tmp_path, rewrite(make_wheel("alpha", "1.0"), drop=dist_info, add={dist_info: body}))

    with pytest.raises(WheelInvalid, match=reason), open_wheel(path) as wheel:
        [*wheel.members(), *parse_entrypoints(wheel.read_dist_info("entry_points.txt"))]


def test_broken_lzma_is_refused(tmp_path):
    """An archive may use any compression zipfile knows."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(make_wheel("alpha", "1.0"))) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            new.writestr(info, old.read(info))
        new.writestr("alpha.bin", b"content" * 100, compress_type=zipfile.ZIP_LZMA)
    body = target.getvalue()
    start = body.index(b"alpha.bin") + len(b"alpha.bin") + 9

    with pytest.raises(WheelInvalid, match="not a wheel that can be installed"):
        read_all(write(tmp_path, body[:start] + b"\xff" * 20 + body[start + 20 :]))


def test_requirements_are_read_as_written(tmp_path):
    """Markers and extras stay; they are evaluated for the target."""
    path = write(tmp_path, make_wheel("alpha", "1.0", requires=["beta>1", 'gamma; extra == "x"']))

    assert read_requirements(path) == ("beta>1", 'gamma; extra == "x"')
