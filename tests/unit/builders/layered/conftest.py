"""A bench with a base and two packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.builders.samples import Bench, make_bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path)
