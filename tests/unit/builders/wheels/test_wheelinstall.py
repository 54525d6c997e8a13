"""The installed tree is the one PyPA's installer makes; streams of the wheel stand in the layer as they are."""

from __future__ import annotations

import csv
import ensurepip
import gzip
import io
import os
import tarfile
import zipfile
import zlib
from pathlib import Path
from posixpath import normpath

import pytest
from installer import install as install_by_pypa
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

from hublish.builders.wheels import wheelfile, wheelinstall
from hublish.errors import WheelInvalid
from tests.sandbox.wheels import make_wheel
from tests.unit.builders.wheels.parts import DATA, make_blob, write

RANDOM = os.urandom(40_000)
FILES = {
    "alpha/__init__.py": "x = 1\n",
    "alpha/long.py": "# nothing\n" + "".join(f"name_{number} = {number}\n" for number in range(3000)),
    "alpha/long.bin": RANDOM,
    "alpha/a name.txt": "é",
    f"{DATA}/data/share/jupyter/x.json": "{}",
    f"{DATA}/data/deep/er/long.bin": RANDOM[::-1],
    f"{DATA}/headers/alpha.h": "h",
    f"{DATA}/scripts/tool": "#!python -x\nprint()\n",
    f"{DATA}/scripts/window": "#!pythonw\nprint()\n",
    f"{DATA}/scripts/binary": RANDOM[:20_000],
    f"{DATA}/scripts/shell": "#!/bin/sh\n",
    f"{DATA}/platlib/plat.py": "p",
}


def read_layer(blob: bytes, prefix: str) -> dict[str, tuple[bool, bytes]]:
    """Files below the prefix: whether they are executable, and their content."""
    with tarfile.open(fileobj=io.BytesIO(blob)) as archive:
        return {
            "/" + member.name: (bool(member.mode & 0o100), archive.extractfile(member).read())
            for member in archive
            if member.isfile() and ("/" + member.name).startswith(prefix)
        }


def read_folder(folder: Path) -> dict[str, tuple[bool, bytes]]:
    return {
        "/" + str(path.relative_to(folder)): (bool(path.stat().st_mode & 0o100), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def sort_record(tree: dict[str, tuple[bool, bytes]]) -> dict[str, object]:
    """RECORD as a set of rows, with its paths in one spelling."""
    found: dict[str, object] = dict(tree)
    for path, (_, body) in tree.items():
        if path.endswith("/RECORD"):
            rows = csv.reader(io.StringIO(body.decode(), newline=""))
            found[path] = sorted((normpath(row[0]), *row[1:]) for row in rows)
    return found


def list_wheels(folder: Path) -> list[Path]:
    """One with everything a wheel can have, and a real one where Python brings it along."""
    made = write(folder, make_wheel("alpha", "1.0", FILES, scripts={"alpha": "alpha:main", "second": "alpha.cli:x.y"}))
    return [made, *Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")]


def test_tree_is_what_the_reference_installer_makes(tmp_path, environment):
    """Paths, contents, executable bits and RECORD are the same, but that every script can be executed.

    PyPA's installer leaves that to the archive; the format asks installers to see to it, and pip and uv do.
    """
    for number, path in enumerate(list_wheels(tmp_path / "wheels")):
        expected_folder = tmp_path / f"expected-{number}"
        with WheelFile.open(path) as source:
            destination = SchemeDictionaryDestination(
                environment.scheme_folders(source.distribution),
                environment.interpreter,
                "posix",
                destdir=str(expected_folder),
            )
            install_by_pypa(source, destination, {"INSTALLER": b"hublish\n"})
        installed = read_folder(expected_folder)
        scripts = f"{environment.prefix}/bin/"
        installed |= {path: (True, body) for path, (_, body) in installed.items() if path.startswith(scripts)}
        expected = sort_record(installed)

        found = sort_record(read_layer(make_blob(tmp_path / "blobs", environment, path), environment.prefix))

        assert found == expected


def find_members(blob: bytes) -> list[bytes]:
    """The deflate streams of a gzip file."""
    streams = []
    while blob:
        reader = zlib.decompressobj(31)
        reader.decompress(blob)
        taken = len(blob) - len(reader.unused_data)
        streams.append(blob[10 : taken - 8])
        blob = reader.unused_data
    return streams


def test_streams_of_the_wheel_stand_in_the_layer(tmp_path, environment):
    """Every file from two kilobytes on is a member of its own; scripts that are rewritten are not."""
    path = write(tmp_path / "wheels", make_wheel("alpha", "1.0", FILES))
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename: info.compress_size for info in archive.infolist()}
        starts = {info.filename: info.header_offset + 30 + len(info.filename.encode()) for info in archive.infolist()}
    body = path.read_bytes()

    members = find_members(make_blob(tmp_path / "blobs", environment, path))
    spliced = [name for name, start in starts.items() if body[start : start + sizes[name]] in members]

    assert spliced == [name for name, size in sizes.items() if size >= 2048]
    assert set(spliced) == {
        "alpha/long.py",
        "alpha/long.bin",
        f"{DATA}/data/deep/er/long.bin",
        f"{DATA}/scripts/binary",
    }


def test_bytes_do_not_depend_on_what_is_held_in_memory(tmp_path, environment, monkeypatch):
    """A file that is streamed gives the same layer as one that is held."""
    path = write(tmp_path / "wheels", make_wheel("alpha", "1.0", {**FILES, f"{DATA}/scripts/tool": "#!/bin/sh\n"} | {
        f"{DATA}/scripts/window": "x"
    }))  # fmt: skip
    expected = make_blob(tmp_path / "held", environment, path)
    monkeypatch.setattr(wheelfile, "IN_MEMORY_LIMIT_BYTES", 1000)
    monkeypatch.setattr(wheelfile, "_CHUNK_BYTES", 777)

    assert make_blob(tmp_path / "streamed", environment, path) == expected


def test_stored_file_too_large_to_be_held_is_compressed_in_pieces(tmp_path, environment, monkeypatch):
    """It has no stream to take over."""
    monkeypatch.setattr(wheelfile, "IN_MEMORY_LIMIT_BYTES", 1000)
    archive = io.BytesIO(make_wheel("alpha", "1.0", {"alpha.py": ""}))
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as appended:
        appended.writestr("alpha.bin", RANDOM)
    path = write(tmp_path / "wheels", archive.getvalue())

    found = read_layer(make_blob(tmp_path / "blobs", environment, path), environment.prefix)

    assert found[f"{environment.site_packages}/alpha.bin"] == (False, RANDOM)


def test_script_too_large_to_be_rewritten_is_refused(tmp_path, environment, monkeypatch):
    """Its first line would have to change, and with it everything behind."""
    monkeypatch.setattr(wheelfile, "IN_MEMORY_LIMIT_BYTES", 1000)
    script = b"#!python\n" + RANDOM
    path = write(tmp_path / "wheels", make_wheel("alpha", "1.0", {f"{DATA}/scripts/tool": script}))

    with pytest.raises(WheelInvalid, match="the script 'tool' is too large to be rewritten"):
        make_blob(tmp_path / "blobs", environment, path)


def test_wheel_of_another_format_version_is_refused(tmp_path, environment):
    """Version 2 may mean anything."""
    archive = make_wheel("alpha", "1.0", {"alpha.py": ""})
    lines = b"Wheel-Version: 2.0\nRoot-Is-Purelib: true\n"
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, lines if info.filename.endswith("WHEEL") else old.read(info))

    with pytest.raises(WheelInvalid, match=r"expected Wheel-Version 1\.x, got '2\.0'"):
        make_blob(tmp_path / "blobs", environment, write(tmp_path / "wheels", target.getvalue()))


def test_bytecode_of_a_giant_comes_in_parts(tmp_path, environment, monkeypatch):
    """What is held is bounded; the tree is the same, only its order in the layer differs."""
    files = {f"alpha/m{number}.py": f"x = {number}\n" for number in range(20)}
    path = write(tmp_path / "wheels", make_wheel("alpha", "1.0", files))
    expected = read_layer(make_blob(tmp_path / "whole", environment, path, bytecode=True), environment.prefix)
    monkeypatch.setattr(wheelinstall, "HELD_BYTES", 500)

    found = read_layer(make_blob(tmp_path / "parts", environment, path, bytecode=True), environment.prefix)

    assert found == expected
    assert sum(name.endswith(".pyc") for name in found) == 20


def test_layer_is_one_stream_to_any_reader(tmp_path, environment):
    """Members read as one; nothing stands behind the last."""
    path = write(tmp_path / "wheels", make_wheel("alpha", "1.0", FILES))
    blob = make_blob(tmp_path / "blobs", environment, path)

    assert b"".join(zlib.decompress(stream, -15) for stream in find_members(blob)) == gzip.decompress(blob)
