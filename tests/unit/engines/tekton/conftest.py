"""An engine on a cluster in memory, with its registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hublish.core.plan import Strategy
from hublish.core.podlines import LayerRecords
from hublish.engines.tekton import attendance
from hublish.engines.tekton.engine import TektonChoices, TektonEngine
from hublish.errors import BuildFailed
from tests.fakes import FakeImages
from tests.golden.tekton_runs import LAYERED_CHOICES
from tests.unit.engines.tekton.fakes import FakeCluster


def _verify_given(files: dict[str, dict[str, bytes]]) -> dict[str, dict[str, bytes]]:
    if not files:
        raise BuildFailed("the Dockerfile needs a secret that it is not given")
    return files


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at pods follow each other as fast as polls."""
    monkeypatch.setattr(attendance, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(attendance, "POLL_SECONDS", 0.02)


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    cluster = FakeCluster()
    yield cluster
    cluster.close()


@pytest.fixture
def images() -> FakeImages:
    return FakeImages()


@pytest.fixture
def kept_records() -> list[tuple[LayerRecords, str, str]]:
    """`(records, name of the build, digest of its image)`, as the engine hands them on."""
    return []


@pytest.fixture
def step_files() -> dict[str, dict[str, bytes]]:
    """What the Steps of each build are given."""
    return {"fetch": {"request": b"what to build"}, "push": {"login": b"secret"}}


@pytest.fixture
def engine(
    cluster: FakeCluster,
    images: FakeImages,
    kept_records: list[tuple[LayerRecords, str, str]],
    step_files: dict[str, dict[str, bytes]],
    tmp_path: Path,
) -> Iterator[TektonEngine]:
    engine = TektonEngine(
        TektonChoices(
            runs={Strategy.LAYERED: LAYERED_CHOICES},
            slots=2,
            keep_runs=1,
            keep_seconds=1e9,
            folder=tmp_path,
            grace_seconds=0,
        ),
        cluster=cluster,
        images=images,
        make_files=lambda _: _verify_given(step_files),
        keep_records=lambda records, run, outcome: kept_records.append((records, run.request.name, outcome.digest)),
    )
    yield engine
    cluster.close()
    engine.close()
