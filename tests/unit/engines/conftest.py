"""A local engine on a bench, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.engines.local import LocalEngine
from tests.fakes import FakeSources
from tests.unit.builders.samples import Bench
from tests.unit.engines.parts import Clock


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    bench.add_package("alpha")
    return bench


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(bench: Bench, clock: Clock) -> Iterator[LocalEngine]:
    engine = LocalEngine(
        sources=FakeSources(bench.source),
        images=bench.images,
        output=bench.images,
        index=bench.index,
        caches=OwnerCaches(bench.folder / "workspace"),
        workers=1,
        slots=1,
        clock=clock,
    )
    yield engine
    engine.close()
