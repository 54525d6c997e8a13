"""Byte-code that is kept by wheel: whose it may be, and what it depends on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.builders.wheels import wheelinstall
from hublish.builders.wheels.bytecodecache import BytecodeCache, make_bytecode_key
from hublish.builders.wheels.wheellayer import WheelLayerJob, make_wheel_layer
from hublish.oci.manifest import make_digest
from tests.sandbox.wheels import make_wheel
from tests.unit.builders.wheels.parts import DATA, make_blob, write


def test_cache_gives_the_bytes_that_compiling_gives(tmp_path, environment, monkeypatch):
    """A wheel is compiled once for an interpreter and a place; a template that cannot be compiled stays one."""
    files = {"alpha/a.py": "x = 1\n", "alpha/template.py": "{{ name }} = \n", f"{DATA}/purelib/b.py": "y = {1, 2}\n"}
    path = write(tmp_path / "wheels", make_wheel("alpha", "1.0", files))
    expected = make_blob(tmp_path / "plain", environment, path, bytecode=True)
    job = WheelLayerJob(
        wheels=(path,),
        environment=environment,
        bytecode=True,
        folder=tmp_path / "cached",
        hashes=("a" * 64,),
        cache=BytecodeCache(folder=tmp_path / "bytecode", writable=True),
    )

    first = make_wheel_layer(job)
    monkeypatch.setattr(wheelinstall, "make_bytecode", lambda *_, **__: pytest.fail("compiled twice"))
    second = make_wheel_layer(job)

    assert first == second
    assert second.blob.digest == make_digest(expected)
    assert len(list((tmp_path / "bytecode").iterdir())) == 1


def test_cache_of_others_is_read_and_never_written(tmp_path, environment):
    """A build of other people's code leaves nothing that another build would use."""
    path = write(tmp_path / "wheels", make_wheel("alpha", "1.0", {"a.py": "x = 1\n"}))
    cache = BytecodeCache(folder=tmp_path / "bytecode", writable=False)
    job = WheelLayerJob(
        wheels=(path,), environment=environment, bytecode=True, folder=tmp_path, hashes=("a" * 64,), cache=cache
    )

    make_wheel_layer(job)

    assert not cache.folder.exists()


def test_damaged_cache_is_made_anew(tmp_path):
    """Half a file is no file."""
    cache = BytecodeCache(folder=tmp_path, writable=True)
    cache.store("key", {"/a.py": b"code" * 100})
    whole = (tmp_path / "key.zip").read_bytes()

    assert cache.load("key") == {"/a.py": b"code" * 100}
    listed = whole.index(b"PK\x01\x02")
    # An unknown compression, a password, deflate that is none: each has an error of its own.
    changes = ((10, b"\x63"), (8, b"\x01"), (10, b"\x08"))
    others = [whole[: listed + at] + byte + whole[listed + at + 1 :] for at, byte in changes]
    for damaged in (b"", whole[:50], whole.replace(b"codecode", b"codeC0de", 1), *others):
        (tmp_path / "key.zip").write_bytes(damaged)
        assert cache.load("key") is None


def test_giant_is_not_kept(tmp_path, environment, monkeypatch):
    """What is too much to be held is compiled each time."""
    monkeypatch.setattr(wheelinstall, "HELD_BYTES", 10)
    path = write(tmp_path / "wheels", make_wheel("alpha", "1.0", {"a.py": "x = 1\n", "b.py": "y = 1\n"}))
    cache = BytecodeCache(folder=tmp_path / "bytecode", writable=True)

    make_wheel_layer(
        WheelLayerJob(
            wheels=(path,), environment=environment, bytecode=True, folder=tmp_path, hashes=("a" * 64,), cache=cache
        )
    )

    assert not cache.folder.exists()


def test_key_names_all_that_bytecode_depends_on(environment):
    """Another wheel, another place: another key."""
    other = replace(environment, site_packages="/usr/lib/python3.11/site-packages")

    keys = {
        make_bytecode_key("a", environment, distribution="alpha"),
        make_bytecode_key("b", environment, distribution="alpha"),
        make_bytecode_key("a", other, distribution="alpha"),
    }

    assert len(keys) == 3
