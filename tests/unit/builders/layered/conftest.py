"""A bench with a base and two packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.builders.samples import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    bench.add_package("alpha", scripts={"alpha": "alpha:main"})
    bench.add_package("beta", requires=["alpha>=1"])
    return bench
