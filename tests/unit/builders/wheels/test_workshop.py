"""The processes that make layers, apart from a build."""

from __future__ import annotations

from concurrent.futures import wait
from types import SimpleNamespace

import pytest

from hublish.builders.layered.environment import make_environment
from hublish.builders.layered.layering import LayerGroup
from hublish.builders.wheels import workshop
from hublish.builders.wheels.bytecodecache import BytecodeCache
from hublish.builders.wheels.choice import ChosenWheel, SizedWheel
from hublish.core.locks.lock import LockedPackage
from hublish.core.plan import Environment
from hublish.core.ports import IndexFile
from hublish.errors import BuildFailed
from tests.fakes import TINY_BASE
from tests.unit.builders.baseimage.parts import read
from tests.unit.builders.samples import die


def make_sized(name: str) -> SizedWheel:
    package = LockedPackage(name=name, version="1.0", hashes=(), source="")
    file = IndexFile(filename=f"{name}.whl", url="", sha256="a" * 64, size_bytes=None)
    return SizedWheel(chosen=ChosenWheel(package=package, source=None, file=file), size_bytes=2 << 20)


def test_process_that_dies_while_others_are_begun_is_told(tmp_path, monkeypatch):
    """The next layer that is begun meets a pool that is broken; the error is the same."""
    monkeypatch.setattr(workshop, "make_wheel_layer", die)
    wheels = [make_sized(name) for name in ("gamma", "delta")]
    groups = [LayerGroup(wheels=(wheel,)) for wheel in wheels]
    made = workshop.Workshop(
        environment=make_environment(read(TINY_BASE), Environment.VENV),
        bytecode=False,
        cache=BytecodeCache(folder=tmp_path, writable=False),
        wheels=SimpleNamespace(path=lambda chosen: tmp_path / chosen.file.filename),
        blobs=tmp_path,
        workers=1,
        verify_running=lambda: None,
    )

    with made:
        made.begin(groups[0])
        wait(made._begun.values())
        with pytest.raises(BuildFailed, match="a process that makes layers died"):
            made.begin(groups[1])
