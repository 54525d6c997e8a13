"""Headers of tar entries, by hand where a name is short and plain, which is nearly always.

An image has tens of thousands of entries; `tarfile` spends longer on a header than is spent on the rest of a small file.
Where a field does not fit, `tarfile` writes the extended (pax) header; a test compares both ways.

Source: POSIX.1-2001 pax, ustar interchange format.
"""

from __future__ import annotations

import tarfile

# 1980-01-01: the first second a zip archive can state, so that an installed tree can be packed into wheels again.
FIXED_MTIME_SECONDS = 315_532_800
_NAME_BYTES = 100
# Eleven and seven octal digits are what the fields hold; above, tarfile knows what to do.
_SIZE_LIMIT_BYTES = 8**11
_NUMBER_LIMIT = 8**7
_MTIME = b"%011o\0" % FIXED_MTIME_SECONDS
# "ustar" and its version; no names of user and group, no device numbers, no prefix, padding.
_REST = b"ustar\x0000" + bytes(247)
_CHECKSUM_BLANK = b" " * 8
_CONSTANT_SUM = sum(_CHECKSUM_BLANK) + sum(_REST)
# No mode, no owner: the entry of an extended header is none that is unpacked.
_LONG_NAME_FIELDS = b"0000000\0" * 3 + b"%011o\0" + b"00000000000\0"
_BLOCK_BYTES = 512


def render_tar_header(
    path: str, *, kind: bytes, mode: int, user_id: int, group_id: int, size_bytes: int = 0, target: str = ""
) -> bytes:
    """Render the header of one entry, extended header included; a multiple of 512 bytes.

    Args:
        path: absolute; written without its first slash, a folder with one at its end.
        kind: `tarfile.REGTYPE`, `DIRTYPE` or `SYMTYPE`.
        mode: permission bits.
        user_id: owner.
        group_id: owner's group.
        size_bytes: of a file.
        target: of a link.
    """
    name = path[1:] + "/" if kind == tarfile.DIRTYPE else path[1:]
    numbers_fit = size_bytes < _SIZE_LIMIT_BYTES and user_id < _NUMBER_LIMIT and group_id < _NUMBER_LIMIT
    if numbers_fit and name.isascii() and target.isascii() and len(target) <= _NAME_BYTES:
        fields = b"%07o\0%07o\0%07o\0%011o\0" % (mode, user_id, group_id, size_bytes)
        raw = name.encode("ascii")
        block = _render_block(raw[:_NAME_BYTES], fields + _MTIME, kind=kind, link=target.encode("ascii"))
        return block if len(raw) <= _NAME_BYTES else _render_long_name(raw) + block
    header = tarfile.TarInfo(path[1:])
    header.type, header.mode, header.size, header.linkname = kind, mode, size_bytes, target
    header.uid, header.gid, header.mtime = user_id, group_id, FIXED_MTIME_SECONDS
    return header.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")


def _render_block(name: bytes, fields: bytes, *, kind: bytes, link: bytes = b"") -> bytes:
    checksum = sum(name) + sum(fields) + sum(kind) + sum(link) + _CONSTANT_SUM
    return b"".join(
        (name.ljust(_NAME_BYTES, b"\0"), fields, b"%06o\0 " % checksum, kind, link.ljust(_NAME_BYTES, b"\0"), _REST)
    )


def _render_long_name(name: bytes) -> bytes:
    """The extended header of a name alone; its record states its own length, digits included."""
    record_bytes = len(b" path=\n") + len(name)
    digits = len(str(record_bytes))
    digits = len(str(record_bytes + digits))
    record = b"%d path=%s\n" % (record_bytes + digits, name)
    block = _render_block(b"././@PaxHeader", _LONG_NAME_FIELDS % len(record), kind=tarfile.XHDTYPE)
    return block + record + bytes(-len(record) % _BLOCK_BYTES)
