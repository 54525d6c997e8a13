"""A bench with a repository whose layer index is in a registry."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.unit.builders.samples import Bench, make_bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = make_bench(tmp_path)
    bench.add_package("gamma", files={"gamma/data.bin": hashlib.shake_256(b"gamma").digest(2 << 20)})
    return bench
