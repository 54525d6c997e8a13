"""Zip archives written by hand, so that a test can state what is not so."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RawMember:
    """A member as it stands in the archive; what is None is stated truthfully."""

    name: str
    stream: bytes
    method: int = zipfile.ZIP_DEFLATED
    size: int | None = None
    crc: int | None = None
    local_name: str | None = None
    flags: int = 0

    @classmethod
    def make(cls, name: str, body: bytes, **lies: object) -> RawMember:
        """Deflate a body; `lies` override what is stated of it."""
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        stream = packer.compress(body) + packer.flush()
        return cls(**{"name": name, "stream": stream, "size": len(body), "crc": zlib.crc32(body), **lies})


def write_raw_zip(members: list[RawMember]) -> bytes:
    """Write local headers, streams and the central directory."""
    body, directory = b"", b""
    for member in members:
        name = member.name.encode()
        local = name if member.local_name is None else member.local_name.encode()
        numbers = (20, member.flags, member.method, 0, 0x21, member.crc, len(member.stream), member.size, len(name), 0)
        directory += struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\x01\x02", 20, *numbers, 0, 0, 0, 0o100644 << 16, len(body))
        directory += name
        body += struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", *numbers[:8], len(local), 0) + local + member.stream
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + end


def read_raw_members(body: bytes) -> list[RawMember]:
    """The members of a truthful archive, for a test that changes one of them."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return [RawMember.make(info.filename, archive.read(info)) for info in archive.infolist()]
