"""Byte-code that does not depend on the process that made it.

Two choices make it so. The header says "unchecked hash" (PEP 552), so that no time counts. The code is marshalled in
version 2, which knows no references: later versions write one where an object happens to be shared in the compiling
process, and that differed in 11 of 1,582 files between two processes.
"""

from __future__ import annotations

import importlib.util
import marshal
import struct
import sys
import warnings

SOURCE_LIMIT_BYTES = 4 << 20
_MARSHAL_VERSION = 2
_UNCHECKED_HASH = 0b01
_SKIPPED_FOLDERS = frozenset({"test", "tests"})


def can_compile_for(python_version: tuple[int, int]) -> bool:
    """Tell whether this interpreter makes byte-code that the target reads: the minor version must be the same."""
    return sys.version_info[:2] == python_version


def name_compiler() -> str:
    """Name what compiles here, to the patch release: another one may make other byte-code of the same source."""
    return " ".join(("python-{}.{}.{}".format(*sys.version_info[:3]), *_list_switches()))


def describe_compiler() -> list[object]:
    """List everything but a source that its byte-code depends on, as plain values."""
    return [importlib.util.MAGIC_NUMBER.hex(), list(sys.version_info[:3]), *_list_switches()]


def _list_switches() -> tuple[str, ...]:
    """The switches of this process that change what it compiles; nothing but compiling tells whether they are on."""
    positions = compile("name", "", "eval").co_positions()
    # PYTHONNODEBUGRANGES and -X no_debug_ranges leave out where in its line an expression stands.
    return () if any(column is not None for _, _, column, _ in positions) else ("no_debug_ranges",)


def is_worth_compiling(path: str) -> bool:
    """Tell whether a module is compiled: folders of tests hold a third of all sources and are hardly ever imported."""
    return path.endswith(".py") and not _SKIPPED_FOLDERS & set(path.split("/")[:-1])


def make_bytecode_path(path: str) -> str:
    """Where the byte-code of a module lies, as PEP 3147 says."""
    folder, _, name = path.rpartition("/")
    tag = sys.implementation.cache_tag
    cached = f"__pycache__/{name.removesuffix('.py')}.{tag}.pyc"
    return f"{folder}/{cached}" if folder else cached


def make_bytecode(source: bytes, *, path: str) -> bytes | None:
    """Compile a module.

    Args:
        source: its bytes.
        path: absolute path in the image, which tracebacks show.

    Returns:
        The bytes of its .pyc file; None when it cannot be compiled (a template, code for another Python) or is larger
        than 4 MiB.
    """
    if len(source) > SOURCE_LIMIT_BYTES:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, path, "exec", dont_inherit=True, optimize=0)
        body = marshal.dumps(code, _MARSHAL_VERSION)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return None
    flags = struct.pack("<I", _UNCHECKED_HASH)
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + body
