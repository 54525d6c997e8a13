"""What is verified."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.builders.samples import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    bench.add_package("alpha")
    bench.add_package("beta", requires=["alpha>=1"])
    bench.build()
    return bench
